// docs/kernel.md against the compiled tables: its tables have exactly the chains, sets, counters, prefixes and
// numbers that exist.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LAST_SLOT, markOf } from '../../agent/src/policy/marks.ts';
import { UNHEARD_QUEUE } from '../../agent/src/policy/policy.ts';
import { PROTOCOL } from '../../agent/src/reconcile/desired.ts';
import { auditText } from '../../agent/src/ruleset/audit.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { evidenceGroup } from '../../agent/src/ruleset/compile/context.ts';
import { crowdGroup, crowdQueue } from '../../agent/src/ruleset/compile/dns.ts';
import { helloQueue } from '../../agent/src/ruleset/compile/tls-hello.ts';
import { ELEMENT_MARK } from '../../agent/src/ruleset/element-packet.ts';
import { offloadText } from '../../agent/src/ruleset/flow-offload.ts';
import { guardText } from '../../agent/src/ruleset/guard.ts';
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import { OWN_TABLES, UNJUDGED_PREFIX } from '../../agent/src/ruleset/names.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { GUARD } from '../fixtures/guard.ts';
import { type Change, globals, policyFrom } from '../fixtures/policies.ts';

const text = readFileSync('docs/kernel.md', 'utf8');
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.slice(2, -2).split(' | '));
/** The texts in backticks in the first column of the tables whose head begins with `head`. */
function named(head: string): string[] {
  const at = rows.findIndex(([first]) => first === head);
  assert.ok(at >= 0, `no table of ${head}`);
  const end = rows.findIndex(
    ([first], i) => i > at + 1 && /^(hook|what|prefix|name|set of|shared)/.test(first!),
  );
  const its = rows.slice(at + 2, end < 0 ? undefined : end);
  return its.flatMap(([first]) => Array.from(first!.matchAll(/`([^`]+)`/g), ([, name]) => name!));
}

const macs = ['02:00:00:00:00:01'];
const devices = ['192.168.1.2', 'fd00::2'];
/** Policies that together use every object. */
const CHANGES: readonly Change[] = [
  {},
  { globals: { hold: true } },
  {
    resolverBypass: {
      redirect: true,
      rejectDot: true,
      rejectDoh: true,
      hello: 'hold',
      devices,
      macs,
    },
  },
  { globals: { hold: false }, resolverBypass: { hello: 'watch' } },
  { app: { macs, devices, except: policyFrom({}).apps[0]!.profile.ranges } },
];
const rulesets: readonly Ruleset[] = CHANGES.map((change) => compile(policyFrom(change)));

const app = (name: string): string => name.replace('skype', 'APP');
const unique = <T extends string | number>(all: readonly T[]): T[] => [...new Set(all)].sort();

test('every chain at a hook has its row, with its priority and table', () => {
  const init = readFileSync('openwrt-package/files/whp.init', 'utf8');
  const ofText = (table: string, from: string): string[] =>
    Array.from(
      from.matchAll(/chain (\w+) \{\s+type \w+ hook (\w+) priority (-?\d+)/g),
      ([, chain, hook, priority]) => `${hook} ${priority} ${table} ${chain}`,
    );
  const made = [
    ...rulesets.flatMap(({ chains }) =>
      chains.flatMap(({ name, base }) =>
        base === undefined ? [] : [`${base.hook} ${base.priority} whp ${name}`],
      ),
    ),
    ...ofText('whp_audit', auditText(globals, [])),
    ...ofText('whp_offload', offloadText(globals.mask)),
    ...ofText('whp_boot', init),
    ...ofText('whp_guard', guardText({ ...GUARD, table: 'whp_guard' })),
  ];
  const told = rows
    .filter(([hook]) => /^(prerouting|forward|input|output|postrouting)$/.test(hook!))
    .map((cells) => cells.slice(0, 4).join(' ').replaceAll('`', ''));
  assert.equal(told.toSorted(), unique(made));
});

test('every set has its row', () => {
  const family = (name: string): string => name.replace(/[46]$/, '');
  const made = unique(rulesets.flatMap(({ sets }) => sets.map(({ name }) => family(app(name)))));
  assert.equal([...named('set of an app'), ...named('shared set')].sort(), made);
});

test('every prefix and group of the log has its place', () => {
  const logs = rulesets.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) =>
      rules.flatMap(({ statements }) =>
        statements.flatMap((one) => (one.kind === 'log' ? [one] : [])),
      ),
    ),
  );
  const prefix = (one: string): string => app(one).replace(/(outside:APP):\w+/, '$1:GROUND');
  const ofFlows = logs.filter(({ group }) => group === evidenceGroup(globals.group));
  assert.equal(
    named('prefix in group 5302').sort(),
    unique(ofFlows.map((one) => prefix(one.prefix))),
  );
  const told = (number: number): string =>
    rows.filter(([what, at]) => what === 'NFLOG' && at!.startsWith(String(number))).join(' ');
  for (const { prefix: one, group } of logs.filter((each) => !ofFlows.includes(each))) {
    assert.match(told(group), `\`${one}\``);
  }
  assert.match(told(globals.group), `\`${UNJUDGED_PREFIX}\``);
});

function queuesOf(): number[] {
  const statements = rulesets.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) => rules.flatMap((one) => one.statements)),
  );
  return statements.flatMap((one) => (one.kind === 'queue' ? [one.number] : []));
}

test('each packet mark that the rules read or write is a slot, or has its row', () => {
  const hex = (mark: number): string => `0x${mark.toString(16).padStart(8, '0')}`;
  const told = rows
    .filter(([what]) => what === 'packet mark')
    .flatMap(([, number]) => /`(0x\w{8})`/.exec(number!)![1]!);
  const { mask } = globals;
  const slots = Array.from({ length: LAST_SLOT + 1 }, (_, slot) => hex(markOf(mask, slot)));
  const used = rulesets.flatMap((one) =>
    Array.from(
      renderLoad(one).matchAll(
        /meta mark (?:set meta mark & 0x\w+ \| |& 0x\w+ [!=]= )?(0x\w{8})(?! [|=!])/g,
      ),
      ([, mark]) => mark!,
    ),
  );
  assert.equal(unique(used.filter((mark) => !slots.includes(mark))), told.toSorted());
  assert.ok(told.includes(hex(ELEMENT_MARK)));
});

test('numbers, tables and counters are those of the code', () => {
  const numbers = (what: string): number[] =>
    rows.filter(([first]) => first === what).map(([, at]) => Number(/\d+/.exec(at!)![0]));
  const { queue, group, preference, table } = globals;
  assert.equal(numbers('NFQUEUE'), [queue, helloQueue(queue), crowdQueue(queue), UNHEARD_QUEUE]);
  assert.equal(numbers('NFQUEUE'), unique(queuesOf()));
  assert.equal(numbers('route protocol'), [PROTOCOL]);
  assert.equal(numbers('NFLOG'), [group, crowdGroup(group), evidenceGroup(group)]);
  assert.equal([...numbers('ip rules'), ...numbers('routing tables')], [preference + 1, table + 1]);
  const names = named('name');
  for (const one of OWN_TABLES) assert.ok(names.includes(one), one);
  for (const one of rulesets[0]!.counters) assert.ok(names.includes(app(one)), one);
});

test.run();
