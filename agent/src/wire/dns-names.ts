// wire/dns-names: parses one name and one resource record of a DNS message in place: label offsets, text, end
// offset. dns-walk applies this to a whole message; dns decodes the records.
import { u16At, u32At } from './reader.ts';

/** Labels of one name (RFC 1035 section 3.1), with compression pointers followed. */
export interface NameLabels {
  /** Offset of each label's length byte, left to right; only the first `count` are valid. */
  readonly starts: Int32Array;
  count: number;
}

export function nameLabels(): NameLabels {
  // A name of 255 bytes has at most 127 labels.
  return { starts: new Int32Array(128), count: 0 };
}

// Results of readName and of walkNames (dns-walk). Integers, because a result object per name would be garbage.
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

/** Text of a negative result code. */
export function nameReason(code: number): string {
  return REASONS[-code] ?? `code ${code}`;
}

export const DNS_HEADER = 12;

/** Compression pointers followed in one name; real names need two or three. */
export const MAX_JUMPS = 32;
/**
 * Reads the name at `at` of the message that starts at `base` into `out`. Returns the offset after the name, or a
 * negative code. Each pointer must lead to before the part that it ends (RFC 1035 section 4.1.4), so pointers cannot
 * form a loop.
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
  /** Bytes left for the name, from `limit`. */
  let room = 255;
  let stop = at + room;
  if (stop > end) stop = end;
  let jumps = 0;
  for (;;) {
    if (position >= stop) return position >= end ? CUT_OFF : NAME_TOO_LONG;
    const size = bytes[position]!;
    if (size < 64) {
      if (size === 0) {
        out.count = count;
        return next < 0 ? position + 1 : next;
      }
      starts[count++] = position;
      position += size + 1;
    } else {
      if (size < 192) return BAD_LABEL;
      if (position + 1 >= end) return CUT_OFF;
      const target = base + (((size & 63) << 8) | bytes[position + 1]!);
      if (next < 0) next = position + 2;
      if (target >= limit || ++jumps > MAX_JUMPS) return BAD_POINTER;
      room -= position - limit;
      limit = target;
      stop = target + room;
      if (stop > end) stop = end;
      position = target;
    }
  }
}

/** Offset after the name at `at` without following a pointer; or CUT_OFF, BAD_LABEL. */
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
 * Text of the labels that readName found: lower case, no final dot. Non-printing characters, and dots and
 * backslashes inside a label, become `\DDD` (RFC 1035 section 5.1, RFC 4343 section 2.1), so a name cannot break a
 * line, control a terminal or imitate another name.
 */
export function nameText(bytes: Uint8Array, { starts, count }: NameLabels): string {
  let text = '';
  for (let i = 0; i < count; i++) {
    const at = starts[i]!;
    if (i > 0) text += '.';
    text += labelText(bytes, at + 1, at + 1 + bytes[at]!);
  }
  return text.toLowerCase();
}

/** The bytes [from, to) of one label with the escapes of nameText, in the case they have. */
export function labelText(bytes: Uint8Array, from: number, to: number): string {
  // One call of the engine for all bytes: in a loop each costs twenty of its steps.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
  const text: string = Reflect.apply(String.fromCharCode, null, view);
  return ESCAPED.test(text) ? text.replace(EVERY_ESCAPED, escape) : text;
}

const ESCAPED = /[^!-~]|[.\\]/;
const EVERY_ESCAPED = new RegExp(ESCAPED, 'g');

function escape(letter: string): string {
  return `\\${String(letter.charCodeAt(0)).padStart(3, '0')}`;
}

/** A resource record by its offsets. The data bytes[rdata, next) are inside the message. */
export interface RecordSpan {
  readonly owner: number;
  readonly type: number;
  readonly class: number;
  /** Seconds; a value with the top bit set counts as 0 (RFC 2181 section 8). */
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
