// learn/deferral: while the agent's own nft loads the table, answers that teach wait, and what depends on them.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isDeferred, MOST_WAITING } from '../../../agent/src/learn/deferral.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';

const renew: Effect = { kind: 'renew', set: 'skype_addr4', elements: [] };
const told = { kind: 'monitor', event: { kind: 'lesson', lesson: {} } } as unknown as Effect;
const asked = { kind: 'monitor', event: { kind: 'asked' } } as unknown as Effect;
const release: Effect = { kind: 'release', id: 1 };

test('an answer that teaches waits, as many as are held at once', () => {
  assert.ok(isDeferred([renew, told, release], 0));
  assert.ok(isDeferred([renew, told, release], MOST_WAITING - 1));
  assert.not(isDeferred([renew, told, release], MOST_WAITING));
});

test('an answer that teaches nothing new leaves behind the one that waits, an unrelated one at once', () => {
  assert.not(isDeferred([told, release], 0));
  assert.ok(isDeferred([told, release], 1));
  assert.not(isDeferred([release], 1));
  assert.ok(isDeferred([{ kind: 'pass', id: 1, again: true }], 1));
  assert.not(isDeferred([{ kind: 'pass', id: 1, again: false }], 1));
});

test('a segment that repeats a held one leaves behind what that one taught', () => {
  const segment: Effect = { kind: 'release', id: 2, behind: true };
  assert.not(isDeferred([segment], 0), 'nothing waits');
  assert.ok(isDeferred([segment], 1));
});

test('a window that a query opens waits for nothing', () => {
  assert.not(isDeferred([renew, asked], 1));
});

test.run();
