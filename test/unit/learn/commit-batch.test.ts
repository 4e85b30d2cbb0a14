// learn/commit-batch: a burst is committed at once, an endless stream once a second; no answer is released
// before its elements are committed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COMMITS,
  createGathering,
  MOST_WAITING,
  placeOf,
  takeWaiting,
  untilNext,
} from '../../../agent/src/learn/commit-batch.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';

const renew: Effect = { kind: 'renew', set: 'skype_addr4', elements: [] };
const told = { kind: 'told', what: { kind: 'lesson', lesson: {} } } as unknown as Effect;
const asked = { kind: 'told', what: { kind: 'asked' } } as unknown as Effect;
const release: Effect = { kind: 'release', id: 1 };
const teaching = [renew, told, release];

/** A batch whose burst is used up at time 0. */
function spent() {
  const gathering = createGathering();
  for (let i = 0; i < COMMITS.burst; i++) {
    assert.is(placeOf(gathering, teaching, false, 0), 'flush', `transaction ${i + 1}`);
    takeWaiting(gathering, 0);
  }
  return gathering;
}

test('beyond the burst an answer that teaches waits, for a second at most', () => {
  const gathering = spent();
  assert.is(placeOf(gathering, teaching, false, 0), 'wait');
  assert.is(untilNext(gathering, 0), 1000 / COMMITS.perSecond);
  assert.is(placeOf(gathering, teaching, false, 1000), 'flush');
});

test('while one waits the next waits behind it, even when there is a token', () => {
  const gathering = spent();
  gathering.waiting.push(teaching);
  assert.is(placeOf(gathering, teaching, false, 5000), 'wait');
  assert.equal(takeWaiting(gathering, 5000), [teaching]);
  assert.is(gathering.waiting.length, 0);
});

test('an answer that teaches nothing new leaves behind the one that waits, an unrelated one at once', () => {
  const gathering = spent();
  assert.is(placeOf(gathering, [told, release], false, 0), 'beside');
  gathering.waiting.push(teaching);
  assert.is(placeOf(gathering, [told, release], false, 0), 'wait');
  assert.is(placeOf(gathering, [release], false, 0), 'beside');
  assert.is(placeOf(gathering, [{ kind: 'pass', id: 1, again: true }], false, 0), 'wait');
  assert.is(placeOf(gathering, [{ kind: 'pass', id: 1, again: false }], false, 0), 'beside');
});

test('a segment that repeats a held one leaves behind what that one taught', () => {
  const gathering = spent();
  const segment: Effect = { kind: 'release', id: 2, behind: true };
  assert.is(placeOf(gathering, [segment], false, 0), 'beside', 'nothing waits');
  gathering.waiting.push(teaching);
  assert.is(placeOf(gathering, [segment], false, 0), 'wait');
});

test('a window that a query opens waits for nothing, and takes along what waits', () => {
  const gathering = spent();
  gathering.waiting.push(teaching);
  assert.is(placeOf(gathering, [renew, asked], false, 0), 'flush');
  assert.is(placeOf(gathering, [renew, asked], true, 0), 'flush');
});

test('while our own nft loads, answers that teach wait, as many as are held at once', () => {
  const gathering = createGathering();
  assert.is(placeOf(gathering, teaching, true, 0), 'wait');
  for (let i = 0; i < MOST_WAITING; i++) gathering.waiting.push(teaching);
  assert.is(placeOf(gathering, teaching, true, 0), 'flush');
});

test.run();
