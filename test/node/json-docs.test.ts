// docs/json.md against itself and the program: each chapter has an example that its table allows, says when a field is
// null or absent, and each command has a chapter. The suites of test/netns compare every answer with the page.
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { monitorAnswer } from '../../agent/src/answers/monitor.ts';
import { COMMAND_NAMES } from '../../agent/src/cli/commands.ts';
import type { MonitorEvent } from '../../agent/src/learn/effect.ts';
import type { EvidenceKind } from '../../agent/src/learn/evidence.ts';
import {
  chapterOf,
  chapters,
  fieldLines,
  judged,
  schemaOfChapter,
  wrongWith,
} from '../lib/answers.ts';
import { pages } from '../lib/pages.ts';

test('every chapter has an example that its table allows, and a table that allows no other field', () => {
  assert.ok(chapters.size > 40, `${chapters.size} chapters`);
  for (const [title, { example, fields }] of chapters) {
    const value = JSON.parse(example) as object;
    assert.is(wrongWith(title, value), '');
    assert.ok(fields.length > 0, title);
    assert.is.not(wrongWith(title, { ...value, another: 1 }), '');
    for (const [name] of Object.entries(value)) {
      const { [name]: _, ...rest } = value as Record<string, unknown>;
      const isOptional = !(schemaOfChapter(title).required as string[]).includes(name);
      assert.is(wrongWith(title, rest) === '', isOptional, `${title} without ${name}`);
    }
  }
});

test('each field that may be null or absent says when', () => {
  const silent = Array.from(chapters.values()).flatMap(({ title, fields }) =>
    fields
      .filter(({ type, meaning }) =>
        ['null', 'absent', 'empty'].some((word) => {
          const isUsed = type.includes(` or ${word}`);
          return isUsed && type !== 'true or absent' && !meaning.includes(`${word}: `);
        }),
      )
      .map(({ path }) => `${title}: ${path}`),
  );
  assert.equal(silent, []);
});

test('every command has a chapter, and every chapter of a command is one', () => {
  const titles = Array.from(chapters.keys());
  const named = new Set(titles.map((title) => /^whp ([a-z]+)/.exec(title)?.[1]));
  // monitor has a chapter for each kind of line; daemon has no answer.
  assert.equal(
    COMMAND_NAMES.filter((name) => !named.has(name)),
    ['monitor', 'daemon'],
  );
  for (const title of titles.filter((one) => one.startsWith('whp ')))
    assert.is(chapterOf(title.slice('whp '.length).split(' ')), title);
});

test('the words of evidence are those of the program', () => {
  const kinds: Readonly<Record<EvidenceKind | 'unknown', true>> = {
    range: true,
    addr: true,
    hello: true,
    port: true,
    peer: true,
    window: true,
    mapping: true,
    request: true,
    late: true,
    inbound: true,
    unknown: true,
  };
  const example = JSON.parse(chapters.get('flow')!.example) as object;
  for (const kind of Object.keys(kinds))
    assert.is(wrongWith('flow', { ...example, evidence: kind }), '');
  assert.is.not(wrongWith('flow', { ...example, evidence: 'other' }), '');
});

test('a line of each kind of whp monitor is as in its chapter', () => {
  const [app, device, name, address] = ['skype', '192.168.1.11', 'api.skype.com', '198.51.100.7'];
  const flow = {
    protocol: 'udp',
    source: device,
    sourcePort: 13021,
    destination: address,
    destinationPort: 443,
  };
  const addresses = [{ address, ttlSeconds: 300 }];
  const targets = [{ name, ttlSeconds: 300, depth: 1 }];
  const answer = { app, name, root: name, entry: name, device, at: 0, addresses, targets };
  const seen = {
    app,
    kind: 'port',
    flow,
    device,
    detail: 'x',
    first: 0,
    last: 0,
    until: 0,
  } as const;
  const events: MonitorEvent[] = [
    { kind: 'lesson', lesson: { ...answer, refused: [] } },
    { kind: 'asked', app, device, name },
    { kind: 'hello', named: { app, device, address, name, flow: 'udp' } },
    { kind: 'evidence', evidence: seen },
  ];
  const names = {
    nameOf: () => null,
    macOf: () => null,
    owned: [],
    groupsOf: () => [],
    named: () => null,
  };
  const kinds = events.map((told) => {
    const line = JSON.stringify(monitorAnswer(told, names));
    return judged<{ kind: string }>('whp monitor', JSON.parse(line)).kind;
  });
  assert.equal(kinds, ['dns', 'query', 'hello', 'flow']);
});

test('no other page has a table of fields of --json', () => {
  // The fields of a profile are those of its schema.
  const others = [...pages].filter(([name]) => !/json\.md|profiles\.md/.test(name));
  const heads = others.flatMap(([name, text]) =>
    Array.from(text.matchAll(/^(\|.*\|)\n\| -/gm), ([, head]) => `${name}: ${head}`),
  );
  assert.ok(heads.length > 20, `${heads.length} tables`);
  assert.equal(
    heads.filter((head) => /\| fields?\b|--json/.test(head)),
    [],
  );
});

const KNOWN = 'test/golden/json-fields.txt';

test('no field of before is gone or has another type, unless the changelog says so', () => {
  const known = readFileSync(KNOWN, 'utf8').trim().split('\n');
  const now = fieldLines();
  const changelog = readFileSync('CHANGELOG.md', 'utf8').replace(/\s+/g, ' ');
  const untold = known.filter((line) => {
    const [title, path] = line.split(': ');
    return !now.includes(line) && !changelog.includes(`\`${path}\` of \`${title}\` with --json`);
  });
  assert.equal(untold, [], 'CHANGELOG.md has to name it: `FIELD` of `whp COMMAND` with --json');
  if (process.env.GOLDEN_UPDATE === '1') writeFileSync(KNOWN, `${now.join('\n')}\n`);
  else assert.equal(now, known, 'after a look at the difference run it with GOLDEN_UPDATE=1');
});

test.run();
