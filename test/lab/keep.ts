// Writes the measurements that the documents quote: docs/figures/NAME.json, from which scripts/figures.mjs
// writes the tables of README.md and docs/benchmarks.md. Only a whole, undisturbed run should be kept.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './machine/paths.ts';

/** Writes `measured` with the command, today's date and the tree, and the pages that quote it. */
export function keepFigures(name: string, command: string, measured: object): void {
  const cwd = projectRoot();
  const git = (...words: string[]): string =>
    execFileSync('git', words, { cwd, encoding: 'utf8' }).trim();
  // The kept figures themselves are no part of what was measured.
  const changed = git('status', '--porcelain', '--', '.', ':!docs', ':!README.md') !== '';
  const tree = `${git('rev-parse', '--short=10', 'HEAD')}${changed ? ' with changes' : ''}`;
  const date = new Date().toISOString();
  const folder = join(cwd, 'docs/figures');
  mkdirSync(folder, { recursive: true });
  const text = JSON.stringify({ command, date, tree, ...measured }, null, 1);
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
  execFileSync('node', ['scripts/figures.mjs'], { cwd, stdio: 'inherit' });
}
