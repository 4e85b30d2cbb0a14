// Makes an input: copies one of the corpus and applies mutations for protocol bytes (lengths, counts, pointers,
// type codes, 4-byte blocks, words of a text).
import type { Random } from './random.ts';

/** Longest input in bytes: longer than any datagram. */
export const LONGEST = 0x10000;

const BYTES = [0, 1, 2, 4, 6, 12, 16, 17, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc1, 0xfe, 0xff];
const WORDS = [0, 1, 2, 3, 4, 5, 8, 20, 28, 40, 60, 255, 256, 0x7fff, 0x8000, 0xc00c, 0xffff];

/** Writes a mutation of one input of `corpus` into `into` and returns its length. */
export function mutate(
  corpus: readonly Uint8Array[],
  words: readonly Uint8Array[],
  into: Uint8Array,
  random: Random,
): number {
  // In half of the cases one of the inputs found last: they lead to the next feature.
  const recent = corpus.length > 8 && random.once(2);
  const from = recent ? corpus.length - 1 - random.below(8) : random.below(corpus.length);
  const seed = corpus[from]!;
  into.set(seed);
  let length = seed.length;
  let changes = 1;
  while (changes < 12 && !random.once(2)) changes++;
  for (; changes > 0; changes--) length = change(into, length, corpus, words, random);
  return length;
}

function change(
  bytes: Uint8Array,
  length: number,
  corpus: readonly Uint8Array[],
  words: readonly Uint8Array[],
  random: Random,
): number {
  if (length === 0) return insert(bytes, 0, 0, words, corpus, random);
  const at = placeIn(length, random);
  switch (random.below(12)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      return length;
    case 1:
      bytes[at] = random.below(256);
      return length;
    case 2:
      bytes[at] = random.pick(BYTES);
      return length;
    case 3:
      return number(bytes, length, at, random);
    case 4:
      bytes[at] = bytes[at]! + random.below(9) - 4;
      return length;
    case 5:
      return random.once(4) ? at : length - Math.min(length, 1 + random.below(4));
    case 6:
      return remove(bytes, length, at, random);
    case 7:
      return repeat(bytes, length, at, random);
    case 8:
      return swap(bytes, length, at, random);
    case 9:
      return splice(bytes, length, at, random.pick(corpus), random);
    default:
      return insert(bytes, length, at, words, corpus, random);
  }
}

/** In half of the cases at a multiple of 4, where netlink attributes and header fields begin. */
function placeIn(length: number, random: Random): number {
  const at = random.below(length);
  return random.once(2) ? at & ~3 : at;
}

/** A 16-bit number in either byte order: a boundary value, or the number of bytes left. */
function number(bytes: Uint8Array, length: number, at: number, random: Random): number {
  if (at + 2 > length) return length;
  const left = length - at;
  const value = random.once(3) ? left + random.below(9) - 4 : random.pick(WORDS);
  const first = random.below(2);
  bytes[at + first] = value;
  bytes[at + 1 - first] = value >> 8;
  return length;
}

function spanFrom(at: number, length: number, random: Random): number {
  const most = Math.min(length - at, random.once(8) ? 4096 : 32);
  const span = 1 + random.below(Math.max(1, most));
  return Math.min(length - at, random.once(2) ? (span + 3) & ~3 : span);
}

function remove(bytes: Uint8Array, length: number, at: number, random: Random): number {
  const span = spanFrom(at, length, random);
  bytes.copyWithin(at, at + span, length);
  return length - span;
}

function repeat(bytes: Uint8Array, length: number, at: number, random: Random): number {
  const span = Math.min(spanFrom(at, length, random), LONGEST - length);
  bytes.copyWithin(at + span, at, length);
  return length + span;
}

function swap(bytes: Uint8Array, length: number, at: number, random: Random): number {
  const other = placeIn(length, random);
  const span = Math.min(spanFrom(at, length, random), length - other);
  const kept = bytes.slice(at, at + span);
  bytes.copyWithin(at, other, other + span);
  bytes.set(kept, other);
  return length;
}

/** Overwrites bytes with a part of another input. */
function splice(
  bytes: Uint8Array,
  length: number,
  at: number,
  other: Uint8Array,
  random: Random,
): number {
  if (other.length === 0) return length;
  const from = placeIn(other.length, random);
  const span = Math.min(spanFrom(from, other.length, random), LONGEST - at);
  bytes.set(other.subarray(from, from + span), at);
  return Math.max(length, at + span);
}

function insert(
  bytes: Uint8Array,
  length: number,
  at: number,
  words: readonly Uint8Array[],
  corpus: readonly Uint8Array[],
  random: Random,
): number {
  let piece: Uint8Array;
  if (words.length > 0 && !random.once(4)) piece = random.pick(words);
  else {
    const other = random.pick(corpus);
    const from = other.length === 0 ? 0 : placeIn(other.length, random);
    piece = other.slice(from, from + 1 + random.below(32));
  }
  const span = Math.min(piece.length, LONGEST - length);
  bytes.copyWithin(at + span, at, length);
  bytes.set(piece.subarray(0, span), at);
  return length + span;
}
