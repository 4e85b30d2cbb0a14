// The fuzzer's pseudo-random numbers, the same for the same seed in Node and in the host: the seed, the target
// and the number of an input reproduce it.

export interface Random {
  /** A whole number in [0, below); below is 1..2^31. */
  below(below: number): number;
  /** True once in `of` times. */
  once(of: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** sfc32 (public domain, PractRand): fast, and long enough for billions of inputs. */
export function randomOf(seed: number): Random {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88;
  let c = Math.imul(seed, 0x85ebca6b) | 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  const below = (most: number): number => next() % most;
  return { below, once: (of) => next() % of === 0, pick: (items) => items[below(items.length)]! };
}

/** FNV-1a hash of a text, 32 bits: seeds the generator of each target. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
