// netlink/nft-event: what nf_tables announces to group NFNLGRP_NFTABLES. The agent listens for one
// thing: is its table still there? `fw4 flush` or `nft flush ruleset` deletes every table, and then
// the ruleset is loaded again (invariant 3).
import { NFNL_SUBSYS_NFTABLES, NLM_F_ACK, NLM_F_REQUEST } from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getText,
  has,
  type Message,
  type Reader,
  readAttributes,
} from './message.ts';
import {
  NFT_MSG_DELTABLE,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWGEN,
  NFT_MSG_NEWTABLE,
  NFTA_GEN_ID,
  NFTA_GEN_PROC_NAME,
  NFTA_GEN_PROC_PID,
  NFTA_TABLE_NAME,
} from './nft-constants.ts';
import { attributeString, beginMessage, endMessage, putNetfilter, type Writer } from './writer.ts';

export type NftEvent =
  /** A table was made or deleted; family is NFPROTO_*. */
  | {
      readonly kind: 'table-new' | 'table-deleted';
      readonly family: number;
      readonly table: string;
    }
  /** A transaction was committed: its number, and the program that made it. */
  | {
      readonly kind: 'generation';
      readonly generation: number;
      readonly pid: number;
      readonly program: string;
    }
  /** Chains, rules, elements ...: nothing that is acted on. */
  | { readonly kind: 'other' };

const OTHER: Decoded<NftEvent> = { ok: true, value: { kind: 'other' } };

/** Decodes one message from the nf_tables group, or the answer to `putTableQuery`. */
export function readNftEvent(r: Reader, m: Message): Decoded<NftEvent> {
  if (m.type >>> 8 !== NFNL_SUBSYS_NFTABLES) return OTHER;
  const message = m.type & 0xff;
  if (m.body + 4 > m.end) return { ok: false, reason: 'nf_tables event: no nfgenmsg' };
  if (message === NFT_MSG_NEWGEN) return readGeneration(r, m);
  if (message !== NFT_MSG_NEWTABLE && message !== NFT_MSG_DELTABLE) return OTHER;
  const fields = createAttributes(NFTA_TABLE_NAME);
  const reason = readAttributes(r, m.body + 4, m.end, fields);
  if (reason) return { ok: false, reason: `nf_tables event: ${reason}` };
  const kind = message === NFT_MSG_NEWTABLE ? 'table-new' : 'table-deleted';
  const table = getText(r.bytes, fields.at[NFTA_TABLE_NAME]!, fields.size[NFTA_TABLE_NAME]!);
  return { ok: true, value: { kind, family: r.bytes[m.body]!, table } };
}

function readGeneration(r: Reader, m: Message): Decoded<NftEvent> {
  const fields = createAttributes(NFTA_GEN_PROC_NAME);
  const reason = readAttributes(r, m.body + 4, m.end, fields);
  if (reason) return { ok: false, reason: `nf_tables event: ${reason}` };
  const number = (a: number): number => (has(fields, a, 4) ? getBe32(r.bytes, fields.at[a]!) : 0);
  const value = {
    kind: 'generation' as const,
    generation: number(NFTA_GEN_ID),
    pid: number(NFTA_GEN_PROC_PID),
    program: getText(r.bytes, fields.at[NFTA_GEN_PROC_NAME]!, fields.size[NFTA_GEN_PROC_NAME]!),
  };
  return { ok: true, value };
}

/** Asks whether a table exists: a `table-new` message, or errno ENOENT. */
export function putTableQuery(w: Writer, seq: number, family: number, table: string): void {
  beginMessage(w, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, family, 0);
  attributeString(w, NFTA_TABLE_NAME, table);
  endMessage(w);
}
