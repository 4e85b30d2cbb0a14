// docs/uci.md and the shipped configuration against the option tables: exactly their sections and options,
// every example is accepted, every default is the value of an absent option.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy, TYPES } from '../../agent/src/policy/build.ts';
import type { Policy } from '../../agent/src/policy/policy.ts';
import { SECTIONS } from '../../agent/src/policy/sections.ts';
import { parseDoh } from '../../agent/src/profile/doh.ts';
import { parseProfile } from '../../agent/src/profile/parse.ts';
import type { Profile } from '../../agent/src/profile/profile.ts';
import type { Problem } from '../../agent/src/syntax/result.ts';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import { withoutLines } from '../fixtures/policies.ts';

const DOC = 'docs/uci.md';
const SHIPPED = 'agent/uci/whp';
const text = readFileSync(DOC, 'utf8');
const shipped = readFileSync(SHIPPED, 'utf8');

const profiles = new Map<string, Profile>();
for (const name of readdirSync('agent/profiles')) {
  if (name.endsWith('.schema.json')) continue;
  const read = parseProfile(readFileSync(`agent/profiles/${name}`, 'utf8'), name);
  if (read.ok) profiles.set(read.value.name, read.value);
}
const services = parseDoh(readFileSync('agent/data/doh.json', 'utf8'), 'doh.json');
const doh = services.ok ? services.value : [];

interface Row {
  readonly section: string;
  readonly name: string;
  readonly kind: string;
  readonly preset: string | null;
  readonly example: string;
}

/** Rows `| `NAME` | KIND | DEFAULT | EXAMPLE | .. |` under the headings that name a section. */
function rows(): Row[] {
  const found: Row[] = [];
  let section = '';
  for (const line of text.split('\n')) {
    section = /^## (.*)$/.exec(line)?.[1] ?? section;
    const cells = line.split('|').map((cell) => cell.trim());
    const name = /^`(\w+)`$/.exec(cells[1] ?? '')?.[1];
    if (name === undefined || !TYPES.includes(section)) continue;
    const plain = (cell = '') => (cell === '-' ? null : cell.replace(/^`|`$/g, ''));
    const [, , kind = '', preset, example] = cells;
    found.push({ section, name, kind, preset: plain(preset), example: plain(example) ?? '' });
  }
  return found;
}

function build(configuration: string): { policy: Policy | null; problems: readonly Problem[] } {
  const uci = parseUci(configuration, 'whp');
  if (!uci.ok) return { policy: null, problems: uci.problems };
  const built = buildPolicy({ uci: uci.value, profiles, doh });
  return built.ok
    ? { policy: built.value, problems: [] }
    : { policy: null, problems: built.problems };
}

/** A whole configuration; the lines of `change` replace those of the same name in a section. */
function configuration(section: string, name: string, lines: readonly string[]): string {
  const base: { readonly [type: string]: readonly string[] } = {
    globals: [],
    proxy: [
      "option address '203.0.113.10'",
      "option local '10.254.1.2'",
      "option remote '10.254.1.1'",
    ],
    app: ["option profile 'skype'", "list proxy 'cloud'"],
    device: ["list mac '02:00:00:00:00:01'"],
    group: ["list device 'console'"],
    rule: ["option action 'proxy'", "option app 'skype'", "list address '192.0.2.1'"],
    sync: [],
  };
  const titles = { proxy: 'cloud', app: 'skype', device: 'console', group: 'kids' } as const;
  return Object.entries(base)
    .map(([type, own]) => {
      const kept = type === section ? own.filter((line) => line.split(' ')[1] !== name) : own;
      const body = [...kept, ...(type === section ? lines : [])];
      const title = titles[type as keyof typeof titles] ?? type;
      return `config ${type} '${title}'\n${body.map((line) => `\t${line}\n`).join('')}`;
    })
    .join('');
}

test('every section type has a heading and a table, and there is no other', () => {
  assert.equal(Object.keys(SECTIONS).sort(), [...TYPES].sort());
  assert.equal([...new Set(rows().map(({ section }) => section))].sort(), [...TYPES].sort());
});

for (const [type, { options, lists }] of Object.entries(SECTIONS)) {
  test(`${DOC}: ${type} has all options and no other`, () => {
    const wanted = [
      ...options.map((name) => `option ${name}`),
      ...lists.map((name) => `list ${name}`),
    ];
    const got = rows().filter(({ section }) => section === type);
    assert.equal(got.map(({ kind, name }) => `${kind} ${name}`).sort(), wanted.sort());
  });

  test(`${SHIPPED}: ${type} shows all options and no other`, () => {
    const part = shipped
      .split(/^(?=#?config )/m)
      .filter((one) => /^#?config (\w+)/.exec(one)?.[1] === type);
    const got = part.flatMap((one) => [...one.matchAll(/^\s*#?(option|list) (\w+) /gm)]);
    const shown = new Set(got.map(([, kind, name]) => `${kind} ${name}`));
    const wanted = [
      ...options.map((name) => `option ${name}`),
      ...lists.map((name) => `list ${name}`),
    ];
    assert.equal([...shown].sort(), wanted.sort());
  });
}

for (const row of rows()) {
  const { section, name, kind, preset, example } = row;
  test(`${section}.${name}: the example is taken`, () => {
    assert.is.not(example, '', 'every option has an example');
    const lines = [`${kind} ${name} '${example}'`];
    // These two options must be given together.
    if (name === 'local6') lines.push("option remote6 'fd00:9::9'");
    if (name === 'remote6') lines.push("option local6 'fd00:9::9'");
    const { problems } = build(configuration(section, name, lines));
    // A disabled proxy would leave the app of this configuration without one.
    const real = problems.filter(({ what }) => !what.startsWith('every proxy of the list'));
    assert.equal(real, []);
  });

  test(`${section}.${name}: the default is what its absence means`, () => {
    if (preset === null) return;
    const without = build(configuration(section, name, []));
    const said = build(configuration(section, name, [`${kind} ${name} '${preset}'`]));
    assert.equal(said.problems, []);
    assert.equal(
      said.policy && withoutLines(said.policy),
      without.policy && withoutLines(without.policy),
    );
  });
}

test('the page shows an app of rules alone, which is taken', () => {
  const block = text.split('```').find((one) => one.includes("config app 'echo'"))!;
  const { policy, problems } = build(`${configuration('app', '', [])}${block}`);
  assert.equal(problems, []);
  const echo = policy!.apps.find(({ name }) => name === 'echo')!;
  assert.is(echo.noProfile, true);
  assert.is(echo.profile.dns.suffixes[0]!.value, 'echo.example.com');
});

test('the shipped configuration is good and does nothing', () => {
  const { policy, problems } = build(shipped);
  assert.equal(problems, []);
  assert.equal(policy!.apps, []);
  assert.equal(policy!.proxies, []);
});

test('the shipped configuration is good with every comment taken away, and switched on', () => {
  const all = shipped
    .replace(/^(\s*)#(config|option|list) /gm, '$1$2 ')
    .replace(/^\toption enabled '0'$/m, "\toption enabled '1'")
    .replace(/(config app 'skype'\n)\toption enabled '0'/, "$1\toption enabled '1'");
  const { policy, problems } = build(all);
  assert.equal(problems, []);
  assert.equal(
    policy!.apps.map(({ name }) => name),
    ['skype'],
  );
  assert.equal(policy!.apps[0]!.macs, ['02:00:00:00:00:0a', '02:00:00:00:00:0b']);
});

test.run();
