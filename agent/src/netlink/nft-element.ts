// netlink/nft-element: requests all elements of a set and decodes them. The ruleset adds ports, peers and windows to
// its sets itself, without a message to the agent, so status and "why" read them here.
import { NFNL_SUBSYS_NFTABLES, NLA_TYPE_MASK, NLM_F_DUMP, NLM_F_REQUEST } from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getBe64,
  getText,
  getU16,
  has,
  type Message,
  type MessageReader,
  readAttributes,
  readNested,
} from './message.ts';
import {
  NFT_MSG_GETSETELEM,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_EXPR,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_TIMEOUT,
} from './nft-constants.ts';
import { putSetName, type SetElement, type TableName } from './nft-set.ts';
import { beginMessage, endMessage, type Writer } from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Message type of a dumped or announced element. */
export const SET_ELEMENTS = type(NFT_MSG_NEWSETELEM);

/** Requests all elements of `set`; the replies are SET_ELEMENTS messages for `readElements`. */
export function putSetDump(w: Writer, seq: number, where: TableName, set: string): void {
  beginMessage(w, type(NFT_MSG_GETSETELEM), NLM_F_REQUEST | NLM_F_DUMP, seq);
  putSetName(w, where, set);
  endMessage(w);
}

/** An element as the kernel holds it. */
export interface KernelElement extends SetElement {
  /** Milliseconds left; absent = does not expire. */
  readonly expiration?: number;
  /** Its own counter, if the set has counters. */
  readonly counted?: { readonly packets: number; readonly bytes: number };
}

export interface ElementList extends TableName {
  readonly set: string;
  readonly elements: readonly KernelElement[];
}

/** Whether the key in bytes[at, end) is wanted. */
export type KeyFilter = (bytes: Uint8Array, at: number, end: number) => boolean;

/** Reused for every message. */
const list = createAttributes(NFTA_SET_ELEM_LIST_ELEMENTS);

/** Number of elements in a SET_ELEMENTS message, without decoding them. */
export function countElements(r: MessageReader, m: Message): number {
  if (m.body + 4 > m.end || readAttributes(r, m.body + 4, m.end, list)) return 0;
  const start = list.at[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  const end = start + list.size[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  let count = 0;
  for (let at = start; at + 4 <= end; count++) {
    const length = getU16(r, at);
    if (length < 4) break;
    at += (length + 3) & ~3;
  }
  return count;
}

/** Decodes one SET_ELEMENTS message (or a deletion). Keys are copied. Left out: elements without a key (the
 * catch-all), keys that `wanted` refuses, and elements after the first `most`. */
export function readElements(
  r: MessageReader,
  m: Message,
  wanted: KeyFilter | null = null,
  most = Number.POSITIVE_INFINITY,
): Decoded<ElementList> {
  if (m.body + 4 > m.end) return { ok: false, reason: 'set elements: no nfgenmsg' };
  const reason = readAttributes(r, m.body + 4, m.end, list);
  if (reason) return { ok: false, reason: `set elements: ${reason}` };
  const elements: KernelElement[] = [];
  const start = list.at[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  const end = start + list.size[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  for (let at = start; at + 4 <= end && elements.length < most; ) {
    const length = getU16(r, at);
    if (length < 4 || length > end - at)
      return { ok: false, reason: `set element: ${length} bytes` };
    const element = readElement(r, at + 4, at + length, wanted);
    if (!element.ok) return { ok: false, reason: `set element: ${element.reason}` };
    if (element.value !== null) elements.push(element.value);
    at += (length + 3) & ~3;
  }
  const name = (a: number): string => getText(r.bytes, list.at[a]!, list.size[a]!);
  const value = {
    family: r.bytes[m.body]!,
    table: name(NFTA_SET_ELEM_LIST_TABLE),
    set: name(NFTA_SET_ELEM_LIST_SET),
    elements,
  };
  return { ok: true, value };
}

const LEFT_OUT: Decoded<null> = { ok: true, value: null };

/** Decodes the attributes in [at, end) in one pass: a set has thousands of elements with four or five attributes
 * each. Null: left out. */
function readElement(
  r: MessageReader,
  at: number,
  end: number,
  wanted: KeyFilter | null,
): Decoded<KernelElement | null> {
  const { bytes, little } = r;
  // Of a 16-bit field in the order of the host.
  const low = little ? 0 : 1;
  const high = 1 - low;
  const element: { -readonly [K in keyof KernelElement]: KernelElement[K] } = { key: NO_KEY };
  while (at + 4 <= end) {
    const length = bytes[at + low]! | (bytes[at + high]! << 8);
    if (length < 4 || length > end - at)
      return { ok: false, reason: `attribute at ${at}: length ${length}` };
    const type = (bytes[at + 2 + low]! | (bytes[at + 2 + high]! << 8)) & NLA_TYPE_MASK;
    if (type === NFTA_SET_ELEM_KEY || type === NFTA_SET_ELEM_KEY_END) {
      // A key nests one attribute, NFTA_DATA_VALUE.
      const size = length < 8 ? 0 : getU16(r, at + 4) - 4;
      const isValue =
        size > 0 && size <= length - 8 && (getU16(r, at + 6) & NLA_TYPE_MASK) === NFTA_DATA_VALUE;
      const from = at + 8;
      if (isValue && type === NFTA_SET_ELEM_KEY) {
        if (wanted !== null && !wanted(bytes, from, from + size)) return LEFT_OUT;
        element.key = bytes.slice(from, from + size);
      } else if (isValue) {
        element.keyEnd = bytes.slice(from, from + size);
      }
    } else if (type === NFTA_SET_ELEM_EXPIRATION && length >= 12) {
      element.expiration = getBe64(bytes, at + 4);
    } else if (type === NFTA_SET_ELEM_TIMEOUT && length >= 12) {
      element.timeout = getBe64(bytes, at + 4);
    } else if (type === NFTA_SET_ELEM_EXPR) {
      const counted = readCounterExpression(r, at + 4, at + length);
      if (counted !== null) element.counted = counted;
    } else if (type === NFTA_SET_ELEM_FLAGS && length >= 8) {
      if ((getBe32(bytes, at + 4) & NFT_SET_ELEM_INTERVAL_END) !== 0) element.intervalEnd = true;
    }
    at += (length + 3) & ~3;
  }
  return element.key === NO_KEY ? LEFT_OUT : { ok: true, value: element };
}

const expression = createAttributes(NFTA_EXPR_DATA);
const counter = createAttributes(NFTA_COUNTER_PACKETS);

/** Null: another kind of expression. */
function readCounterExpression(
  r: MessageReader,
  at: number,
  end: number,
): NonNullable<KernelElement['counted']> | null {
  const reason =
    readAttributes(r, at, end, expression) ?? readNested(r, expression, NFTA_EXPR_DATA, counter);
  if (reason || !has(counter, NFTA_COUNTER_PACKETS, 8) || !has(counter, NFTA_COUNTER_BYTES, 8)) {
    return null;
  }
  const name = getText(r.bytes, expression.at[NFTA_EXPR_NAME]!, expression.size[NFTA_EXPR_NAME]!);
  if (name.replace(/\0$/, '') !== 'counter') return null;
  const value = (a: number): number => getBe64(r.bytes, counter.at[a]!);
  return { packets: value(NFTA_COUNTER_PACKETS), bytes: value(NFTA_COUNTER_BYTES) };
}

const NO_KEY = new Uint8Array(0);
