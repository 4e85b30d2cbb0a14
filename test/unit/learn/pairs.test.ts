// learn/pairs: the set changes of an answer of a resolver other than the router's.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createTaught, noteTaught } from '../../../agent/src/learn/dynamic-sets.ts';
import { createLearned } from '../../../agent/src/learn/endpoints.ts';
import type { Lesson } from '../../../agent/src/learn/observe-dns.ts';
import { learnPairs } from '../../../agent/src/learn/pairs.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';

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

test('the host program adds a pair for longer than its answer says: the script gives it its own lease', () => {
  const memory = { pairs: createLearned(true), taught: createTaught() };
  const said = { mac: MAC, resolver: '9.9.9.9', isTaught: true } as const;
  const renewals = (at: number) =>
    learnPairs(memory, lesson(at, 0, 1), said, CAP).effects.flatMap((effect) =>
      effect.kind === 'renew'
        ? effect.elements.map(({ timeout }) => `${effect.set} ${timeout}`)
        : [],
    );
  assert.equal(renewals(0), ['skype_peer4 310000', 'skype_peermac4 310000']);
  // The same answer again: the agent knows the pair, and the host program has renewed its elements.
  assert.equal(renewals(1000), ['skype_peer4 309000', 'skype_peermac4 309000']);
  // The rules have renewed the one element, since a flow uses it: it keeps the lease of a peer.
  const [key] = memory.taught.get('skype_peer4')!.keys();
  noteTaught(memory.taught, 'skype_peer4', { key: key!, expires: 86_400_000 }, CAP);
  assert.equal(renewals(2000), ['skype_peermac4 308000']);
});

test('a pair that makes room goes, though the kernel counts its lease from a later time; a peer in use stays', () => {
  const memory = { pairs: createLearned(true), taught: createTaught() };
  const said = { mac: MAC, resolver: '9.9.9.9' };
  learnPairs(memory, lesson(0, 0, 2), said, CAP);
  const peers = memory.taught.get('skype_peer4')!;
  const [late, used] = [...peers.keys()];
  peers.set(late!, 310_000 + 9000);
  peers.set(used!, 86_400_000);
  const gone = learnPairs(memory, lesson(2000, 1000, PART), said, CAP).effects.flatMap((effect) =>
    effect.kind === 'forget' && effect.set === 'skype_peer4' ? effect.keys.map(byteString) : [],
  );
  assert.equal(gone, [late!]);
});

test.run();
