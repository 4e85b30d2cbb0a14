// test/mutations/list.ts against the tree: each mutation has its place, and its tests are there. That they
// fail then, scripts/mutate.sh shows.
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MUTATIONS } from '../mutations/list.ts';

test('each is one place of one file, with tests that exist', () => {
  for (const { name, file, from, to, tests } of MUTATIONS) {
    const found = readFileSync(file, 'utf8').split(from).length - 1;
    assert.is(found, 1, `${name}: ${file} has its text ${found} times`);
    assert.is.not(from, to, name);
    assert.ok(tests.length > 0, name);
    for (const one of tests) assert.ok(existsSync(one), `${name}: there is no ${one}`);
  }
});

test('each has a name of its own and a promise', () => {
  const names = MUTATIONS.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.ok(names.length >= 25);
  for (const { name, promise } of MUTATIONS) assert.match(promise, /\w/, name);
});

test.run();
