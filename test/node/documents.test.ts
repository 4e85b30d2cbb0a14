// Every *.md file against the tree: relative links and their anchors, paths and commands of the lab in code, the form
// of docs/decisions.md, and the length of sentences in ARCHITECTURE.md and docs/cli.md. What owners type is in
// typed-docs.test.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FAULTS } from '../lab/faults/sessions.ts';
import { GROUPS } from '../lab/world/adversary-list.ts';
import { codeOf, FENCE, files, pages, SPAN, sentences, TREE, wordsOf } from '../lib/pages.ts';
import { FLOORS } from '../lib/rooms.ts';

const TESTS = readdirSync('test');
const ROOMS = FLOORS.map(({ name }) => name);

/** A heading's anchor as GitHub makes it. */
function anchorOf(heading: string): string {
  const plain = heading.replace(/[`*]/g, '').toLowerCase();
  return plain.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

function anchors(text: string): string[] {
  const headings = text.replace(FENCE, '').matchAll(/^#+ (.*)$/gm);
  return Array.from(headings, ([, heading]) => anchorOf(heading!));
}

test('the pages are found', () => {
  for (const name of ['README.md', 'docs/profiles.md', 'cloud-proxy/README.md'])
    assert.ok(pages.has(name), name);
});

test('every relative link leads to a file of the tree, and to a heading of it', () => {
  const broken: string[] = [];
  for (const [page, text] of pages) {
    for (const [, link] of text.replace(FENCE, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [path = '', anchor] = link!.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(file)) broken.push(`${page}: ${link}`);
      else if (anchor !== undefined && !anchors(pages.get(file) ?? '').includes(anchor))
        broken.push(`${page}: ${link}: no such heading`);
    }
  }
  assert.equal(broken, []);
});

/** OpenWrt's own script, and a package that could stand beside this one. */
const ELSEWHERE = ['scripts/feeds', 'openwrt-package/luci-app-whp'];

/** Whether `path` is in the tree: as it is, or as a module of a room, or as a test; `*` stands for anything. */
function isThere(path: string): boolean {
  const [first = ''] = path.split('/');
  const names = [
    ...(TREE.includes(first) ? [path, `${path}.ts`, `${path}.test.ts`] : []),
    ...(ROOMS.includes(first)
      ? [`agent/src/${path}`, `agent/src/${path}.ts`, `agent/src/${path}.d.ts`]
      : []),
    ...(TESTS.includes(first) ? [`test/${path}`, `test/${path}.ts`, `test/${path}.test.ts`] : []),
  ];
  return names.some((name) => {
    if (!name.includes('*')) return existsSync(name);
    const parts = name.split('*').map((part) => part.replace(/[.]/g, '\\.'));
    const pattern = new RegExp(`^${parts.join('[^/]*')}$`);
    return files.some((file) => pattern.test(file));
  });
}

/** The words of a text that look like a path of the tree; capitals such as NAME stand for any name. */
function pathsIn(text: string): string[] {
  const known = new Set([...TREE, ...ROOMS, ...TESTS]);
  return text
    .split(/[\s,;()"']+/)
    .map((word) => word.replace(/^\.\//, '').replace(/[.:/]+$/, ''))
    .filter((word) => /^[a-z][\w.*-]*(\/[\w.*-]+)+$/.test(word))
    .filter((word) => known.has(word.split('/')[0]!) && !/[A-Z]{4}/.test(word));
}

test('every path in code is in the tree', () => {
  const gone: string[] = [];
  for (const [page, text] of pages) {
    const blocks = Array.from(text.matchAll(FENCE), ([block]) =>
      pathsIn(block).filter((path) => TREE.includes(path.split('/')[0]!)),
    );
    const spans = Array.from(text.replace(FENCE, '').matchAll(SPAN), ([, span]) => pathsIn(span!));
    for (const path of new Set([...blocks, ...spans].flat()))
      if (!isThere(path) && !ELSEWHERE.includes(path)) gone.push(`${page}: ${path}`);
  }
  assert.equal(gone, []);
});

/** The text of the comments in a source file. */
function commentsOf(text: string): string {
  const found = text.matchAll(/^\s*\/\/ ?(.*)$|\/\*\*?([\s\S]*?)\*\//gm);
  return Array.from(found, ([, line, block]) => line ?? block!.replace(/^\s*\* ?/gm, '')).join(
    '\n',
  );
}

test('every path in a comment is in the tree', () => {
  const sources = files.filter((name) => /^(agent|scripts|test)\/.*\.(ts|mjs|c|h)$/.test(name));
  assert.ok(sources.length > 500, `${sources.length} sources`);
  const gone = sources.flatMap((file) =>
    pathsIn(commentsOf(readFileSync(file, 'utf8')))
      .filter((path) => !isThere(path))
      .map((path) => `${file}: ${path}`),
  );
  assert.equal(gone, []);
});

test('a path that is gone, a link without its file and one without its heading would be found', () => {
  assert.ok(isThere('runtime/effects') && isThere('learn/kept-*') && isThere('node/imports'));
  assert.not.ok(isThere('runtime/nothing'));
  assert.equal(pathsIn('./scripts/lab.sh faults NAME, `test/golden/GROUP/x`'), ['scripts/lab.sh']);
  assert.is(anchorOf('What is kept in `/etc/whp`'), 'what-is-kept-in-etcwhp');
});

test('every command of the lab in code is one', () => {
  const script = readFileSync('scripts/lab.sh', 'utf8');
  const sessions = FAULTS.map(({ name }) => name);
  const unknown: string[] = [];
  let seen = 0;
  for (const [page, text] of pages) {
    for (const code of codeOf(text)) {
      const [, command, rest = ''] = /\blab\.sh ([a-z-]+)((?: [a-z][a-z-]*)*)/.exec(code) ?? [];
      if (command !== undefined && !command.startsWith('-')) {
        seen += 1;
        if (!script.includes(`#   scripts/lab.sh ${command} `)) unknown.push(`${page}: ${command}`);
        if (command === 'faults')
          for (const name of rest.trim().split(' '))
            if (name !== '' && !sessions.includes(name)) unknown.push(`${page}: faults ${name}`);
      }
    }
  }
  assert.ok(seen > 10, `${seen} commands of the lab`);
  assert.equal(unknown, []);
});

test('every session that docs/decisions.md names exists', () => {
  const text = pages.get('docs/decisions.md')!.replace(/\s+/g, ' ');
  const faults = FAULTS.map(({ name }) => name);
  const cases = GROUPS.flatMap(({ cases: ofOne }) => ofOne);
  const list = /\b(faults|adversary)( `[a-z-]+`(?:, `[a-z-]+`)*)/g;
  const found = Array.from(text.matchAll(list), ([, kind, names]) =>
    Array.from(names!.matchAll(SPAN), ([, name]) => ({ kind, name: name! })),
  ).flat();
  assert.ok(found.length > 10, `${found.length} sessions`);
  assert.equal(
    found.filter(({ kind, name }) => !(kind === 'faults' ? faults : cases).includes(name)),
    [],
  );
});

for (const [page, most] of [
  ['ARCHITECTURE.md', 30],
  ['docs/cli.md', 25],
] as const) {
  test(`no sentence of ${page} has more than ${most} words`, () => {
    const long = sentences(pages.get(page)!).filter((one) => wordsOf(one) > most);
    assert.equal(long, []);
  });
}

test('each decision has its context, the decision, and what was rejected', () => {
  const chapters = pages.get('docs/decisions.md')!.split(/^## /m);
  const decisions = chapters.flatMap((chapter) => chapter.split(/^### /m).slice(1));
  assert.ok(decisions.length > 50, `${decisions.length} decisions`);
  for (const part of ['Context', 'Decision', 'Rejected'])
    for (const one of decisions)
      assert.ok(one.includes(`\n- **${part}`), `${one.split('\n')[0]}: no ${part}`);
});

test.run();
