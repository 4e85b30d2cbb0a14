// The figures of the documents against the measurements in docs/figures, and how the benchmark merges its runs.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { number } from '../../scripts/lib/number.mjs';
import { answerTo, labelAt, labelOf, OUR_DOMAIN, phaseOf, queryFor } from '../lab/bench/answer.ts';
import { beside, type Figure, merge, reading } from '../lab/bench/figures.ts';
import { pages } from '../lib/pages.ts';
import { growthOf, type Point } from '../scale/growth.ts';
import { DIMENSIONS } from '../scale/home.ts';
import type { ScaleFigure } from '../scale/result.ts';

interface Bench {
  readonly command: string;
  readonly date: string;
  readonly tree: string;
  readonly machine: string;
  readonly runs: number;
  readonly figures: readonly Figure[];
}

interface Scale extends Omit<Bench, 'figures'> {
  readonly figures: readonly ScaleFigure[];
  readonly kernel: readonly Figure[];
}

const bench = JSON.parse(readFileSync('docs/figures/bench.json', 'utf8')) as Bench;

test('the pages say what docs/figures says', () => {
  const run = spawnSync('node', ['scripts/figures.mjs', '--check'], { encoding: 'utf8' });
  assert.is(`${run.status} ${run.stderr}`, '0 ');
});

test('the file of the benchmark names tree, date, machine and runs', () => {
  assert.match(bench.tree, /^[0-9a-f]{10}$/);
  assert.match(bench.date, /^\d{4}-\d\d-\d\dT/);
  assert.match(bench.machine, /^(mipsel|x86_64) router/);
  for (const { name, value, least, most, runs, budget, kept } of bench.figures) {
    assert.ok(least <= value && value <= most, `${name}: ${least} ${value} ${most}`);
    assert.ok(runs >= 1 && runs <= bench.runs, `${name}: ${runs} runs`);
    const within = budget?.kind === 'most' ? value <= budget.limit : value >= (budget?.limit ?? 0);
    assert.is(kept, budget === null ? null : within, name);
  }
});

test('the file of the scale measurement names tree, date, machine and runs', () => {
  const scale = JSON.parse(readFileSync('docs/figures/scale.json', 'utf8')) as Scale;
  assert.match(scale.tree, /^[0-9a-f]{10}$/);
  assert.match(scale.date, /^\d{4}-\d\d-\d\dT/);
  assert.match(scale.machine, /^x86_64, /);
  assert.ok(scale.runs >= 1 && scale.figures.length > 10 && scale.kernel.length > 5);
  for (const { name, value, least, most } of [...scale.figures, ...scale.kernel])
    assert.ok(least <= value && value <= most, `${name}: ${least} ${value} ${most}`);
  for (const { name, growth } of scale.figures)
    for (const dimension of DIMENSIONS) {
      const { points, isWorse } = growth[dimension];
      const [first, second, third] = points as [Point, Point, Point];
      assert.ok(first.size < second.size && second.size < third.size, `${name} ${dimension}`);
      // The repetitions of the full home are not in the file.
      if (isWorse) assert.ok(growthOf([first, second, third]).isWorse, `${name} ${dimension}`);
    }
});

test('a figure of the benchmark stands in no page but in a generated table', () => {
  const texts = bench.figures
    .map(({ value, unit }) => `${number(value)} ${unit}`)
    .filter((text) => /^\d+\.\d*[1-9]/.test(text));
  for (const [page, whole] of pages) {
    // It has measurements of its own.
    if (page === 'docs/compare.md') continue;
    const text = whole.replace(/<!-- figures: [\s\S]*?<!-- end -->/g, '');
    const found = texts.filter((one) => new RegExp(`(?<![\\d.])${one}(?!\\w)`).test(text));
    assert.equal(found, [], page);
  }
});

test('runs are merged: the median, the least and the greatest, with what stands beside', () => {
  const run = (value: number): ReturnType<typeof reading>[] => [
    reading('start', value, 's', {
      atMost: 2,
      beside: [beside('/bin/true', value / 10, 's')],
      note: `at ${value}`,
    }),
    reading('rate', value, '/s', { atLeast: 2 }),
  ];
  const [start, rate] = merge([run(3), run(1), run(2)]);
  assert.equal([start!.value, start!.least, start!.most, start!.runs], [2, 1, 3, 3]);
  assert.equal([start!.kept, start!.note, rate!.kept], [true, 'at 2', true]);
  assert.equal(start!.beside, [{ what: '/bin/true', value: 0.2, unit: 's' }]);
  assert.is(merge([run(3)])[0]!.kept, false);
  assert.is(merge([run(1)])[1]!.kept, false);
});

test('an answer is known by the phase, run and number of its query', () => {
  const answer = answerTo(queryFor(7, labelOf('D3', 42), OUR_DOMAIN), 0)!;
  const label = labelAt(answer, 0, answer.length);
  assert.is(label, 'D300042');
  assert.is(phaseOf(label!), 'D3');
});

test('the age counts the commits that change the agent or the benchmark', () => {
  const root = mkdtempSync(join(tmpdir(), 'whp-figures-'));
  const git = (...words: string[]): string => {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org'];
    const run = spawnSync('git', [...identity, ...words], { cwd: root, encoding: 'utf8' });
    assert.is(run.status, 0, run.stderr);
    return run.stdout.trim();
  };
  const commit = (path: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), `${Math.random()}`);
    git('add', '-A');
    git('commit', '-qm', path);
  };
  const age = (): string => {
    const run = spawnSync('node', [join(root, 'scripts/figures.mjs'), '--age'], {
      encoding: 'utf8',
    });
    return run.stdout + run.stderr;
  };
  const keep = (tree: string): void => {
    for (const name of ['bench', 'scale'])
      writeFileSync(join(root, `docs/figures/${name}.json`), JSON.stringify({ ...bench, tree }));
  };
  try {
    git('init', '-q');
    cpSync('scripts/figures.mjs', join(root, 'scripts/figures.mjs'));
    cpSync('scripts/lib', join(root, 'scripts/lib'), { recursive: true });
    commit('agent/src/main.ts');
    const tree = git('rev-parse', '--short=10', 'HEAD');
    mkdirSync(join(root, 'docs/figures'), { recursive: true });
    keep(tree);
    commit('docs/kept.md');
    const said = (bench: string, scale: string, of = tree): string =>
      `figures: bench ${bench} (tree ${of})\nfigures: scale ${scale} (tree ${of})\n`;
    assert.is(age(), said('0 commits old', '0 commits old'));
    commit('agent/native/host.c');
    assert.is(age(), said('1 commit old', '1 commit old'));
    commit('test/lab/bench/main.ts');
    assert.is(age(), said('2 commits old', '1 commit old'));
    commit('test/scale/main.ts');
    assert.is(age(), said('2 commits old', '2 commits old'));
    keep('0123456789');
    const other = 'of a tree that is not in this history';
    assert.is(age(), said(other, other, '0123456789'));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test.run();
