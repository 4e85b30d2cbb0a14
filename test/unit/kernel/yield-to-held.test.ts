// kernel/yield-to-held: held packets are taken between messages of a long dump, until their queue is closed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  heldFirst,
  holdFirst,
  holdNoMore,
  isTurn,
} from '../../../agent/src/kernel/yield-to-held.ts';

test('one a time, from the queue that was opened last; a queue that is closed is not asked', () => {
  const taken: string[] = [];
  const one = (): void => void taken.push('one');
  const two = (): void => void taken.push('two');
  heldFirst(0);
  holdFirst(one);
  heldFirst(0);
  heldFirst(0);
  assert.equal(taken, ['one', 'one']);
  holdFirst(two);
  // The first queue is closed after the second one was opened.
  holdNoMore(one);
  heldFirst(0);
  assert.equal(taken, ['one', 'one', 'two']);
  holdNoMore(two);
  heldFirst(0);
  assert.is(taken.length, 3);
});

test('a turn that has taken long goes on without what is held', () => {
  let taken = 0;
  const one = (): void => {
    taken += 1;
  };
  holdFirst(one);
  for (const spent of [0, 1499, 1500, 5000]) heldFirst(spent);
  assert.is(taken, 2);
  assert.equal([isTurn(1499), isTurn(1500)], [true, false]);
  holdNoMore(one);
});

test.run();
