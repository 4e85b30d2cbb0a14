// Messages of nf_tables as trees of attributes, and in a form in which messages with one meaning are equal.
import type { ByteOrder } from '../../agent/src/netlink/endian.ts';
import {
  createMessage,
  createReader,
  getU16,
  readMessage,
} from '../../agent/src/netlink/message.ts';
import {
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_DATA_VALUE,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
} from '../../agent/src/netlink/nft-constants.ts';
import {
  NFT_CT_MARK,
  NFT_CT_PKTS,
  NFT_CT_STATE,
  NFT_CT_STATUS,
  NFT_META_IIFTYPE,
  NFT_META_LEN,
  NFT_META_MARK,
  NFT_MSG_DELOBJ,
  NFT_MSG_NEWFLOWTABLE,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_OP,
  NFTA_BITWISE_XOR,
  NFTA_BYTEORDER_LEN,
  NFTA_CMP_DATA,
  NFTA_CT_KEY,
  NFTA_DYNSET_SET_ID,
  NFTA_DYNSET_SET_NAME,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_FIB_RESULT,
  NFTA_FLOWTABLE_FLAGS,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SET_ID,
  NFTA_META_KEY,
  NFTA_OBJ_DATA,
  NFTA_RULE_EXPRESSIONS,
  NFTA_SET_ELEM_LIST_SET_ID,
  NFTA_SET_ELEM_USERDATA,
  NFTA_SET_ID,
  NFTA_SET_NAME,
  NFTA_SET_USERDATA,
  NFTA_TABLE_FLAGS,
} from '../netlink/nft-constants.ts';

/** An attribute: its type, and its bytes as hex or the attributes inside it. */
export interface Attribute {
  readonly type: number;
  readonly value: string | readonly Attribute[];
}

export interface Sent {
  /** NFT_MSG_* */
  readonly type: number;
  readonly attributes: readonly Attribute[];
}

export const NESTED = 0x8000;
export const SUBSYSTEM = 10;

/** The messages of nf_tables in `bytes`, without those that open and close the transaction. */
export function messagesIn(bytes: Uint8Array, order: ByteOrder): Sent[] {
  const reader = createReader(bytes, order);
  const message = createMessage();
  const found: Sent[] = [];
  for (let at = 0; at < bytes.length; ) {
    at = readMessage(reader, at, bytes.length, message);
    if (at < 0) throw new Error('malformed messages');
    if (message.type >> 8 !== SUBSYSTEM) continue;
    const body = bytes.subarray(message.body + 4, message.end);
    found.push({ type: message.type & 255, attributes: attributesIn(body, order) });
  }
  return found;
}

export function attributesIn(bytes: Uint8Array, order: ByteOrder): Attribute[] {
  const reader = createReader(bytes, order);
  const found: Attribute[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = getU16(reader, at);
    const type = getU16(reader, at + 2);
    const value = bytes.subarray(at + 4, at + length);
    const isNested = (type & NESTED) !== 0;
    found.push({
      type: type & 0x3fff,
      value: isNested ? attributesIn(value, order) : hex(value),
    });
    at += (length + 3) & ~3;
  }
  return found;
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => PAIRS[byte]).join('');
}

/** The name in an attribute: hex of its letters and of a NUL, which not every attribute has. */
export function nameIn(value: Attribute['value'] | undefined): string {
  if (typeof value !== 'string') return '';
  const letters = (value.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  return String.fromCharCode(...letters).replace(/\0.*$/, '');
}

type Fields = ReadonlyMap<number, Attribute['value']>;

function fieldsOf(value: Attribute['value'] | undefined): Fields {
  return new Map(typeof value === 'string' ? [] : value?.map((one) => [one.type, one.value]));
}

/**
 * Messages as texts that are the same for messages with one meaning, in both byte orders. An anonymous set stands in the
 * rule that looks it up. Left out: the order of attributes, the numbers of list entries (nft counts them) and of sets,
 * what is 0 or empty and need not be said, and the conversion of the byte order of one byte (nft 1.0.6 adds it before a
 * set of intervals; kernels since the autumn of 2026 refuse it).
 */
export function inOneForm(messages: readonly Sent[], order: ByteOrder = 'little'): string[] {
  const lists = new Map<string, string>();
  return messages.flatMap((message) => {
    const { type } = message;
    const attributes =
      type === NFT_MSG_NEWRULE ? message.attributes : straight(message, order, lists);
    const fields = fieldsOf(attributes);
    const isSet = type === NFT_MSG_NEWSET;
    if (isSet || type === NFT_MSG_NEWSETELEM) {
      const name = nameIn(fields.get(isSet ? NFTA_SET_NAME : NFTA_SET_ELEM_LIST_SET));
      const id = isSet ? NFTA_SET_ID : NFTA_SET_ELEM_LIST_SET_ID;
      const text = `${type} ${shown(without(attributes, id))}`;
      if (!name.startsWith('__')) return [text];
      const number = String(fields.get(id));
      lists.set(number, `${isSet ? '' : lists.get(number)}${text}`);
      return [];
    }
    if (type !== NFT_MSG_NEWRULE) return [`${type} ${shown(attributes)}`];
    const rule = attributes.map((one) =>
      one.type === NFTA_RULE_EXPRESSIONS ? { ...one, value: steps(one, order, lists) } : one,
    );
    return [`${type} ${shown(rule)}`];
  });
}

function without(attributes: readonly Attribute[], type: number): readonly Attribute[] {
  return attributes.filter((one) => one.type !== type);
}

function shown(value: Attribute['value']): string {
  if (typeof value === 'string') return value;
  const sorted = [...value].sort((a, b) => a.type - b.type);
  return `{${sorted.map((one) => `${one.type}=${shown(one.value)}`).join(' ')}}`;
}

/** The attributes of a message that is no rule. */
function straight({ type, attributes }: Sent, order: ByteOrder, lists: Map<string, string>) {
  if (type === NFT_MSG_NEWTABLE) return without(attributes, NFTA_TABLE_FLAGS);
  if (type === NFT_MSG_NEWFLOWTABLE) return without(attributes, NFTA_FLOWTABLE_FLAGS);
  if (type === NFT_MSG_DELOBJ) return without(attributes, NFTA_OBJ_DATA);
  const isSet = type === NFT_MSG_NEWSET;
  const userdata = isSet ? NFTA_SET_USERDATA : -1;
  const list = fieldsOf(attributes).get(NFTA_SET_ELEM_LIST_SET_ID);
  // The first entry of a set's user data: the byte order of its key; 1: that of the machine. A device is no number.
  const isHost =
    typeof list === 'string' &&
    /13=000401.*/.test(lists.get(list) ?? '') &&
    !/ 5=00000010 /.test(lists.get(list) ?? '');
  return attributes.map((one) => {
    if (one.type === userdata) return { ...one, value: entriesIn(one.value as string, order) };
    if (type !== NFT_MSG_NEWSETELEM || one.type !== NFTA_SET_ELEM_LIST_ELEMENTS) return one;
    const elements = (one.value as Attribute[]).map((element) => ({
      type: 1,
      value: (element.value as Attribute[]).map((part) => {
        if (part.type === NFTA_SET_ELEM_USERDATA)
          return { ...part, value: entriesIn(part.value as string, order) };
        return part.type === NFTA_SET_ELEM_KEY && isHost ? flipped(part, order) : part;
      }),
    }));
    return { ...one, value: elements };
  });
}

/** Entries of user data: their numbers, of four bytes, are in the order of the machine. */
function entriesIn(hex: string, order: ByteOrder): string {
  let all = '';
  for (let at = 0; at < hex.length; ) {
    const size = 2 * Number.parseInt(hex.slice(at + 2, at + 4), 16);
    const value = hex.slice(at + 4, at + 4 + size);
    all += hex.slice(at, at + 4) + (size === 8 ? inLittle(value, order) : entriesIn(value, order));
    at += 4 + size;
  }
  return all;
}

function inLittle(hex: string, order: ByteOrder): string {
  return order === 'little' ? hex : (hex.match(/../g) ?? []).reverse().join('');
}

/** The value of a number in the order of the machine. */
function flipped(one: Attribute, order: ByteOrder): Attribute {
  const value = (one.value as Attribute[]).map((part) =>
    part.type === NFTA_DATA_VALUE
      ? { ...part, value: inLittle(part.value as string, order) }
      : part,
  );
  return { ...one, value };
}

/** Keys of `meta` and `ct` that are numbers of more than a byte in the order of the machine. */
const HOST_META = [NFT_META_MARK, NFT_META_LEN, NFT_META_IIFTYPE];
const HOST_CT = [NFT_CT_MARK, NFT_CT_STATE, NFT_CT_STATUS, NFT_CT_PKTS];
/** NFT_FIB_RESULT_ADDRTYPE */
const ADDRESS_TYPE = 3;
/** Attributes with a value of the register. */
const VALUES: { readonly [name: string]: readonly number[] } = {
  cmp: [NFTA_CMP_DATA],
  bitwise: [NFTA_BITWISE_MASK, NFTA_BITWISE_XOR],
};

function steps({ value }: Attribute, order: ByteOrder, lists: Map<string, string>): Attribute[] {
  let isHost = false;
  return (value as Attribute[]).flatMap((one) => {
    const name = nameIn(fieldsOf(one.value).get(NFTA_EXPR_NAME));
    const inside = fieldsOf(one.value).get(NFTA_EXPR_DATA) ?? [];
    const attributes = typeof inside === 'string' ? [] : inside;
    const number = (type: number): number => Number(`0x${fieldsOf(attributes).get(type)}`);
    if (name === 'meta') isHost = HOST_META.includes(number(NFTA_META_KEY));
    else if (name === 'ct') isHost = HOST_CT.includes(number(NFTA_CT_KEY));
    else if (name === 'fib') isHost = number(NFTA_FIB_RESULT) === ADDRESS_TYPE;
    else if (name === 'payload') isHost = false;
    else if (name === 'byteorder') {
      isHost = false;
      if (number(NFTA_BYTEORDER_LEN) === 1) return [];
    }
    const values = isHost ? (VALUES[name] ?? []) : [];
    const kept = attributes
      .filter((part) => !(name === 'bitwise' && part.type === NFTA_BITWISE_OP))
      .map((part) => (values.includes(part.type) ? flipped(part, order) : part));
    const text = shown(named(name, kept, lists));
    // nft writes the name of a counter without the NUL behind it.
    return [{ type: 1, value: `${name} ${name === 'objref' ? text.replace('00}', '}') : text}` }];
  });
}

/** A lookup or an update names its set, or has what is in it. */
function named(
  name: string,
  attributes: readonly Attribute[],
  lists: Map<string, string>,
): readonly Attribute[] {
  const [id, set] =
    name === 'lookup'
      ? [NFTA_LOOKUP_SET_ID, NFTA_LOOKUP_SET]
      : [NFTA_DYNSET_SET_ID, NFTA_DYNSET_SET_NAME];
  if (name !== 'lookup' && name !== 'dynset') return attributes;
  const number = fieldsOf(attributes).get(id);
  const list = nameIn(fieldsOf(attributes).get(set)).startsWith('__')
    ? lists.get(String(number))
    : undefined;
  const rest = without(attributes, id);
  return list === undefined ? rest : [...rest, { type: 99, value: list }];
}
