// Messages that only the tests send or read, beside the agent's own: they set up what the agent finds, and ask
// the kernel what came of it.
import {
  AF_UNSPEC,
  IFF_UP,
  IFLA_MTU,
  NFNL_SUBSYS_NFTABLES,
  NFNL_SUBSYS_QUEUE,
  NFQA_VERDICT_HDR,
  NFQNL_MSG_CONFIG,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_REQUEST,
  RTM_NEWLINK,
} from '../../agent/src/netlink/constants.ts';
import { putLinkHeader } from '../../agent/src/netlink/link.ts';
import {
  createAttributes,
  getText,
  type Message,
  type Reader,
  readAttributes,
} from '../../agent/src/netlink/message.ts';
import { putQueueCommand } from '../../agent/src/netlink/nfqueue.ts';
import {
  NFT_MSG_GETSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_TABLE_NAME,
} from '../../agent/src/netlink/nft-constants.ts';
import { putElement, putSetName, type TableName } from '../../agent/src/netlink/nft-set.ts';
import {
  attributeString,
  attributeU32,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putBe32,
  putNetfilter,
  type Writer,
} from '../../agent/src/netlink/writer.ts';
import {
  NFQNL_CFG_CMD_UNBIND,
  NFQNL_MSG_VERDICT_BATCH,
  NFT_MSG_DELTABLE,
  NFT_MSG_GETTABLE,
} from './nft-constants.ts';

/** Sets a device up or down. Errors: ENODEV. */
export function putLinkState(w: Writer, seq: number, index: number, up: boolean): void {
  beginMessage(w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, seq);
  putLinkHeader(w, index, up ? IFF_UP : 0, IFF_UP);
  endMessage(w);
}

/** Sets a device's MTU in bytes. Errors: ENODEV, EINVAL out of the device's range. */
export function putLinkMtu(w: Writer, seq: number, index: number, mtu: number): void {
  beginMessage(w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, seq);
  putLinkHeader(w, index, 0, 0);
  attributeU32(w, IFLA_MTU, mtu);
  endMessage(w);
}

/** Gives `queue` back; the kernel drops what it still holds. */
export function putQueueUnbind(w: Writer, seq: number, queue: number): void {
  beginMessage(w, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, AF_UNSPEC, queue);
  putQueueCommand(w, NFQNL_CFG_CMD_UNBIND);
  endMessage(w);
}

/** The same verdict on every held packet up to and including `id`. */
export function putVerdictBatch(
  w: Writer,
  seq: number,
  queue: number,
  id: number,
  verdict: number,
): void {
  beginMessage(w, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT_BATCH, NLM_F_REQUEST, seq);
  putNetfilter(w, AF_UNSPEC, queue);
  const at = beginAttribute(w, NFQA_VERDICT_HDR);
  putBe32(w, verdict);
  putBe32(w, id);
  endAttribute(w, at);
  endMessage(w);
}

const table = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Asks whether `key` is in `set`: one SET_ELEMENTS message, or errno ENOENT. */
export function putElementQuery(
  w: Writer,
  seq: number,
  where: TableName,
  set: string,
  key: Uint8Array,
): void {
  beginMessage(w, table(NFT_MSG_GETSETELEM), NLM_F_REQUEST | NLM_F_ACK, seq);
  putSetName(w, where, set);
  const list = beginAttribute(w, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS);
  putElement(w, { key }, false);
  endAttribute(w, list);
  endMessage(w);
}

/** Asks whether a table exists: one message for `readTableEvent`, or errno ENOENT. */
export function putTableQuery(w: Writer, seq: number, family: number, name: string): void {
  beginMessage(w, table(NFT_MSG_GETTABLE), NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, family, 0);
  attributeString(w, NFTA_TABLE_NAME, name);
  endMessage(w);
}

export interface TableEvent {
  readonly kind: 'table-new' | 'table-deleted';
  /** NFPROTO_*. */
  readonly family: number;
  readonly table: string;
}

/** What the group NFNLGRP_NFTABLES is told of a table; null: the message is about something else. */
export function readTableEvent(r: Reader, m: Message): TableEvent | null {
  const made = m.type === table(NFT_MSG_NEWTABLE);
  if (!made && m.type !== table(NFT_MSG_DELTABLE)) return null;
  const fields = createAttributes(NFTA_TABLE_NAME);
  const reason = readAttributes(r, m.body + 4, m.end, fields);
  if (reason) throw new Error(`table event: ${reason}`);
  return {
    kind: made ? 'table-new' : 'table-deleted',
    family: r.bytes[m.body]!,
    table: getText(r.bytes, fields.at[NFTA_TABLE_NAME]!, fields.size[NFTA_TABLE_NAME]!),
  };
}
