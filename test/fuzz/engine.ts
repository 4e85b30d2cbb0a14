// Feeds one target: mutate, mend, run; keeps inputs that reach a new feature. No IO: the clock is an argument,
// a crash is a value.
import { LONGEST, mutate } from './mutate.ts';
import { hashOf, randomOf } from './random.ts';
import { bytesOf, type Target } from './target.ts';

export interface Limits {
  readonly seed: number;
  readonly inputs: number;
  /** Milliseconds after which the run ends. */
  readonly milliseconds: number;
  /** Milliseconds that a single input may take. */
  readonly slowest: number;
}

export interface Found {
  readonly input: Uint8Array;
  readonly number: number;
  readonly what: string;
}

export interface Outcome {
  readonly inputs: number;
  /** Number of features, the texts that the target returned. */
  readonly features: number;
  /** Milliseconds. */
  readonly took: number;
  readonly slowest: number;
  readonly crash: Found | null;
}

/** Inputs kept for mutation. */
const KEPT = 1024;
/** Most features; bounds the memory of a target whose answers never repeat. */
const FEATURES = 20000;

export function fuzz(target: Target, limits: Limits, clock: () => number): Outcome {
  const random = randomOf(limits.seed ^ hashOf(target.name));
  const corpus = target.seeds.slice();
  const words = (target.words ?? []).map((word) =>
    typeof word === 'string' ? bytesOf(word) : Uint8Array.from(word),
  );
  const features = new Set<string>();
  const buffer = new Uint8Array(LONGEST * 2);
  const started = clock();
  let before = started;
  let slowest = 0;
  let number = 0;
  let crash: Found | null = null;
  for (; number < limits.inputs && before - started < limits.milliseconds; number++) {
    // The unchanged seeds run first.
    const input =
      number < target.seeds.length
        ? target.seeds[number]!
        : made(target, corpus, words, buffer, random);
    try {
      const reached = target.run(input, random);
      if (!features.has(reached) && features.size < FEATURES) {
        features.add(reached);
        if (number >= target.seeds.length) {
          if (corpus.length < KEPT) corpus.push(input);
          else corpus[target.seeds.length + random.below(KEPT - target.seeds.length)] = input;
        }
      }
    } catch (error) {
      crash = { input, number, what: textOfError(error) };
    }
    const now = clock();
    if (
      now - before > limits.slowest &&
      crash === null &&
      takesLong(target, input, limits, clock)
    ) {
      crash = { input, number, what: `takes ${Math.round(now - before)} ms` };
    }
    slowest = Math.max(slowest, now - before);
    before = clock();
    if (crash !== null) break;
  }
  return { inputs: number, features: features.size, took: before - started, slowest, crash };
}

function made(
  target: Target,
  corpus: readonly Uint8Array[],
  words: readonly Uint8Array[],
  buffer: Uint8Array,
  random: ReturnType<typeof randomOf>,
): Uint8Array {
  let length = mutate(corpus, words, buffer, random);
  if (target.mend !== undefined) length = target.mend(buffer, length, random);
  return buffer.slice(0, length);
}

/** Runs the input again: the machine may have been busy. */
function takesLong(
  target: Target,
  input: Uint8Array,
  limits: Limits,
  clock: () => number,
): boolean {
  const started = clock();
  target.run(input, randomOf(limits.seed));
  return clock() - started > limits.slowest;
}

export function textOfError(error: unknown): string {
  return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
}
