// netlink/nft-element: what is in a set: the request for all of it or for one key, and the decoder
// of the answer. Ports, peers and windows are learned by the ruleset itself, without a message to
// anybody, so status and "why" read them here.
import {
  NFNL_SUBSYS_NFTABLES,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getBe64,
  getText,
  getU16,
  has,
  type Message,
  type Reader,
  readAttributes,
  readNested,
} from './message.ts';
import {
  NFT_MSG_GETSETELEM,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_TIMEOUT,
} from './nft-constants.ts';
import { putElement, putSetName, type SetElement, type TableName } from './nft-set.ts';
import { beginAttribute, beginMessage, endAttribute, endMessage, type Writer } from './writer.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;

/** Message type of a dumped or announced element. */
export const SET_ELEMENTS = type(NFT_MSG_NEWSETELEM);

/** Asks for all elements of `set`; answers are SET_ELEMENTS messages for `readElements`. */
export function putSetDump(w: Writer, seq: number, where: TableName, set: string): void {
  beginMessage(w, type(NFT_MSG_GETSETELEM), NLM_F_REQUEST | NLM_F_DUMP, seq);
  putSetName(w, where, set);
  endMessage(w);
}

/** Asks whether `key` is in `set`: one SET_ELEMENTS message, or errno ENOENT. */
export function putElementQuery(
  w: Writer,
  seq: number,
  where: TableName,
  set: string,
  key: Uint8Array,
): void {
  beginMessage(w, type(NFT_MSG_GETSETELEM), NLM_F_REQUEST | NLM_F_ACK, seq);
  putSetName(w, where, set);
  const list = beginAttribute(w, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS);
  putElement(w, { key }, false);
  endAttribute(w, list);
  endMessage(w);
}

/** An element as the kernel holds it. */
export interface KernelElement extends SetElement {
  /** Milliseconds that are left; absent = does not expire. */
  readonly expiration?: number;
}

export interface ElementList extends TableName {
  readonly set: string;
  readonly elements: readonly KernelElement[];
}

/** Filled anew for every element: a set has thousands. */
const list = createAttributes(NFTA_SET_ELEM_LIST_ELEMENTS);
const fields = createAttributes(NFTA_SET_ELEM_KEY_END);
const data = createAttributes(NFTA_DATA_VALUE);

/** How many elements a SET_ELEMENTS message carries, without looking into them. */
export function countElements(r: Reader, m: Message): number {
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

/** Decodes one SET_ELEMENTS (or deletion) message. Keys are copies. Elements without a key
 * (the catch-all) are left out. */
export function readElements(r: Reader, m: Message): Decoded<ElementList> {
  if (m.body + 4 > m.end) return { ok: false, reason: 'set elements: no nfgenmsg' };
  const reason = readAttributes(r, m.body + 4, m.end, list);
  if (reason) return { ok: false, reason: `set elements: ${reason}` };
  const elements: KernelElement[] = [];
  const start = list.at[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  const end = start + list.size[NFTA_SET_ELEM_LIST_ELEMENTS]!;
  for (let at = start; at + 4 <= end; ) {
    const length = getU16(r, at);
    if (length < 4 || length > end - at)
      return { ok: false, reason: `set element: ${length} bytes` };
    const bad = readAttributes(r, at + 4, at + length, fields);
    if (bad) return { ok: false, reason: `set element: ${bad}` };
    const element = readElement(r);
    if (element) elements.push(element);
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

function readElement(r: Reader): KernelElement | undefined {
  const key = readKey(r, NFTA_SET_ELEM_KEY);
  if (!key) return undefined;
  const keyEnd = readKey(r, NFTA_SET_ELEM_KEY_END);
  const flags = has(fields, NFTA_SET_ELEM_FLAGS, 4)
    ? getBe32(r.bytes, fields.at[NFTA_SET_ELEM_FLAGS]!)
    : 0;
  const number = (a: number): number | undefined =>
    has(fields, a, 8) ? getBe64(r.bytes, fields.at[a]!) : undefined;
  const timeout = number(NFTA_SET_ELEM_TIMEOUT);
  const expiration = number(NFTA_SET_ELEM_EXPIRATION);
  return {
    key,
    ...(keyEnd ? { keyEnd } : {}),
    ...(timeout === undefined ? {} : { timeout }),
    ...(expiration === undefined ? {} : { expiration }),
    ...(flags & NFT_SET_ELEM_INTERVAL_END ? { intervalEnd: true } : {}),
  };
}

function readKey(r: Reader, attribute: number): Uint8Array | undefined {
  if (readNested(r, fields, attribute, data) !== undefined) return undefined;
  const at = data.at[NFTA_DATA_VALUE]!;
  return at === 0 ? undefined : r.bytes.slice(at, at + data.size[NFTA_DATA_VALUE]!);
}
