// learn/waiting: answers that wait for tokens are bounded, and one answer drops others in few passes.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createWaiting, takeWaiting, waitFor } from '../../../agent/src/learn/waiting.ts';

/** `looks` counts how often the answer's asker is read: once in each pass. */
function answer(asker: string, size: number, looks = { count: 0 }) {
  const rest = { device: asker, exchange: { mac: null, resolver: null }, outside: false };
  return {
    ...rest,
    bytes: new Uint8Array(size),
    get asker() {
      looks.count += 1;
      return asker;
    },
  };
}

test('above the bounds, the oldest answers of the device with the most go', () => {
  const waiting = createWaiting();
  assert.ok(waitFor(waiting, answer('modest', 100)));
  for (let i = 0; i < 511; i++) assert.ok(waitFor(waiting, answer('greedy', 100)));
  const last = answer('modest', 100);
  const [, oldest] = waiting.answers;
  assert.not(waitFor(waiting, last));
  assert.is(waiting.lost, 1);
  assert.is(waiting.answers.length, 512);
  assert.not(waiting.answers.includes(oldest!));
  assert.is(waiting.answers.at(-1), last);
  assert.is(waiting.bytes, 51_200);
  const taken = takeWaiting(waiting, (asker) => asker === 'modest', 16);
  assert.equal(
    taken.map(({ asker }) => asker),
    ['modest', 'modest'],
  );
  assert.is(waiting.count, 510);
  assert.is(waiting.bytes, 51_000);
});

test('one large answer drops no more small ones than it has to, in few passes over them', () => {
  const waiting = createWaiting();
  const looks = { count: 0 };
  for (let i = 0; i < 512; i++) waitFor(waiting, answer(`device ${i % 8}`, 512, looks));
  assert.is(waiting.bytes, 262_144);
  looks.count = 0;
  assert.not(waitFor(waiting, answer('device 8', 65_535)));
  // 65,535 bytes are 128 answers of 512.
  assert.is(waiting.lost, 128);
  assert.is(waiting.answers.length, 385);
  assert.ok(looks.count <= 512 * 20, `${looks.count} looks at 512 answers`);
});

test.run();
