// The lab's only source of chance: every program takes a seed as an argument and draws from this
// generator, so that a run can be repeated packet for packet (times excepted).
// mulberry32 (public domain, Tommy Ettinger): 32 bits of state, enough for choosing ports and names.

export interface Random {
  /** A fraction in [0, 1). */
  fraction(): number;
  /** A whole number in [low, high], both ends included. */
  between(low: number, high: number): number;
  /** One of the items. The list must not be empty. */
  pick<T>(items: readonly T[]): T;
  /** `count` different items (all of them if there are fewer), in random order. */
  sample<T>(items: readonly T[], count: number): T[];
}

/** Turns a text such as "7/iphone/3" into a 32-bit seed (FNV-1a). */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** A generator that gives the same sequence for the same seed, in Node and in the quickjs host. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const between = (low: number, high: number): number =>
    low + Math.floor(fraction() * (high - low + 1));
  const pick = <T>(items: readonly T[]): T => items[between(0, items.length - 1)]!;
  const sample = <T>(items: readonly T[], count: number): T[] => {
    const rest = [...items];
    const chosen: T[] = [];
    while (rest.length > 0 && chosen.length < count) {
      chosen.push(...rest.splice(between(0, rest.length - 1), 1));
    }
    return chosen;
  };
  return { fraction, between, pick, sample };
}
