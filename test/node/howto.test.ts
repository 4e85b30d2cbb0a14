// docs/howto.md against the tree: every path in it exists, and the files that a chapter names contain the
// chapter's word.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const text = readFileSync('docs/howto.md', 'utf8');
const chapters = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((chapter) => [chapter.slice(0, chapter.indexOf('\n')), chapter]),
);
/** Without comments. */
const codeOf = (path: string): string =>
  readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
const paths = (chapter: string): string[] =>
  Array.from(
    chapter.matchAll(/`((?:agent|test|docs|openwrt-package|cloud-proxy|scripts)\/[^`\s]+)/g),
    ([, path]) => path!,
  );

test('every path is in the tree', () => {
  const gone = paths(text).filter((path) => !/[A-Z]{4}/.test(path) && !existsSync(path));
  assert.equal(gone, []);
});

test('the chapter about options names every file that reads a section', () => {
  const readers = readdirSync('agent/src/policy').filter((name) =>
    /export const \w+_OPTIONS\b/.test(readFileSync(`agent/src/policy/${name}`, 'utf8')),
  );
  assert.ok(readers.length > 4, 'the tables are found');
  const named = paths(chapters.get('An option')!);
  assert.equal(
    readers.filter((name) => !named.includes(`agent/src/policy/${name}`)),
    [],
  );
});

test('the chapter about a transport names every file of the agent that says gre', () => {
  const named = paths(chapters.get('A transport')!);
  const sources = readdirSync('agent/src', { recursive: true })
    .map((name) => `agent/src/${name}`)
    .filter((name) => name.endsWith('.ts') && /GreLink|\bgre6?\b/.test(codeOf(name)));
  assert.equal(
    sources.filter((name) => !named.includes(name)),
    [],
  );
});

test('the chapter about evidence names every file of the agent that has the sets of a kind', () => {
  const named = paths(chapters.get('A kind of evidence')!).filter((path) => /^agent/.test(path));
  const wrong = named.filter((path) => !/[pP]eer|Lesson|Ground/.test(codeOf(path)));
  assert.equal(wrong, []);
  // The set that has a device by its MAC is in each place that tells sets apart.
  const sources = readdirSync('agent/src', { recursive: true })
    .map((name) => `agent/src/${name}`)
    .filter((name) => name.endsWith('.ts') && /\bpeermac\b/.test(codeOf(name)));
  assert.ok(sources.length > 8, `${sources.length} files`);
  assert.equal(
    sources.filter((name) => !named.includes(name)),
    [],
  );
});

test.run();
