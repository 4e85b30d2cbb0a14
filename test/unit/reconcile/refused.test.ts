// reconcile/refused: a refused piece is retried after a delay that doubles, is logged once, and waits for its
// device without a timer.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Piece } from '../../../agent/src/reconcile/desired.ts';
import {
  isWaiting,
  nextTry,
  noteBare,
  noteRefused,
  type Refused,
  refusedTexts,
  retainRefused,
} from '../../../agent/src/reconcile/refused.ts';

const link = (name: string): Piece => {
  return { kind: 'link', name, local: null, remote: '203.0.113.20', key: 7, mtu: 1400 };
};
const add = (piece: Piece) => ({ op: 'add' as const, piece });
const address: Piece = { kind: 'address', link: 'whp-a', address: '10.0.0.1', peer: '10.0.0.2' };

test('tried again after 5 s, 10 s, and so on to ten minutes', () => {
  const refused: Refused = new Map();
  const piece = link('whp-a');
  assert.is(isWaiting(refused, piece, 0), false);
  let now = 0;
  const waits: number[] = [];
  for (let tries = 0; tries < 10; tries++) {
    noteRefused(refused, add(piece), 'refused', now);
    const next = nextTry(refused)!;
    waits.push((next - now) / 1000);
    assert.equal(
      [isWaiting(refused, piece, next - 1), isWaiting(refused, piece, next)],
      [true, false],
    );
    now = next;
  }
  assert.equal(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
});

test('what stands on a missing device waits for the device alone, and is not named', () => {
  const refused: Refused = new Map();
  noteBare(refused, address);
  assert.equal([nextTry(refused), refusedTexts(refused)], [null, []]);
  assert.is(isWaiting(refused, address, 0), false);
  noteRefused(refused, add(link('whp-a')), 'no GRE', 1000);
  assert.equal(
    [nextTry(refused), refusedTexts(refused)],
    [6000, ['add link whp-a gre remote 203.0.113.20 with a key mtu 1400: no GRE']],
  );
});

test('each reason once, with all pieces that it refuses; what nobody wants is forgotten', () => {
  const refused: Refused = new Map();
  const rule = (preference: number): Piece => {
    return { kind: 'rule', family: 4, preference, mark: 1, mask: 15, table: preference };
  };
  for (const at of [1, 2, 3, 4, 5]) noteRefused(refused, add(rule(at)), 'no ip rules', 0);
  noteRefused(refused, add(link('whp-a')), 'the name is taken; ip link delete whp-a', 0);
  noteRefused(refused, { op: 'delete', piece: link('whp-b') }, 'no ip rules', 0);
  noteBare(refused, address);
  const names = [1, 2, 3, 4, 5].map((at) => `rule v4 pref ${at} fwmark 0x1/0xf table ${at}`);
  assert.equal(refusedTexts(refused), [
    `add ${names.join(', ')}: no ip rules`,
    'add link whp-a gre remote 203.0.113.20 with a key mtu 1400: the name is taken; ip link delete whp-a',
    'delete link whp-b gre remote 203.0.113.20 with a key mtu 1400: no ip rules',
  ]);
  retainRefused(refused, [{ op: 'add', piece: rule(3) }]);
  assert.equal(refusedTexts(refused), [`add ${names[2]}: no ip rules`]);
});

test.run();
