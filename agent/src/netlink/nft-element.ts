// netlink/nft-element: requests all elements of a set, and how they are told; the host program decodes them. The ruleset
// adds ports, peers and windows to its sets itself, without a message to the agent, so status and "why" read them here.
import { NFNL_SUBSYS_NFTABLES, NLM_F_DUMP, NLM_F_REQUEST } from './constants.ts';
import { NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM } from './nft-constants.ts';
import { putSetName, type TableName } from './nft-set.ts';
import { beginMessage, endMessage, type Writer } from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Message type of a dumped or announced element. */
export const SET_ELEMENTS = type(NFT_MSG_NEWSETELEM);

/** Requests all elements of `set`; the replies are SET_ELEMENTS messages. */
export function putSetDump(w: Writer, seq: number, where: TableName, set: string): void {
  beginMessage(w, type(NFT_MSG_GETSETELEM), NLM_F_REQUEST | NLM_F_DUMP, seq);
  putSetName(w, where, set);
  endMessage(w);
}

/** An element as the kernel holds it. */
export interface KernelElement {
  readonly key: Uint8Array;
  /** Milliseconds left; absent = does not expire. */
  readonly expiration?: number;
}

/** Whether an element is wanted, by its key with one character a byte. */
export type KeyFilter = (key: string) => boolean;
