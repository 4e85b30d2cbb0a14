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
  refusedText,
  retainRefused,
} from '../../../agent/src/reconcile/refused.ts';

const link = (name: string): Piece => {
  return { kind: 'link', name, local: null, remote: '203.0.113.20', key: 7, mtu: 1400 };
};
const address: Piece = { kind: 'address', link: 'whp-a', address: '10.0.0.1', peer: '10.0.0.2' };

test('tried again after 5 s, 10 s, and so on to ten minutes', () => {
  const refused: Refused = new Map();
  const piece = link('whp-a');
  assert.is(isWaiting(refused, piece, 0), false);
  let now = 0;
  const waits: number[] = [];
  for (let tries = 0; tries < 10; tries++) {
    noteRefused(refused, piece, 'add link whp-a: refused', now);
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
  assert.equal([nextTry(refused), refusedText(refused)], [null, null]);
  assert.is(isWaiting(refused, address, 0), false);
  noteRefused(refused, link('whp-a'), 'no GRE', 1000);
  assert.equal([nextTry(refused), refusedText(refused)], [6000, 'no GRE']);
});

test('three reasons are written out; what nobody wants is forgotten', () => {
  const refused: Refused = new Map();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    noteRefused(refused, link(`whp-${name}`), `${name} is refused`, 0);
  }
  assert.is(refusedText(refused), 'a is refused; b is refused; c is refused; and 2 more');
  retainRefused(refused, [{ op: 'add', piece: link('whp-b') }]);
  assert.is(refusedText(refused), 'b is refused');
});

test.run();
