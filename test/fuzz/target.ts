// What a fuzz target is, and the two checks that most of them share. One target a file in targets/;
// engine.ts feeds it, main.ts runs them all.
import { canonicalAddress } from '../../agent/src/wire/address.ts';
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  /** Part of all inputs that this target gets, beside the others. */
  readonly weight: number;
  /** Good inputs, made by the project's own codecs where there is an encoder. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that a mutation may put in: words of a text, type codes. */
  readonly words?: readonly (string | readonly number[])[];
  /**
   * Mends what a mutation broke and every decoder would stop at (a total length, a checksum), so
   * that the next layer is reached. Answers the new length.
   */
  readonly mend?: (bytes: Uint8Array, length: number, random: Random) => number;
  /**
   * Runs the code on one input and throws when a property does not hold. The answer names what was
   * reached (reasons, shapes): an input with a new one is kept and mutated further.
   */
  readonly run: (input: Uint8Array, random: Random) => string;
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const arena = new Uint8Array(1 << 18);

/**
 * Decodes the input alone in its array, and once more in the middle of other bytes, and answers
 * what it reads, which must be the same: no byte outside [offset, end) may be looked at.
 * `decode` answers a text without absolute offsets.
 */
export function isolated(
  input: Uint8Array,
  random: Random,
  decode: (bytes: Uint8Array, offset: number, end: number) => string,
): string {
  const alone = decode(input, 0, input.length);
  const offset = random.below(4096);
  for (let i = 1; i <= 24; i++) {
    if (offset >= i) arena[offset - i] = random.below(256);
    arena[offset + input.length + i - 1] = random.below(256);
  }
  arena.set(input, offset);
  const among = decode(arena, offset, offset + input.length);
  must(alone === among, `reads outside its bytes: "${alone}" alone, "${among}" among others`);
  return alone;
}

export function mustBeCanonical(address: string): void {
  must(canonicalAddress(address) === address, `"${address}" is not canonical`);
}

/** Numbers and quoted parts of a reason say nothing new. */
export function kindOf(reason: string): string {
  return reason.replace(/".*"/gs, 'quoted').replace(/\d+/g, '#');
}

/** Latin-1: every byte is a character, so that each text has its bytes and back. */
export function textOf(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) {
    const part = bytes.subarray(at, at + 4096) as unknown as number[];
    text += String.fromCharCode.apply(null, part);
  }
  return text;
}

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
