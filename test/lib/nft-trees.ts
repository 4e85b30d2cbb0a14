// Messages of nf_tables as trees of attributes, and in a form in which messages with one meaning are equal.
import type { ByteOrder } from '../../agent/src/netlink/endian.ts';
import {
  createMessage,
  createReader,
  getU16,
  readMessage,
} from '../../agent/src/netlink/message.ts';
import {
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSETELEM,
  NFT_MSG_NEWTABLE,
  NFTA_BYTEORDER_LEN,
  NFTA_DYNSET_SET_NAME,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SET_ID,
  NFTA_RULE_EXPRESSIONS,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_SET_ID,
  NFTA_TABLE_FLAGS,
} from '../../agent/src/netlink/nft-constants.ts';
import { NFTA_BITWISE_OP, NFTA_DYNSET_SET_ID } from '../netlink/nft-constants.ts';

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
 * A message as text that is the same for messages with one meaning. Left out: the order of attributes, the numbers of
 * list entries (nft counts them), the numbers of sets that have a name (nft gives both), flags of a table and the kind
 * of a bit operation that are 0, and the conversion of the byte order of one byte (nft 1.0.6 adds it before a set of intervals; kernels since the
 * autumn of 2026 refuse it).
 */
export function canonical({ type, attributes }: Sent): string {
  switch (type) {
    case NFT_MSG_NEWTABLE:
      return `table ${shown(attributes.filter((one) => one.type !== NFTA_TABLE_FLAGS))}`;
    case NFT_MSG_NEWSETELEM: {
      const name = nameIn(fieldsOf(attributes).get(NFTA_SET_ELEM_LIST_SET));
      const kept = attributes.filter(
        (one) => one.type !== NFTA_SET_ELEM_LIST_SET_ID || name.startsWith('__'),
      );
      return `elements ${shown(kept.map((one) => (one.type === NFTA_SET_ELEM_LIST_ELEMENTS ? entries(one) : one)))}`;
    }
    case NFT_MSG_NEWRULE:
      return `rule ${shown(attributes.map((one) => (one.type === NFTA_RULE_EXPRESSIONS ? steps(one) : one)))}`;
    default:
      return `${type} ${shown(attributes)}`;
  }
}

function shown(value: Attribute['value']): string {
  if (typeof value === 'string') return value;
  const sorted = [...value].sort((a, b) => a.type - b.type);
  return `{${sorted.map((one) => `${one.type}=${shown(one.value)}`).join(' ')}}`;
}

function entries({ type, value }: Attribute): Attribute {
  return { type, value: (value as Attribute[]).map((one) => ({ ...one, type: 1 })) };
}

/** The attribute that is left out: of a lookup and an update the number of their set, if it has a name. */
const LEFT_OUT: { readonly [name: string]: readonly [out: number, name?: number] } = {
  bitwise: [NFTA_BITWISE_OP],
  lookup: [NFTA_LOOKUP_SET_ID, NFTA_LOOKUP_SET],
  dynset: [NFTA_DYNSET_SET_ID, NFTA_DYNSET_SET_NAME],
};

function steps({ type, value }: Attribute): Attribute {
  const kept = (value as Attribute[]).flatMap((one) => {
    const name = nameIn(fieldsOf(one.value).get(NFTA_EXPR_NAME));
    const inside = fieldsOf(one.value).get(NFTA_EXPR_DATA);
    if (name === 'byteorder' && fieldsOf(inside).get(NFTA_BYTEORDER_LEN) === '00000001') return [];
    // nft writes this name without the NUL behind it.
    if (name === 'objref') return [{ type: 1, value: shown(one.value).replace(/00}/, '}') }];
    const [id, set] = LEFT_OUT[name] ?? [];
    if (id === undefined || inside === undefined || typeof inside === 'string') return [one];
    if (set !== undefined && nameIn(fieldsOf(inside).get(set)).startsWith('__')) return [one];
    const rest = inside.filter((part) => part.type !== id);
    return [
      {
        ...one,
        value: (one.value as Attribute[]).map((part) =>
          part.type === NFTA_EXPR_DATA ? { ...part, value: rest } : part,
        ),
      },
    ];
  });
  return { type, value: kept };
}
