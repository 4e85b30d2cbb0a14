// netlink/nft-table: detects changes of the loaded table. The generation counts all nf_tables transactions; handles
// are never reused, and chains count their rules. The agent does not join NFNLGRP_NFTABLES: with a listener, the
// kernel makes a page-sized announcement for every element of every transaction, and a blocklist of 30,000 addresses
// would take 120 MB of a router that has 64.
import {
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_UNSPEC,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getText,
  type Message,
  type MessageReader,
  readAttributes,
} from './message.ts';
import {
  NFT_MSG_GETFLOWTABLE,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWFLOWTABLE,
  NFT_MSG_NEWTABLE,
  NFTA_FLOWTABLE_TABLE,
  NFTA_TABLE_NAME,
} from './nft-constants.ts';
import { attributeString, beginMessage, endMessage, putNetfilter, type Writer } from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Message type of a table. */
export const TABLE_MESSAGE = type(NFT_MSG_NEWTABLE);
/** Message type of a dumped flow table. */
export const FLOWTABLE = type(NFT_MSG_NEWFLOWTABLE);

/** Asks for one table: the replies are its message and an acknowledgement, or an error (isNotFound). */
export function putTableQuery(w: Writer, seq: number, family: number, table: string): void {
  beginMessage(w, type(NFT_MSG_GETTABLE), NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, family, 0);
  attributeString(w, NFTA_TABLE_NAME, table);
  endMessage(w);
}

/** Requests the flow tables of all families; the replies are FLOWTABLE messages for `readFlowTable`. */
export function putFlowTableDump(w: Writer, seq: number): void {
  beginMessage(w, type(NFT_MSG_GETFLOWTABLE), NLM_F_REQUEST | NLM_F_DUMP, seq);
  putNetfilter(w, NFPROTO_UNSPEC, 0);
  endMessage(w);
}

const fields = createAttributes(NFTA_FLOWTABLE_TABLE);

/** The table of a FLOWTABLE message. */
export function readFlowTable(r: MessageReader, m: Message): Decoded<string> {
  if (m.body + 4 > m.end) return { ok: false, reason: 'flow table: no nfgenmsg' };
  const reason = readAttributes(r, m.body + 4, m.end, fields);
  if (reason) return { ok: false, reason: `flow table: ${reason}` };
  const [at, size] = [fields.at[NFTA_FLOWTABLE_TABLE]!, fields.size[NFTA_FLOWTABLE_TABLE]!];
  return { ok: true, value: getText(r.bytes, at, size) };
}

/** A text that changes when one of a table's chains is made, deleted or flushed or a rule is added; '': there is none.
 * `chains`: a line for each: name, handle, and number of its rules and of jumps to it. */
export function fingerprint(chains: string): string {
  return chains.split('\n').slice(0, -1).sort().join(',');
}
