// kernel/yield-to-held: held packets pass between messages that can wait, until their queue is closed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { heldFirst, holdFirst, holdNoMore } from '../../../agent/src/kernel/yield-to-held.ts';

test('one a time, from the queue that was opened last; a queue that is closed is not asked', () => {
  const taken: string[] = [];
  const one = (): void => void taken.push('one');
  const two = (): void => void taken.push('two');
  heldFirst();
  holdFirst(one);
  heldFirst();
  heldFirst();
  assert.equal(taken, ['one', 'one']);
  holdFirst(two);
  // The queue of before is closed after the next one was opened.
  holdNoMore(one);
  heldFirst();
  assert.equal(taken, ['one', 'one', 'two']);
  holdNoMore(two);
  heldFirst();
  assert.is(taken.length, 3);
});

test.run();
