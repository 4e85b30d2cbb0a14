// The hot path of DNS: walks the names of a message in place (question, owners, CNAME and SVCB
// targets of the answer section) and hands each to a test, so that an answer nobody asked about
// is let go without being decoded. Nothing is allocated per name. Next station on a match: dns.
import { TYPE_A, TYPE_AAAA, targetOffset } from './dns-targets.ts';
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

// Codes of readName and walkNames. Integers, since a result object a name would be garbage.
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
const MAX_JUMPS = 32;
/**
 * Work for the names of one message in the walk, repeated owners apart: bytes of the names themselves,
 * pointers followed, and what a name costs beside. Honest answers have a handful of names, a list of 700
 * addresses whose owners are written out comes to 20,000. A 34Kf takes a tenth of a second for as much;
 * 64 KiB of pointers to a long name would be some seconds.
 */
const MAX_WORK = 24576;
/** A name costs as much as that many bytes, a pointer as two, and a name that has to be compared with the
 * applications' as many as that again. */
const NAME_WORK = 8;
const TEST_WORK = 64;
/** Questions walked in one message. */
const MAX_QUESTIONS = 64;

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
 * A quick test of a name, by the label before the last: its length, first and last byte. filter at
 * tailKey is 0 for names that nobody wants. 4,096 entries.
 */
export type TailFilter = Uint8Array;

/** Place in a TailFilter of a label; the case of its letters makes no difference. */
export function tailKey(size: number, first: number, last: number): number {
  return ((first & 31) << 7) ^ ((last & 31) << 2) ^ size;
}

/** The same of a name of two labels or more as text. */
export function textTail(name: string): number {
  const end = name.lastIndexOf('.');
  const start = name.lastIndexOf('.', end - 1) + 1;
  return tailKey(end - start, name.charCodeAt(start), name.charCodeAt(end - 1));
}

/** Asks about the name at `at`, which passed the filter. */
export type NameTest = (bytes: Uint8Array, base: number, end: number, at: number) => boolean;

/**
 * Walks bytes[offset, end) and answers MATCHED at the first name that passes the filter and the
 * test, UNMATCHED when none does, or a negative code when the message breaks before that.
 */
export function walkNames(
  bytes: Uint8Array,
  offset: number,
  end: number,
  filter: TailFilter,
  test: NameTest,
): number {
  if (end - offset < DNS_HEADER || end > bytes.length) return CUT_OFF;
  const answers = u16At(bytes, offset + 6);
  let at = offset + DNS_HEADER;
  const questions = u16At(bytes, offset + 4);
  if (questions > MAX_QUESTIONS) return TOO_MUCH_WORK;
  for (let i = 0; i < questions; i++) {
    const next = readTail(bytes, offset, end, at);
    if (next < 0) return next;
    if (passes(bytes, filter) && test(bytes, offset, end, at)) return MATCHED;
    at = next + 4;
  }
  if (answers === 0) return at <= end ? UNMATCHED : CUT_OFF;
  return walkAnswers(bytes, offset, end, at, answers, filter, test);
}

/** Offset of the length byte of the label before the last, after readTail; -1: no such label. */
let tailSecond = -1;
/** What the last readTail cost: bytes of the name, and two a pointer. */
let tailWork = 0;

function passes(bytes: Uint8Array, filter: TailFilter): boolean {
  const at = tailSecond;
  if (at < 0) return false;
  const size = bytes[at]!;
  // tailKey, written out: a call costs a tenth of the walk.
  return filter[((bytes[at + 1]! & 31) << 7) ^ ((bytes[at + size]! & 31) << 2) ^ size] !== 0;
}

/**
 * readName without the list of labels: checks the name at `at` and leaves where its last label but
 * one is. One comparison a label covers both the end of the message and the 255 bytes of a name.
 */
function readTail(bytes: Uint8Array, base: number, end: number, at: number): number {
  let position = at;
  let from = at;
  let room = 255;
  let stop = at + room;
  if (stop > end) stop = end;
  let second = -1;
  let top = -1;
  let next = -1;
  let jumps = 0;
  for (;;) {
    if (position >= stop) return position >= end ? CUT_OFF : NAME_TOO_LONG;
    const size = bytes[position]!;
    if (size < 64) {
      if (size === 0) {
        tailSecond = second;
        tailWork = 255 - room + position - from + 2 * jumps;
        return next < 0 ? position + 1 : next;
      }
      second = top;
      top = position;
      position += size + 1;
    } else {
      if (size < 192) return BAD_LABEL;
      if (position + 1 >= end) return CUT_OFF;
      const target = base + (((size & 63) << 8) | bytes[position + 1]!);
      if (next < 0) next = position + 2;
      if (target >= from || ++jumps > MAX_JUMPS) return BAD_POINTER;
      room -= position - from;
      stop = target + room;
      if (stop > end) stop = end;
      from = target;
      position = target;
    }
  }
}

function walkAnswers(
  bytes: Uint8Array,
  base: number,
  end: number,
  from: number,
  answers: number,
  filter: TailFilter,
  test: NameTest,
): number {
  // Owners are nearly always pointers to a name just seen: the question, the last target, or the
  // owner before. Those three are remembered and not tested again.
  const question = 0xc000 | DNS_HEADER;
  let lastTarget = -1;
  let lastOwner = -1;
  let at = from;
  let work = 0;
  for (let i = 0; i < answers; i++) {
    if (at + 11 > end) return CUT_OFF;
    const pointer = (bytes[at]! << 8) | bytes[at + 1]!;
    if (pointer === question || pointer === lastTarget || pointer === lastOwner) {
      at += 2;
    } else {
      if (work > MAX_WORK) return TOO_MUCH_WORK;
      const next = readTail(bytes, base, end, at);
      if (next < 0) return next;
      work += NAME_WORK + tailWork;
      if (passes(bytes, filter)) {
        if (test(bytes, base, end, at)) return MATCHED;
        work += TEST_WORK + tailWork;
      }
      if (pointer >= 0xc000) lastOwner = pointer;
      at = next;
    }
    if (at + 10 > end) return CUT_OFF;
    const rdata = at + 10;
    const type = bytes[at] === 0 ? bytes[at + 1]! : -1;
    at = rdata + ((bytes[at + 8]! << 8) | bytes[at + 9]!);
    if (at > end) return CUT_OFF;
    // Addresses, by far the most records, lead nowhere.
    if (type === TYPE_A || type === TYPE_AAAA) continue;
    const target = targetOffset(type, bytes, rdata, at);
    if (target < 0) continue;
    if (work > MAX_WORK) return TOO_MUCH_WORK;
    const behind = readTail(bytes, base, at, target);
    if (behind < 0) return behind;
    work += NAME_WORK + tailWork;
    if (passes(bytes, filter)) {
      if (test(bytes, base, at, target)) return MATCHED;
      work += TEST_WORK + tailWork;
    }
    // A pointer has 14 bits (RFC 1035 section 4.1.4): what lies further back is pointed to by none.
    lastTarget = target - base < 0x4000 ? 0xc000 | (target - base) : -1;
  }
  return UNMATCHED;
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
