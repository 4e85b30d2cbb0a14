// The tables of README.md, docs/benchmarks.md and docs/applications.md against the measurements in docs/figures.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('the pages say what docs/figures says', () => {
  const run = spawnSync('node', ['scripts/figures.mjs', '--check'], { encoding: 'utf8' });
  assert.is(`${run.status} ${run.stderr}`, '0 ');
});

test.run();
