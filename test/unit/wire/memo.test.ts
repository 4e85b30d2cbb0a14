// wire/memo: what is made of a text is made once, and few texts are remembered.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { memo } from '../../../agent/src/wire/memo.ts';

test('a text is read once as long as it is remembered', () => {
  const read: string[] = [];
  const length = memo(2, (text) => {
    read.push(text);
    return text.length;
  });
  assert.equal(['a', 'bb', 'a', 'bb'].map(length), [1, 2, 1, 2]);
  assert.equal(read, ['a', 'bb']);
  // One more than it remembers.
  assert.equal(['ccc', 'ccc', 'a'].map(length), [3, 3, 1]);
  assert.equal(read, ['a', 'bb', 'ccc', 'a']);
});

test('a text of which nothing can be made is null each time', () => {
  const none = memo<number | null>(2, () => null);
  assert.is(none('x'), null);
  assert.is(none('x'), null);
});

test.run();
