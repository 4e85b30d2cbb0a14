// A test that fails: the proof that a runner reports it. scripts/must-fail.sh runs it in each.
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('one that passes', () => {
  assert.is(1, 1);
});

test('one that fails', () => {
  assert.is(1, 2);
});

test.run();
