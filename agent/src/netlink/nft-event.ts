// netlink/nft-event: decodes the nf_tables generation, the count of its transactions: the reply to a query
// (nft-table), or an announcement to group NFNLGRP_NFTABLES, which the agent does not join.
import { NFNL_SUBSYS_NFTABLES } from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getText,
  has,
  type Message,
  type MessageReader,
  readAttributes,
} from './message.ts';
import {
  NFT_MSG_NEWGEN,
  NFTA_GEN_ID,
  NFTA_GEN_PROC_NAME,
  NFTA_GEN_PROC_PID,
} from './nft-constants.ts';

export type NftEvent =
  /** A transaction was committed: the generation after it, and the process that made it. */
  | {
      readonly kind: 'generation';
      readonly generation: number;
      readonly pid: number;
      readonly program: string;
    }
  /** Tables, chains, rules, elements ...: ignored. */
  | { readonly kind: 'other' };

const OTHER: Decoded<NftEvent> = { ok: true, value: { kind: 'other' } };

/** Decodes one message from the nf_tables group, or the answer to `putGenerationQuery`. */
export function readNftEvent(r: MessageReader, m: Message): Decoded<NftEvent> {
  if (m.type >>> 8 !== NFNL_SUBSYS_NFTABLES) return OTHER;
  const message = m.type & 0xff;
  if (m.body + 4 > m.end) return { ok: false, reason: 'nf_tables event: no nfgenmsg' };
  return message === NFT_MSG_NEWGEN ? readGeneration(r, m) : OTHER;
}

function readGeneration(r: MessageReader, m: Message): Decoded<NftEvent> {
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
