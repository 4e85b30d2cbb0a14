// netlink/nft-set: what reconcile/ wants in the kernel's sets, as one nf_tables transaction, and
// what is in them. A batch is all or nothing: when one element is refused the kernel changes
// nothing and names the message by sequence number; `faultOf` turns that into the element.
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
  type Reader,
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

/** The table that holds the sets: NFPROTO_* and its name. */
export interface TableName {
  readonly family: number;
  readonly table: string;
}

export interface SetElement {
  /** Network order, each concatenated field padded to four bytes. */
  readonly key: Uint8Array;
  /** Last key of an interval, in a set whose key is concatenated. */
  readonly keyEnd?: Uint8Array;
  /** Milliseconds; absent = the set's own. */
  readonly timeout?: number;
  /** This key closes an interval (sets of plain intervals keep the end as an element of its own). */
  readonly intervalEnd?: boolean;
}

/** `add` leaves an element that is there as it is, `delete` of an absent one fails (ENOENT),
 * `renew` gives it its timeout anew whether it is there or not. */
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

/** A batch in the writer: sequence numbers first..last, all of which may be named by an error. */
export interface SetBatch {
  readonly first: number;
  readonly last: number;
  /** The message that is acknowledged when the batch was good. */
  readonly acknowledged: number;
  readonly parts: readonly BatchPart[];
}

/** Longest list of elements in one message, bytes: half of what the length field can say. */
const LIST_LIMIT = 0x8000;

/** Elements one transaction should hold. While anybody listens to NFNLGRP_NFTABLES the kernel keeps
 * a page-sized announcement for every element until the commit (nf_tables_setelem_notify): 256 are
 * 1 MiB with pages of 4 KiB, 3,000 took the last memory of a 64 MB machine with pages of 16. */
const BATCH_ELEMENTS = 256;

/** Cuts `changes` into transactions of at most `limit` elements, in the same order. */
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

/** Writes all `changes` as one transaction that must go out in one send(). Sequence numbers start
 * at `seq`; the next free one is `last + 1`. No elements: `parts` is empty, nothing to send. */
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
  // BATCH_END is not acknowledged before Linux 6.10, so the last element message asks for it.
  if (parts.length > 0) requestAck(w);
  putBatchEnd(w, next);
  return { first: seq, last: next, acknowledged: next - 1, parts };
}

/** Before Linux 6.12 adding an element that exists does not touch its timeout, so `renew` adds it
 * (it is there now), deletes it (cannot fail) and adds it, all in one transaction. */
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

/** nfgenmsg and the two names every element message starts with. */
export function putSetName(w: Writer, where: TableName, set: string): void {
  putNetfilter(w, where.family, 0);
  attributeString(w, NFTA_SET_ELEM_LIST_TABLE, where.table);
  attributeString(w, NFTA_SET_ELEM_LIST_SET, set);
}

/** One element in a list. */
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

/** Which change was refused. `element` is its index in the change, when the kernel named it. */
export interface SetFault {
  readonly errno: number;
  readonly change: number;
  readonly from: number;
  readonly to: number;
  readonly element?: number;
}

/** Finds what the failed acknowledgement `ack` is about: `sent` reads the batch as it was sent.
 * Undefined when it names the batch as a whole (EPERM, ENOMEM). */
export function faultOf(sent: Reader, batch: SetBatch, ack: Ack): SetFault | undefined {
  const part = batch.parts.find((p) => p.seq === ack.seq);
  if (!part) return undefined;
  const fault = { errno: ack.errno, change: part.change, from: part.from, to: part.to };
  if (part.to - part.from === 1) return { ...fault, element: part.from };
  const index = ack.offset === undefined ? -1 : elementAt(sent, ack.seq, ack.offset);
  return index < 0 ? fault : { ...fault, element: part.from + index };
}

/** Index of the element whose attribute starts at `offset` of message `seq`, or -1. */
function elementAt(sent: Reader, seq: number, offset: number): number {
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
    // The kernel may point at the element or at an attribute inside it.
    if (wanted < next) return index;
    at = next;
  }
  return -1;
}
