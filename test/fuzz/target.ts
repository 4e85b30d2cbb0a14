// The interface of a fuzz target, and checks that several targets share. One target a file in targets/;
// engine.ts feeds one, main.ts runs all.
import { canonicalAddress } from '../../agent/src/wire/address.ts';
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  /** Weight of this target in the share of all inputs. */
  readonly weight: number;
  /** Valid inputs, made by our own encoders where there is one. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that a mutation may insert: words of a text, type codes. */
  readonly words?: readonly (string | readonly number[])[];
  /** Corrects what a mutation broke and every decoder checks first (a total length, a checksum), so that the
   * next layer is reached. Returns the new length. */
  readonly mend?: (bytes: Uint8Array, length: number, random: Random) => number;
  /** Runs the code on one input; throws when a property is violated. Returns the feature reached (a reason,
   * a shape): an input with a new feature is kept and mutated further. */
  readonly run: (input: Uint8Array, random: Random) => string;
}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const arena = new Uint8Array(1 << 18);

/** Decodes the input alone in its array and once more between other bytes: both results must be equal, so no
 * byte outside [offset, end) is read. `decode` returns a text without absolute offsets. Returns that text. */
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

/** A reason without its numbers and quoted parts. */
export function kindOf(reason: string): string {
  return reason.replace(/".*"/gs, 'quoted').replace(/\d+/g, '#');
}

/** Latin-1: every byte is one character, so each text converts back to its bytes. */
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
