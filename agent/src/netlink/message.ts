// netlink/message: decodes netlink messages (netlink(7)): headers, attributes, acknowledgements. Lengths are checked
// before bytes are read; malformed bytes yield a reason. Every decoder of this folder uses it; writer encodes.
import { byteString } from '../wire/hex.ts';
import {
  NLA_TYPE_MASK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from './constants.ts';
import { type ByteOrder, hostOrder } from './endian.ts';

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** Bytes of struct nlmsghdr. */
export const HEADER_SIZE = 16;

export interface MessageReader {
  readonly bytes: Uint8Array;
  readonly little: boolean;
  /** `walk` and the buffer that `bytes` are all of; null: the script's own loop reads the attributes. */
  readonly native: { readonly walk: WalkAttributes; readonly buffer: ArrayBuffer } | null;
}

/** `readAttributes` as a native function: false: malformed. `into`: places, then sizes, 32 bits each. */
export type WalkAttributes = (
  bytes: ArrayBuffer,
  at: number,
  end: number,
  into: ArrayBuffer,
) => boolean;

/** Reads `bytes` with `order` for numbers in host order. */
export function createReader(bytes: Uint8Array, order: ByteOrder = hostOrder): MessageReader {
  return { bytes, little: order === 'little', native: null };
}

/** Reads all of `buffer` in the host's order, its attributes by `walk`. */
export function createNativeReader(buffer: ArrayBuffer, walk: WalkAttributes): MessageReader {
  return { ...createReader(new Uint8Array(buffer)), native: { walk, buffer } };
}

// The functions below do not check bounds: the caller checks the length of header or attribute.

/** 16 bits in host order at `at`. */
export function getU16(r: MessageReader, at: number): number {
  const b = r.bytes;
  return r.little ? b[at]! | (b[at + 1]! << 8) : (b[at]! << 8) | b[at + 1]!;
}

/** 32 bits in host order at `at`, unsigned. */
export function getU32(r: MessageReader, at: number): number {
  const b = r.bytes;
  return r.little
    ? (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0
    : getBe32(b, at);
}

/** 64 bits in host order at `at`; exact below 2^53. */
export function getU64(r: MessageReader, at: number): number {
  const [low, high] = r.little ? [at, at + 4] : [at + 4, at];
  return getU32(r, high) * 0x100000000 + getU32(r, low);
}

/** 16 bits in network order at `at`. */
export function getBe16(b: Uint8Array, at: number): number {
  return (b[at]! << 8) | b[at + 1]!;
}

/** 32 bits in network order at `at`, unsigned. */
export function getBe32(b: Uint8Array, at: number): number {
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}

/** 64 bits in network order at `at`; exact below 2^53. */
export function getBe64(b: Uint8Array, at: number): number {
  return getBe32(b, at) * 0x100000000 + getBe32(b, at + 4);
}

/** Longest text that is read, bytes. Names and prefixes of the kernel have at most 255. */
const TEXT_MAX = 1024;

/** `length` bytes at `at` as text up to the first NUL, one character a byte. */
export function getText(b: Uint8Array, at: number, length: number): string {
  const most = Math.min(length, TEXT_MAX);
  const nul = b.indexOf(0, at);
  const end = nul < 0 || nul > at + most ? at + most : nul;
  return byteString(b.subarray(at, end));
}

/** One message in a receive buffer. Reused: copy what must outlive the next message. */
export interface Message {
  /** Offset of the nlmsghdr. */
  at: number;
  /** First byte after the header, and first byte after the message. */
  body: number;
  end: number;
  type: number;
  flags: number;
  seq: number;
  port: number;
}

export function createMessage(): Message {
  return { at: 0, body: 0, end: 0, type: 0, flags: 0, seq: 0, port: 0 };
}

/** Reads the message at `at` into `m`. Returns the offset of the next one; -1: it does not fit into `end`, or is
 * shorter than its header. */
export function readMessage(r: MessageReader, at: number, end: number, m: Message): number {
  if (end > r.bytes.length || at + HEADER_SIZE > end) return -1;
  const length = getU32(r, at);
  if (length < HEADER_SIZE || length > end - at) return -1;
  m.at = at;
  m.body = at + HEADER_SIZE;
  m.end = at + length;
  m.type = getU16(r, at + 4);
  m.flags = getU16(r, at + 6);
  m.seq = getU32(r, at + 8);
  m.port = getU32(r, at + 12);
  const next = at + ((length + 3) & ~3);
  return Math.min(next, end);
}

/** The attributes of one level: payload offset and length by type; offset 0 = absent. */
export interface Attributes {
  readonly at: Int32Array;
  readonly size: Int32Array;
  /** Of both: the offsets, then the lengths. */
  readonly buffer: ArrayBuffer;
}

/** Table for attribute types 0..max. */
export function createAttributes(max: number): Attributes {
  const buffer = new ArrayBuffer(8 * (max + 1));
  const at = new Int32Array(buffer, 0, max + 1);
  return { at, size: new Int32Array(buffer, 4 * (max + 1), max + 1), buffer };
}

/** Fills `into` with the attributes in [at, end). Unknown types are skipped; of repeated types the last is kept.
 * Returns what is malformed, or undefined. */
export function readAttributes(
  r: MessageReader,
  at: number,
  end: number,
  into: Attributes,
): string | undefined {
  const { native, bytes, little } = r;
  // What the native function refuses, the loop gives the reason of.
  if (native?.walk(native.buffer, at, end, into.buffer) === true) return undefined;
  const { at: places, size: sizes } = into;
  places.fill(0);
  sizes.fill(0);
  if (end > bytes.length) return 'attributes end outside the buffer';
  // Every message passes through this loop where nothing is native, so it calls no function.
  while (at + 4 <= end) {
    const first = bytes[at]!;
    const second = bytes[at + 1]!;
    const length = little ? first | (second << 8) : (first << 8) | second;
    if (length < 4) return `attribute at ${at}: length ${length} is below 4`;
    if (length > end - at) return `attribute at ${at}: length ${length} passes the end`;
    const third = bytes[at + 2]!;
    const fourth = bytes[at + 3]!;
    const type = (little ? third | (fourth << 8) : (third << 8) | fourth) & NLA_TYPE_MASK;
    if (type < places.length) {
      places[type] = at + 4;
      sizes[type] = length - 4;
    }
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** Fills `into` with the attributes nested in `type` of `outer`. A missing attribute counts as malformed. */
export function readNested(
  r: MessageReader,
  outer: Attributes,
  type: number,
  into: Attributes,
): string | undefined {
  const at = outer.at[type]!;
  if (at === 0) return `attribute ${type} is missing`;
  return readAttributes(r, at, at + outer.size[type]!, into);
}

/** Whether attribute `type` is present with at least `size` bytes. */
export function has(attributes: Attributes, type: number, size: number): boolean {
  return attributes.at[type] !== 0 && attributes.size[type]! >= size;
}

/** The kernel's reply to one request. */
export interface Ack {
  /** 0 = success, else the positive errno. */
  readonly errno: number;
  /** Sequence number and message type of the request. */
  readonly seq: number;
  readonly type: number;
  /** Error text of the kernel (NETLINK_EXT_ACK), if any. */
  readonly text?: string;
  /** Offset of the attribute at fault, from the start of the request's header. */
  readonly offset?: number;
}

/** Decodes the NLMSG_ERROR message `m` (netlink(7): struct nlmsgerr, then extended-ack attributes). */
export function readAck(r: MessageReader, m: Message): Decoded<Ack> {
  if (m.end - m.body < 4 + HEADER_SIZE) return { ok: false, reason: 'acknowledgement too short' };
  const errno = 0 - (getU32(r, m.body) | 0);
  const inner = m.body + 4;
  const ack = { errno, seq: getU32(r, inner + 8), type: getU16(r, inner + 4) };
  if ((m.flags & NLM_F_ACK_TLVS) === 0) return { ok: true, value: ack };
  const capped = errno === 0 || (m.flags & NLM_F_CAPPED) !== 0;
  const quoted = capped ? HEADER_SIZE : (getU32(r, inner) + 3) & ~3;
  // A length of 2^31 or more became negative in the bitwise and.
  if (quoted < HEADER_SIZE || quoted > m.end - inner) {
    return { ok: false, reason: 'quoted request passes the end' };
  }
  const table = createAttributes(NLMSGERR_ATTR_OFFS);
  const reason = readAttributes(r, inner + quoted, m.end, table);
  if (reason) return { ok: false, reason: `acknowledgement: ${reason}` };
  const text = has(table, NLMSGERR_ATTR_MSG, 1)
    ? {
        text: getText(r.bytes, table.at[NLMSGERR_ATTR_MSG]!, table.size[NLMSGERR_ATTR_MSG]!),
      }
    : {};
  const offset = has(table, NLMSGERR_ATTR_OFFS, 4)
    ? { offset: getU32(r, table.at[NLMSGERR_ATTR_OFFS]!) }
    : {};
  return { ok: true, value: { ...ack, ...text, ...offset } };
}
