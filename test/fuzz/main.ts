// Entry of the fuzzer in Node and in the host: parses options and runs every target for its share of the
// inputs, one output line a target. The platform's functions are arguments.
import { fuzz, type Outcome } from './engine.ts';
import type { Target } from './target.ts';

export interface Platform {
  readonly words: readonly string[];
  print(line: string): void;
  /** A monotonic clock in milliseconds. */
  clock(): number;
}

interface Options {
  readonly inputs: number;
  readonly seed: number;
  readonly seconds: number;
  readonly target: string;
  readonly slowest: number;
}

/** Most milliseconds for one input; a slow router takes some thirty times as long. `--slowest` raises it on
 * a busy machine. */
const SLOWEST_MILLISECONDS = 2000;

export function readOptions(words: readonly string[]): Options {
  const value = (name: string, otherwise: string): string => {
    const at = words.indexOf(`--${name}`);
    return at < 0 ? otherwise : (words[at + 1] ?? otherwise);
  };
  return {
    inputs: Number(value('inputs', '1000000')),
    seed: Number(value('seed', '1')),
    seconds: Number(value('seconds', '86400')),
    target: value('target', ''),
    slowest: Number(value('slowest', String(SLOWEST_MILLISECONDS))),
  };
}

/** Fuzzes the targets one after the other; returns how many crashed. */
export function run(all: readonly Target[], platform: Platform): number {
  const { inputs, seed, seconds, target, slowest } = readOptions(platform.words);
  const targets = all.filter(({ name }) => target === '' || name === target);
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const started = platform.clock();
  let total = 0;
  let found = 0;
  for (const one of targets) {
    const share = one.weight / weights;
    const limits = {
      seed,
      inputs: Math.ceil(inputs * share),
      milliseconds: seconds * 1000 * share,
      slowest,
    };
    const outcome = fuzz(one, limits, platform.clock);
    total += outcome.inputs;
    if (outcome.crash !== null) found += 1;
    platform.print(lineOf(one, outcome));
    if (outcome.crash !== null) tell(one, outcome.crash, platform);
  }
  const rate = Math.round((total / (platform.clock() - started)) * 1000);
  platform.print(`${total} inputs, ${rate} a second, seed ${seed}`);
  platform.print(`fuzz: ${targets.length - found} passed, ${found} failed`);
  return found;
}

function lineOf(target: Target, { inputs, took, features, slowest }: Outcome): string {
  const rate = Math.round((inputs / Math.max(1, took)) * 1000);
  const name = target.name.padEnd(18);
  const numbers = `${String(inputs).padStart(9)} inputs ${String(rate).padStart(8)}/s`;
  return `${name} ${numbers} ${String(features).padStart(6)} reached, slowest ${slowest.toFixed(1)} ms`;
}

/** The line that scripts/fuzz.mjs saves as a crasher, with the reason. */
function tell(
  target: Target,
  crash: { input: Uint8Array; number: number; what: string },
  platform: Platform,
): void {
  const hex = Array.from(crash.input, (byte) => byte.toString(16).padStart(2, '0')).join('');
  platform.print(`crasher ${target.name} ${hex}`);
  platform.print(`  input ${crash.number}: ${crash.what}`);
}
