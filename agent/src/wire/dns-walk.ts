// wire/dns-walk: the hot path of DNS. Walks the names of a message in place (questions, owners and targets of the
// answer section) and calls a test for each, so that an answer that concerns no application is released without
// being decoded. Allocates nothing per name. A match is decoded by dns.
import {
  BAD_LABEL,
  BAD_POINTER,
  CUT_OFF,
  DNS_HEADER,
  MATCHED,
  MAX_JUMPS,
  NAME_TOO_LONG,
  TOO_MUCH_WORK,
  UNMATCHED,
} from './dns-names.ts';
import { TYPE_A, TYPE_AAAA, targetOffset } from './dns-targets.ts';
import { u16At } from './reader.ts';

/**
 * Work for the names of one message, in units of a byte of a name; owners that repeat a pointer are not counted.
 * Normal answers have a handful of names; 700 addresses with uncompressed owners need 20,000. A 34Kf does this much
 * in a tenth of a second; 64 KiB of pointers to a long name would take seconds.
 */
const MAX_WORK = 24576;
/**
 * Units of each name beside its bytes (a pointer counts as two), and units added, with the name's bytes again, when
 * the test is called.
 */
const NAME_WORK = 8;
const TEST_WORK = 64;
/** Questions walked in one message. */
const MAX_QUESTIONS = 64;

/**
 * A filter by the second label from the right: its length, first and last byte. The entry at tailKey is 0 if the
 * test would refuse every such name. 4,096 entries.
 */
export type TailFilter = Uint8Array;

/** Index of a label in a TailFilter, regardless of case. */
export function tailKey(size: number, first: number, last: number): number {
  return ((first & 31) << 7) ^ ((last & 31) << 2) ^ size;
}

/** The index for a name as text, of two labels or more. */
export function textTail(name: string): number {
  const end = name.lastIndexOf('.');
  const start = name.lastIndexOf('.', end - 1) + 1;
  return tailKey(end - start, name.charCodeAt(start), name.charCodeAt(end - 1));
}

/** Whether the name at `at`, which passed the filter, is wanted. */
export type NameTest = (bytes: Uint8Array, base: number, end: number, at: number) => boolean;

/**
 * Walks bytes[offset, end). Returns MATCHED at the first name that passes filter and test, UNMATCHED if there is
 * none, or a negative code if the message is malformed before a match.
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

/** Set by readTail: offset of the second label from the right; -1: fewer than two labels. */
let tailSecond = -1;
/** Set by readTail: bytes of the name, plus two a pointer. */
let tailWork = 0;

function passes(bytes: Uint8Array, filter: TailFilter): boolean {
  const at = tailSecond;
  if (at < 0) return false;
  const size = bytes[at]!;
  // tailKey inlined: a call costs a tenth of the walk.
  return filter[((bytes[at + 1]! & 31) << 7) ^ ((bytes[at + size]! & 31) << 2) ^ size] !== 0;
}

/**
 * readName without the list of labels: checks the name at `at` and sets tailSecond and tailWork. `stop` covers both
 * the end of the message and the 255 bytes of a name, so each label needs one comparison.
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
  // Most owners are pointers to the question, to the last target or to the previous owner. These three are
  // remembered and not tested again.
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
    // A and AAAA, by far the most records, have no target.
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
    // A pointer has 14 bits (RFC 1035 section 4.1.4), so it cannot lead to an offset of 0x4000 or more.
    lastTarget = target - base < 0x4000 ? 0xc000 | (target - base) : -1;
  }
  return UNMATCHED;
}
