// netlink/nft-set: encodes changes of set elements as one nf_tables transaction. If the kernel refuses one element,
// it changes nothing and names the message by sequence number; `faultOf` finds the element from that.
import {
  AF_UNSPEC,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
} from './constants.ts';
import {
  type Ack,
  createAttributes,
  createMessage,
  getU16,
  type MessageReader,
  readAttributes,
  readMessage,
} from './message.ts';
import {
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_TIMEOUT,
} from './nft-constants.ts';
import {
  attributeBe32,
  attributeBe64,
  attributeBytes,
  attributeString,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putNetfilter,
  type Writer,
} from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Family (NFPROTO_*) and name of the table that holds the sets. */
export interface TableName {
  readonly family: number;
  readonly table: string;
}

export interface SetElement {
  /** Network order, each concatenated field padded to four bytes. */
  readonly key: Uint8Array;
  /** Last key of an interval, in a set with a concatenated key. */
  readonly keyEnd?: Uint8Array;
  /** Milliseconds; absent = the default of the set. */
  readonly timeout?: number;
  /** This key is the end of an interval (sets of plain intervals store the end as an element of its own). */
  readonly intervalEnd?: boolean;
}

/** `add` does not change an existing element, `delete` of a missing one fails (ENOENT), `renew` adds the element
 * or restarts its timeout. */
export interface SetChange {
  readonly operation: 'add' | 'delete' | 'renew';
  readonly set: string;
  readonly elements: readonly SetElement[];
}

/** One element message of a batch: elements [from, to) of change number `change`. */
export interface BatchPart {
  readonly seq: number;
  readonly change: number;
  readonly from: number;
  readonly to: number;
}

/** An encoded batch with sequence numbers first..last; an error can name any of them. */
export interface SetBatch {
  readonly first: number;
  readonly last: number;
  /** Sequence number that the kernel acknowledges if it accepts the batch. */
  readonly acknowledged: number;
  readonly parts: readonly BatchPart[];
}

/** Longest list of elements in one message, bytes: half of the range of the length field. */
const LIST_LIMIT = 0x8000;

/** Elements in one transaction. While a process listens to NFNLGRP_NFTABLES, the kernel keeps a page-sized
 * announcement for every element until the commit (nf_tables_setelem_notify): 256 are 1 MiB with pages of 4 KiB;
 * 3,000 exhausted a machine of 64 MB with pages of 16 KiB. */
const BATCH_ELEMENTS = 256;

/** Splits `changes` into transactions of at most `limit` elements, in the same order. */
export function splitChanges(
  changes: readonly SetChange[],
  limit = BATCH_ELEMENTS,
): readonly (readonly SetChange[])[] {
  const batches: SetChange[][] = [];
  let room = 0;
  for (const change of changes) {
    for (let from = 0; from < change.elements.length; ) {
      if (room === 0) {
        batches.push([]);
        room = limit;
      }
      const elements = change.elements.slice(from, from + room);
      batches.at(-1)!.push({ ...change, elements });
      from += elements.length;
      room -= elements.length;
    }
  }
  return batches;
}

/** Opens a transaction (NFNL_MSG_BATCH_BEGIN). */
export function putBatchBegin(w: Writer, seq: number): void {
  beginMessage(w, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, seq);
  putNetfilter(w, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  endMessage(w);
}

/** Commits it (NFNL_MSG_BATCH_END). Without this message the kernel undoes everything. */
export function putBatchEnd(w: Writer, seq: number): void {
  beginMessage(w, NFNL_MSG_BATCH_END, NLM_F_REQUEST, seq);
  putNetfilter(w, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  endMessage(w);
}

/** Writes `changes` as one transaction, to be sent with one send(). Sequence numbers start at `seq`; the next free
 * one is `last + 1`. Without elements `parts` is empty and nothing needs to be sent. */
export function putSetBatch(
  w: Writer,
  seq: number,
  where: TableName,
  changes: readonly SetChange[],
): SetBatch {
  putBatchBegin(w, seq);
  const parts: BatchPart[] = [];
  let next = seq + 1;
  for (let change = 0; change < changes.length; change++) {
    const { operation, set, elements } = changes[change]!;
    for (const message of MESSAGES[operation]) {
      for (let from = 0; from < elements.length; ) {
        const to = putElements(w, next, message, where, set, elements, from);
        parts.push({ seq: next, change, from, to });
        from = to;
        next += 1;
      }
    }
  }
  // Linux before 6.10 does not acknowledge BATCH_END, so the last element message requests the acknowledgement.
  if (parts.length > 0) requestAck(w);
  putBatchEnd(w, next);
  return { first: seq, last: next, acknowledged: next - 1, parts };
}

/** Before Linux 6.12 adding an existing element does not change its timeout. So `renew` adds it (now it exists),
 * deletes it (cannot fail) and adds it again, in one transaction. */
const MESSAGES = {
  add: [NFT_MSG_NEWSETELEM],
  delete: [NFT_MSG_DELSETELEM],
  renew: [NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM],
} as const;

/** Sets NLM_F_ACK (low byte of the 16-bit flags) in the last message written. */
function requestAck(w: Writer): void {
  const at = w.message + (w.little ? 6 : 7);
  w.bytes[at] = w.bytes[at]! | NLM_F_ACK;
}

/** Writes one message with elements from `from` on, as many as fit. Returns the next index. */
function putElements(
  w: Writer,
  seq: number,
  message: number,
  where: TableName,
  set: string,
  elements: readonly SetElement[],
  from: number,
): number {
  const create = message === NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;
  beginMessage(w, type(message), NLM_F_REQUEST | create, seq);
  putSetName(w, where, set);
  const list = beginAttribute(w, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS);
  let i = from;
  while (i < elements.length && (i === from || w.length - list < LIST_LIMIT)) {
    putElement(w, elements[i]!, message !== NFT_MSG_DELSETELEM);
    i += 1;
  }
  endAttribute(w, list);
  endMessage(w);
  return i;
}

/** nfgenmsg and the two names at the start of every element message. */
export function putSetName(w: Writer, where: TableName, set: string): void {
  putNetfilter(w, where.family, 0);
  attributeString(w, NFTA_SET_ELEM_LIST_TABLE, where.table);
  attributeString(w, NFTA_SET_ELEM_LIST_SET, set);
}

/** One element of a list. */
export function putElement(w: Writer, element: SetElement, timed: boolean): void {
  const at = beginAttribute(w, NLA_F_NESTED | NFTA_LIST_ELEM);
  if (element.intervalEnd) attributeBe32(w, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  if (timed && element.timeout !== undefined) {
    attributeBe64(w, NFTA_SET_ELEM_TIMEOUT, element.timeout);
  }
  putKey(w, NFTA_SET_ELEM_KEY, element.key);
  if (element.keyEnd) putKey(w, NFTA_SET_ELEM_KEY_END, element.keyEnd);
  endAttribute(w, at);
}

function putKey(w: Writer, attribute: number, key: Uint8Array): void {
  const at = beginAttribute(w, NLA_F_NESTED | attribute);
  attributeBytes(w, NFTA_DATA_VALUE, key);
  endAttribute(w, at);
}

/** The refused change. `element`: index in the change, if the kernel named the element. */
export interface SetFault {
  readonly errno: number;
  readonly change: number;
  readonly from: number;
  readonly to: number;
  readonly element?: number;
}

/** Finds the change that the failed acknowledgement `ack` refers to. `sent` reads the batch as it was sent.
 * Undefined: the whole batch was refused (EPERM, ENOMEM). */
export function faultOf(sent: MessageReader, batch: SetBatch, ack: Ack): SetFault | undefined {
  const part = batch.parts.find((p) => p.seq === ack.seq);
  if (!part) return undefined;
  const fault = { errno: ack.errno, change: part.change, from: part.from, to: part.to };
  if (part.to - part.from === 1) return { ...fault, element: part.from };
  const index = ack.offset === undefined ? -1 : elementAt(sent, ack.seq, ack.offset);
  return index < 0 ? fault : { ...fault, element: part.from + index };
}

/** Index of the element whose attribute covers `offset` of message `seq`, or -1. */
function elementAt(sent: MessageReader, seq: number, offset: number): number {
  const m = createMessage();
  const end = sent.bytes.length;
  for (let at = 0; at < end; ) {
    at = readMessage(sent, at, end, m);
    if (at < 0) return -1;
    if (m.seq === seq) break;
  }
  const list = createAttributes(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (m.seq !== seq || readAttributes(sent, m.body + 4, m.end, list) !== undefined) return -1;
  const wanted = m.at + offset;
  let index = 0;
  let at = list.at[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  const stop = at + list.size[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  for (; at + 4 <= stop && at <= wanted; index++) {
    const next = at + ((getU16(sent, at) + 3) & ~3);
    // The offset may be of the element or of an attribute inside it.
    if (wanted < next) return index;
    at = next;
  }
  return -1;
}
