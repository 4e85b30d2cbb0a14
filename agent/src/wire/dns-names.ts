// One name of a DNS message, and one record, in place: where its labels are, its text, what is behind it.
// dns-walk goes through a whole message; dns reads its records.
import { u16At, u32At } from './reader.ts';

/** One name in wire form, RFC 1035 section 3.1, after following its compression pointers. */
export interface NameLabels {
  /** Offset of each label's length byte, left to right; the first `count` are valid. */
  readonly starts: Int32Array;
  count: number;
}

export function nameLabels(): NameLabels {
  // 127 labels of one byte are all that fit in 255 bytes.
  return { starts: new Int32Array(128), count: 0 };
}

// Codes of readName and of walkNames (dns-walk). Integers, since a result object a name would be garbage.
export const UNMATCHED = 0;
export const MATCHED = 1;
export const CUT_OFF = -1;
export const BAD_LABEL = -2;
export const BAD_POINTER = -3;
export const NAME_TOO_LONG = -4;
export const TOO_MUCH_WORK = -5;

const REASONS = [
  '',
  'message cut off',
  'label type is neither a label nor a pointer',
  'compression pointer does not go backwards',
  'name longer than 255 bytes',
  'more names than an honest message has',
];

/** The reason behind a negative code. */
export function nameReason(code: number): string {
  return REASONS[-code] ?? `code ${code}`;
}

export const DNS_HEADER = 12;

/** Pointers in a row, with or without labels between; real names need two or three. */
export const MAX_JUMPS = 32;
/**
 * Reads the name at `at` of the message that starts at `base` into `out`. Answers the offset
 * behind the name, or a negative code. Pointers must go to before the part they end (RFC 1035
 * section 4.1.4), so no chain of them can loop.
 */
export function readName(
  bytes: Uint8Array,
  base: number,
  end: number,
  at: number,
  out: NameLabels,
): number {
  const starts = out.starts;
  let count = 0;
  let next = -1;
  let limit = at;
  let position = at;
  let length = 1;
  let jumps = 0;
  for (;;) {
    if (position >= end) return CUT_OFF;
    const size = bytes[position]!;
    if (size === 0) {
      out.count = count;
      return next < 0 ? position + 1 : next;
    }
    if (size < 64) {
      length += size + 1;
      if (length > 255) return NAME_TOO_LONG;
      starts[count++] = position;
      position += size + 1;
    } else {
      if (size < 192) return BAD_LABEL;
      if (position + 1 >= end) return CUT_OFF;
      const target = base + (((size & 63) << 8) | bytes[position + 1]!);
      if (next < 0) next = position + 2;
      if (target >= limit || ++jumps > MAX_JUMPS) return BAD_POINTER;
      limit = target;
      position = target;
    }
  }
}

/** Offset behind the name at `at` without looking where a pointer leads, or CUT_OFF, BAD_LABEL. */
export function skipName(bytes: Uint8Array, end: number, at: number): number {
  let position = at;
  while (position < end) {
    const size = bytes[position]!;
    if (size === 0) return position + 1;
    if (size >= 192) return position + 2 <= end ? position + 2 : CUT_OFF;
    if (size >= 64) return BAD_LABEL;
    position += size + 1;
  }
  return CUT_OFF;
}

/**
 * The name whose labels readName has found, as text: lower case, no final dot. What is no visible character,
 * and dots and backslashes inside a label, are `\DDD` (RFC 1035 section 5.1, RFC 4343 section 2.1): no name
 * ends a line, moves a cursor or looks like another.
 */
export function nameText(bytes: Uint8Array, { starts, count }: NameLabels): string {
  let text = '';
  for (let i = 0; i < count; i++) {
    const from = starts[i]! + 1;
    if (i > 0) text += '.';
    for (let at = from; at < from + bytes[from - 1]!; at++) {
      const byte = bytes[at]!;
      text += isPlain(byte) ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`;
    }
  }
  return text.toLowerCase();
}

/** Whether no label needs an escape. */
export function isPlainName(bytes: Uint8Array, { starts, count }: NameLabels): boolean {
  for (let i = 0; i < count; i++) {
    const from = starts[i]! + 1;
    for (let at = from; at < from + bytes[from - 1]!; at++) {
      if (!isPlain(bytes[at]!)) return false;
    }
  }
  return true;
}

const [DOT, BACKSLASH] = [46, 92];

function isPlain(byte: number): boolean {
  return byte > 32 && byte < 127 && byte !== DOT && byte !== BACKSLASH;
}

/** A resource record by its offsets; the data [rdata, next) lies inside the message. */
export interface RecordSpan {
  readonly owner: number;
  readonly type: number;
  readonly class: number;
  /** Seconds, RFC 2181 section 8: a value with the top bit set counts as 0. */
  readonly ttlSeconds: number;
  readonly rdata: number;
  readonly next: number;
}

/** The record at `at`, or a negative code. */
export function readRecord(bytes: Uint8Array, end: number, at: number): RecordSpan | number {
  const fixed = skipName(bytes, end, at);
  if (fixed < 0) return fixed;
  if (fixed + 10 > end) return CUT_OFF;
  const ttl = u32At(bytes, fixed + 4);
  const next = fixed + 10 + u16At(bytes, fixed + 8);
  if (next > end) return CUT_OFF;
  return {
    owner: at,
    type: u16At(bytes, fixed),
    class: u16At(bytes, fixed + 2),
    ttlSeconds: ttl >= 0x80000000 ? 0 : ttl,
    rdata: fixed + 10,
    next,
  };
}
