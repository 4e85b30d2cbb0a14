// test/mutations/list.ts against the tree: each mutation has one place, and its tests exist. scripts/mutate.sh
// shows that they fail.
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FAULTS } from '../lab/faults/sessions.ts';
import { GROUPS } from '../lab/world/adversary-list.ts';
import { MUTATIONS } from '../mutations/list.ts';
import { SESSIONS } from '../mutations/sessions.ts';
import { withTable } from '../mutations/table.ts';

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

test('the sessions that stand for a promise exist', () => {
  const faults = FAULTS.map(({ name }) => name);
  const cases = GROUPS.flatMap(({ cases: ofOne }) => ofOne);
  for (const { promise, faults: ours, adversary = [] } of SESSIONS) {
    assert.ok(ours.length + adversary.length > 0, promise);
    for (const one of ours) assert.ok(faults.includes(one), `${promise}: no fault session ${one}`);
    for (const one of adversary) assert.ok(cases.includes(one), `${promise}: no case ${one}`);
  }
});

test('SECURITY.md has the table of all of them', () => {
  const page = readFileSync('SECURITY.md', 'utf8');
  assert.is(page, withTable(page), 'SECURITY.md: run scripts/mutate.sh --table');
});

test.run();
