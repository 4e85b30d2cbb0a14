// netlink/nft-table: does the table still stand as it was loaded? The generation counts every
// transaction of anybody; table and chains have handles that are never used twice and count what is
// in them. Nobody joins NFNLGRP_NFTABLES for this: while somebody listens there, the kernel makes a
// page-sized announcement for every element of every transaction, and a blocklist of 30,000
// addresses would take 120 MB of a router that has 64.
import { NFNL_SUBSYS_NFTABLES, NLM_F_DUMP, NLM_F_REQUEST } from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getBe64,
  getText,
  has,
  type Message,
  type Reader,
  readAttributes,
} from './message.ts';
import {
  NFT_MSG_GETCHAIN,
  NFT_MSG_GETGEN,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWFLOWTABLE,
  NFTA_CHAIN_HANDLE,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_USE,
} from './nft-constants.ts';
import { beginMessage, endMessage, putNetfilter, type Writer } from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Message type of a dumped chain. */
export const CHAIN = type(NFT_MSG_NEWCHAIN);
/** Message type of a dumped flow table. */
export const FLOWTABLE = type(NFT_MSG_NEWFLOWTABLE);

/** Asks for the generation: one message for nft-event's `readNftEvent` (kind "generation"). */
export function putGenerationQuery(w: Writer, seq: number): void {
  beginMessage(w, type(NFT_MSG_GETGEN), NLM_F_REQUEST, seq);
  putNetfilter(w, 0, 0);
  endMessage(w);
}

/** Asks for the chains of all tables of `family`; answers are CHAIN messages for `readChain`. Or, with
 * NFT_MSG_GETFLOWTABLE, for flow tables: they name their table where a chain does. */
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
  /** Unique in the table, never given twice. */
  readonly handle: number;
  /** Rules in it, and jumps to it. */
  readonly uses: number;
}

/** Reused: reading one message ends before the next one begins. */
const fields = createAttributes(NFTA_CHAIN_USE);

/** Decodes one CHAIN message. */
export function readChain(r: Reader, m: Message): Decoded<KernelChain> {
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

/** One line that is another as soon as a chain of the table was made, deleted, emptied or added to;
 * '' when the table has none. */
export function fingerprint(chains: readonly KernelChain[], table: string): string {
  return chains
    .filter((chain) => chain.table === table)
    .map(({ name, handle, uses }) => `${name} ${handle} ${uses}`)
    .sort()
    .join(',');
}
