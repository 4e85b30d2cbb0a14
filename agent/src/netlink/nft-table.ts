// netlink/nft-table: detects changes of the loaded table. The generation counts all nf_tables transactions; handles
// are never reused, and chains count their rules. The agent does not join NFNLGRP_NFTABLES: with a listener, the
// kernel makes a page-sized announcement for every element of every transaction, and a blocklist of 30,000 addresses
// would take 120 MB of a router that has 64.
import { NFNL_SUBSYS_NFTABLES, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getBe64,
  getText,
  has,
  type Message,
  type MessageReader,
  readAttributes,
} from './message.ts';
import {
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWFLOWTABLE,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_HANDLE,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_USE,
  NFTA_TABLE_NAME,
} from './nft-constants.ts';
import { attributeString, beginMessage, endMessage, putNetfilter, type Writer } from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Message type of a table. */
export const TABLE_MESSAGE = type(NFT_MSG_NEWTABLE);
/** Message type of a dumped chain. */
export const CHAIN = type(NFT_MSG_NEWCHAIN);
/** Message type of a dumped flow table. */
export const FLOWTABLE = type(NFT_MSG_NEWFLOWTABLE);

/** Asks for one table: the replies are its message and an acknowledgement, or an error (isNotFound). */
export function putTableQuery(w: Writer, seq: number, family: number, table: string): void {
  beginMessage(w, type(NFT_MSG_GETTABLE), NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, family, 0);
  attributeString(w, NFTA_TABLE_NAME, table);
  endMessage(w);
}

/** Requests the chains of all tables of `family`; the replies are CHAIN messages for `readChain`. With
 * NFT_MSG_GETFLOWTABLE it requests flow tables, whose first attribute is the table's name too. */
export function putChainDump(
  w: Writer,
  seq: number,
  family: number,
  message = NFT_MSG_GETCHAIN,
): void {
  beginMessage(w, type(message), NLM_F_REQUEST | NLM_F_DUMP, seq);
  putNetfilter(w, family, 0);
  endMessage(w);
}

export interface KernelChain {
  readonly table: string;
  readonly name: string;
  /** Unique in the table, never reused. */
  readonly handle: number;
  /** Number of its rules and of jumps to it. */
  readonly uses: number;
}

/** Reused for every message. */
const fields = createAttributes(NFTA_CHAIN_USE);

/** Whether a CHAIN message is of `table`, without decoding the rest: a router has hundreds of chains. The kernel
 * writes the table's name first; true also where another attribute is first. */
export function isChainOf({ bytes, little }: MessageReader, m: Message, table: string): boolean {
  const at = m.body + 4;
  const first = bytes[at + (little ? 2 : 3)];
  if (first !== NFTA_CHAIN_TABLE) return true;
  for (let i = 0; i < table.length; i++) {
    if (bytes[at + 4 + i] !== table.charCodeAt(i)) return false;
  }
  return bytes[at + 4 + table.length] === 0;
}

/** Decodes one CHAIN message. */
export function readChain(r: MessageReader, m: Message): Decoded<KernelChain> {
  if (m.body + 4 > m.end) return { ok: false, reason: 'chain: no nfgenmsg' };
  const reason = readAttributes(r, m.body + 4, m.end, fields);
  if (reason) return { ok: false, reason: `chain: ${reason}` };
  const text = (a: number): string => getText(r.bytes, fields.at[a]!, fields.size[a]!);
  const value = {
    table: text(NFTA_CHAIN_TABLE),
    name: text(NFTA_CHAIN_NAME),
    handle: has(fields, NFTA_CHAIN_HANDLE, 8) ? getBe64(r.bytes, fields.at[NFTA_CHAIN_HANDLE]!) : 0,
    uses: has(fields, NFTA_CHAIN_USE, 4) ? getBe32(r.bytes, fields.at[NFTA_CHAIN_USE]!) : 0,
  };
  return { ok: true, value };
}

/** A text that changes when one of a table's `chains` is made, deleted or flushed or a rule is added; '': there is
 * none. */
export function fingerprint(chains: readonly KernelChain[]): string {
  return chains
    .map(({ name, handle, uses }) => `${name} ${handle} ${uses}`)
    .sort()
    .join(',');
}
