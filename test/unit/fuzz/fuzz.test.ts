// The fuzzer itself: it finds planted mistakes, is deterministic, every seed passes its target, and every input
// in test/fuzz/crashers is replayed.
import crashers from 'fuzz:crashers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fromHex } from '../../fixtures/bytes.ts';
import { fuzz } from '../../fuzz/engine.ts';
import { randomOf } from '../../fuzz/random.ts';
import { isolated, must, type Target } from '../../fuzz/target.ts';
import { TARGETS } from '../../fuzz/targets.ts';

const LIMITS = { seed: 1, inputs: 20000, milliseconds: 60000, slowest: 2000 };
const still = () => 0;

function planted(run: Target['run']): Target {
  return { name: 'planted', weight: 1, seeds: [Uint8Array.of(4, 1, 2, 3, 4)], run };
}

test('a read behind the end is found', () => {
  // Trusts the length in the first byte: reads beyond the input.
  const decode = (bytes: Uint8Array, offset: number) => {
    let sum = 0;
    for (let i = 1; i <= bytes[offset]!; i++) sum += bytes[offset + i] ?? 1000;
    return String(sum);
  };
  const outcome = fuzz(
    planted((input, random) => isolated(input, random, decode)),
    LIMITS,
    still,
  );
  assert.ok(outcome.crash?.what.startsWith('reads outside its bytes'));
});

test('what was reached is a step to what lies behind it', () => {
  const run = (input: Uint8Array) => {
    let depth = 0;
    while (depth < 4 && input[depth] === [0xca, 0xfe, 0x42, 0x99][depth]) depth++;
    must(depth < 4, 'four bytes guessed');
    return String(depth);
  };
  const outcome = fuzz(planted(run), { ...LIMITS, seed: 6, inputs: 200000 }, still);
  assert.is(outcome.crash?.what.split('\n')[0], 'four bytes guessed');
});

test('the same seed makes the same inputs', () => {
  const seen = [0, 1].map(() => {
    const inputs: string[] = [];
    const run = (input: Uint8Array) => {
      inputs.push(input.join());
      return String(input.length & 7);
    };
    fuzz(planted(run), { ...LIMITS, inputs: 200 }, still);
    return inputs;
  });
  assert.equal(seen[0], seen[1]);
});

test('an input that takes too long is found', () => {
  let now = 0;
  const run = (input: Uint8Array) => {
    now += input[0]! > 100 ? 5000 : 1;
    return 'done';
  };
  const outcome = fuzz(planted(run), { ...LIMITS, milliseconds: 1e9 }, () => now);
  assert.ok(outcome.crash?.what.startsWith('takes '));
});

test('every target holds on its seeds', () => {
  for (const target of TARGETS) {
    for (const seed of target.seeds) target.run(seed, randomOf(7));
  }
});

for (const [name, text] of crashers) {
  test(`crasher ${name}`, () => {
    const target = TARGETS.find((one) => name.startsWith(`${one.name}-`));
    assert.ok(target, 'a crasher is called TARGET-DIGEST.hex');
    for (let seed = 0; seed < 16; seed++) target.run(fromHex(text), randomOf(seed));
  });
}

test.run();
