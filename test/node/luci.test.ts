// The pages of LuCI against what they are made of and what they call: one list of methods for the plugin, the rights and the
// pages; a place for each option; the rules of the agent; the interfaces of LuCI; the template of texts.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../agent/src/policy/build.ts';
import { SECTIONS } from '../../agent/src/policy/sections.ts';
import { blankProfile } from '../../agent/src/profile/blank.ts';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import type { RuleProblem, Section } from '../../scripts/luci/rules.ts';
import { INTERFACES } from '../fixtures/luci-interfaces.ts';
import { PAGES } from '../lab/bench/pages.ts';

const APP = 'openwrt-package/luci-app-whp';
const RESOURCES = `${APP}/htdocs/luci-static/resources`;
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** The pages by their path below resources, without comments. */
const sources = new Map(
  readdirSync(RESOURCES, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.js'))
    .map((name) => [
      name,
      readFileSync(join(RESOURCES, name), 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, ''),
    ]),
);
const everything = Array.from(sources.values())
  .join('\n')
  .replace(/\n\s+\./g, '.');

const listed: Record<string, Record<string, unknown>> = JSON.parse(
  spawnSync('sh', ['openwrt-package/files/whp.rpcd', 'list'], { encoding: 'utf8' }).stdout,
);

test('the plugin, the rights and the pages have the same methods, with the same inputs', () => {
  const methods = Object.keys(listed).sort();
  const { whp } = json('openwrt-package/files/acl.json');
  assert.equal([...whp.read.ubus.whp, ...whp.write.ubus.whp].sort(), methods);
  const settings = json(`${APP}/root/usr/share/rpcd/acl.d/luci-app-whp.json`)['luci-app-whp'];
  // A group without reading is granted to nobody who may only read, and the pages of settings with it.
  assert.equal(Object.keys(settings), ['description', 'write']);
  assert.equal(settings.write.ubus.whp, whp.write.ubus.whp);
  assert.equal(settings.write.uci, whp.write.uci);
  const declared = Array.from(
    sources.get('whp/agent.js')!.matchAll(/^ {2}(\w+): declared\('(\w+)'(?:, \[(.*)\])?\),$/gm),
  );
  // No page shows the learned entries in full.
  assert.equal([...declared.map(([, name]) => name), 'learned'].sort(), methods);
  for (const [, name, method, inputs = ''] of declared) {
    assert.is(name, method);
    const known = Object.keys(listed[method!]!);
    const given = Array.from(inputs.matchAll(/'(\w+)'/g), ([, word]) => word!);
    assert.equal(
      given.filter((one) => !known.includes(one)),
      [],
      `${name}: ${given}`,
    );
    assert.match(everything, new RegExp(`\\bagent\\.${name}\\(`), `no page calls ${name}`);
  }
  const called = new Set(Array.from(everything.matchAll(/\bagent\.(\w+)\(/g), ([, name]) => name));
  called.delete('follow');
  assert.equal(Array.from(called).sort(), declared.map(([, name]) => name).sort());
});

test('each entry of the menu has its view and its rights, and each view its entry', () => {
  const menu = json(`${APP}/root/usr/share/luci/menu.d/luci-app-whp.json`);
  const groups = [
    ...Object.keys(json('openwrt-package/files/acl.json')),
    ...Object.keys(json(`${APP}/root/usr/share/rpcd/acl.d/luci-app-whp.json`)),
  ];
  const views: string[] = [];
  for (const [path, { action, depends, title }] of Object.entries<{
    title: string;
    action: { type: string; path?: string };
    depends: { acl: string[] };
  }>(menu)) {
    assert.ok(title.length > 0, path);
    assert.equal(
      depends.acl.filter((group) => !groups.includes(group)),
      [],
      path,
    );
    if (action.type !== 'view') continue;
    views.push(`view/${action.path}.js`);
    const writes = /require whp\.settings/.test(sources.get(`view/${action.path}.js`) ?? '');
    assert.equal(depends.acl, [writes ? 'luci-app-whp' : 'whp'], path);
  }
  const shipped = Array.from(sources.keys()).filter((name) => name.startsWith('view/whp/'));
  assert.equal(views.sort(), shipped.sort());
});

test('each option has its place on one page, and a page has no other', () => {
  const places: { readonly [type: string]: readonly string[] } = {
    globals: ['resolvers', 'advanced'],
    proxy: ['proxies'],
    app: ['applications'],
    device: ['devices'],
    group: ['devices'],
    rule: ['rules'],
    sync: ['advanced'],
  };
  assert.equal(Object.keys(places).sort(), Object.keys(SECTIONS).sort());
  const OPTION =
    /(?:add|reserve)\(\s*(?:form|week)\.\w+,\s*'(\w+)'|(?:flag|list)\(\s*(\w+),\s*'(\w+)'/g;
  const shown = new Map<string, string[]>();
  for (const [type, pages] of Object.entries(places)) {
    for (const page of pages) {
      for (const [all, added, section, named] of sources
        .get(`view/whp/${page}.js`)!
        .matchAll(OPTION)) {
        const isSync = section === 'sync' || all.startsWith('reserve');
        const owner =
          section === 'devices'
            ? 'device'
            : section === 'groups'
              ? 'group'
              : isSync
                ? 'sync'
                : type;
        if (owner !== type || (type === 'sync' && !isSync)) continue;
        shown.set(type, [...(shown.get(type) ?? []), (added ?? named)!]);
      }
    }
  }
  for (const [type, { options, lists }] of Object.entries(SECTIONS))
    assert.equal(shown.get(type)?.sort(), [...options, ...lists].sort(), type);
});

const rules = new Function(
  gunzipSync(readFileSync('out/luci/www/luci-static/resources/whp/rules.gz')).toString(),
)() as { problems(sections: readonly Section[], profiles: readonly string[]): RuleProblem[] };

const PROXY =
  "config proxy 'cloud'\noption address '203.0.113.20'\noption local '10.213.0.1'\noption remote '10.213.0.2'\n";
const APP_OF = "config app 'skype'\nlist proxy 'cloud'\n";
const WRONG = [
  PROXY.replace('203.0.113.20', 'here'),
  PROXY.replace('10.213.0.2', '10.213.0.1'),
  PROXY.replace("'cloud'", "'a_name_that_is_too_long'"),
  `${PROXY}option key 'x'\noption mtu '1'\noption local6 '10.0.0.1'\n`,
  `${PROXY}${APP_OF}option fallback 'maybe'\nlist device 'nobody'\nlist schedule 'mon 25:00-26:00'\n`,
  `${PROXY}config app 'skype'\nconfig app 'own'\nlist proxy 'other'\n`,
  "config device 'tv'\nconfig device 'pc'\nlist mac 'x'\nlist address '1.2.3'\nlist name '-'\n",
  "config group 'kids'\nlist device 'tv'\n",
  "config rule\nconfig rule\noption action 'proxy'\nlist name 'a..b'\nlist address 'x'\nlist port '0'\n",
  "config globals 'globals'\noption mask '1'\noption queue '70000'\noption hello 'x'\nlist lan 'a b'\nlist nat64 'x'\n",
  "config sync 'sync'\noption enabled '1'\noption url 'x'\noption key '1'\n",
];

test('the pages refuse what the agent refuses, in its words, at the same option', () => {
  const profiles = ['skype'];
  for (const text of WRONG) {
    const uci = parseUci(text, 'whp');
    if (!uci.ok) throw new Error(text);
    const { sections } = uci.value;
    const known = new Map(profiles.map((name) => [name, blankProfile(name)]));
    const built = buildPolicy({ uci: uci.value, profiles: known, doh: ['192.0.2.1'] });
    if (built.ok) throw new Error(`nothing is wrong with ${text}`);
    const wanted = built.problems.map(({ where, what }) => `${where.split(' ')[0]}: ${what}`);
    const counts = new Map<string, number>();
    const given = sections.map(({ type, name, values }): Section => {
      const count = counts.get(type) ?? 0;
      counts.set(type, count + 1);
      const section = {
        '.name': name ?? `@${type}[${count}]`,
        '.type': type,
        '.anonymous': name === null,
      };
      const options: Record<string, string | string[]> = {};
      for (const { keyword, name: option, value } of values)
        options[option] =
          keyword === 'list' ? [...((options[option] as string[]) ?? []), value] : value;
      return { ...section, ...options };
    });
    const found = rules
      .problems(given, profiles)
      .map(
        ({ section, option, text: what }) =>
          `whp.${section}${option === null ? '' : `.${option}`}: ${what}`,
      );
    assert.equal(found.sort(), wanted.sort(), text);
  }
  assert.equal(rules.problems([], profiles), []);
});

test('the pages use the interfaces of LuCI that are written down, and the runtime has no other', () => {
  const NAME =
    /(?<![\w.'])(?:(?:L|ui|uci|form|poll|dom|rpc|baseclass|view)\.[A-Za-z]+|E(?=\()|N?_(?=\())/g;
  const used = new Set(Array.from(everything.matchAll(NAME), ([name]) => name));
  assert.equal(Array.from(used).sort(), Object.keys(INTERFACES).sort());
  const modules = new Set(
    Array.from(everything.matchAll(/^'require ([\w.]+)/gm), ([, name]) => name!).filter(
      (name) => !name.startsWith('whp.'),
    ),
  );
  assert.equal(Array.from(modules).sort(), [
    'baseclass',
    'dom',
    'form',
    'poll',
    'rpc',
    'uci',
    'ui',
    'view',
  ]);
});

test('the benchmark asks what the pages ask again and again, at their pace', () => {
  /** Of LuCI, where its owner has set no other: modules/luci-base/ucode/template/header.ut. */
  const LUCI_EVERY = 5;
  const polled: Record<string, Record<string, number>> = {};
  for (const [name, text] of sources) {
    const view = /^view\/(.*)\.js$/.exec(name)?.[1];
    if (view === undefined) continue;
    const found: Record<string, number> = {};
    for (const [, every, owner, method] of text.matchAll(
      /agent\.follow\(\s*(\w+),\s*\(\) => (agent|this)\.(\w+)\(/g,
    )) {
      const seconds = Number(new RegExp(`const ${every} = (\\d+);`).exec(text)?.[1] ?? every);
      const own = new RegExp(`^ {2}${method}\\([\\s\\S]*?\\bagent\\s*\\.(\\w+)\\(`, 'm');
      found[owner === 'agent' ? method! : own.exec(text)![1]!] = seconds;
    }
    // LuCI's status page calls `load` of each of its boxes.
    const [, load] = /load: \(\) => agent\.(\w+)\(\)/.exec(text) ?? [];
    if (view.startsWith('status/include/')) found[load!] = LUCI_EVERY;
    assert.is(
      text.match(/agent\.follow\(/g)?.length ?? 0,
      Object.keys(found).length - (view.startsWith('status/include/') ? 1 : 0),
      view,
    );
    if (Object.keys(found).length > 0) polled[view] = found;
  }
  const asked = Object.fromEntries(
    Object.entries(PAGES).map(([view, polls]) => [
      view,
      Object.fromEntries(polls.map(({ method, every }) => [method, every])),
    ]),
  );
  assert.equal(asked, polled);
  for (const { method, input } of Object.values(PAGES).flat())
    assert.equal(
      Object.keys(input).filter((one) => !(one in listed[method]!)),
      [],
      method,
    );
});

test('a page takes nothing from elsewhere, and makes no HTML of data', () => {
  for (const [name, text] of sources) {
    assert.not.match(text, /innerHTML|insertAdjacent|document\.write|outerHTML/, name);
    assert.not.match(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg|10\.213\.0\.2)/, name);
    assert.not.match(text, /\bstyle\b/, name);
  }
});

for (const [what, word] of [
  ['the template of texts is that of the pages', '--pot'],
  ['the pages are formatted, and Biome finds nothing', '--style'],
] as const)
  test(what, () => {
    const { status, stderr } = spawnSync('node', ['scripts/luci.mjs', word, '--check'], {
      encoding: 'utf8',
    });
    assert.is(stderr, '');
    assert.is(status, 0);
  });

test.run();
