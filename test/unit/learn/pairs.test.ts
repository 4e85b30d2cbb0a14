// learn/pairs: the set changes of an answer of a resolver other than the router's.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createTaught } from '../../../agent/src/learn/dynamic-sets.ts';
import { createLearned } from '../../../agent/src/learn/endpoints.ts';
import type { Lesson } from '../../../agent/src/learn/observe-dns.ts';
import { learnPairs } from '../../../agent/src/learn/pairs.ts';

const MAC = '02:00:00:00:00:11';
const CAP = 1024;
/** What one device may have: an eighth of the half that is for pairs. */
const PART = 64;

function lesson(at: number, from: number, count: number): Lesson {
  const address = (i: number) => `203.0.${i >> 8}.${i & 255}`;
  return {
    app: 'skype',
    name: 'ui.skype.com',
    root: 'ui.skype.com',
    entry: '.skype.com',
    device: '192.168.1.11',
    at,
    addresses: Array.from({ length: count }, (_, i) => ({
      address: address(from + i),
      ttlSeconds: 60,
    })),
    targets: [],
    refused: [],
  };
}

test('an answer is one change of each set, and deletes only what the kernel has', () => {
  const memory = { pairs: createLearned(true), taught: createTaught() };
  const said = { mac: MAC, resolver: '9.9.9.9' };
  const learn = (one: Lesson) =>
    learnPairs(memory, one, said, CAP).effects.flatMap((effect) => {
      if (effect.kind === 'renew') return [`renew ${effect.set} ${effect.elements.length}`];
      return effect.kind === 'forget' ? [`forget ${effect.set}`] : [];
    });
  const renewed = [`renew skype_peer4 ${PART}`, `renew skype_peermac4 ${PART}`];
  // More than the device may have: the rest was never added.
  assert.equal(learn(lesson(1, 0, 500)), renewed);
  // Others take their place.
  const effects = learn(lesson(2, 1000, PART));
  assert.equal(effects.slice(-2), renewed);
  assert.is(effects.filter((one) => one.startsWith('forget')).length, 2 * PART);
  assert.is(effects.length, 2 * PART + 2);
});

test.run();
