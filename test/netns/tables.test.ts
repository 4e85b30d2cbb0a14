// A table loaded by the agent's own transaction against the same table loaded from its text: what `nft` lists with
// handles, what it lists as JSON, and the kernel's own dump are equal. And what is said when the kernel refuses.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { withoutAnnouncements } from '../../agent/src/ruleset/without-logs.ts';
import { goldenFiles, policyOf, readGolden } from '../fixtures/goldens.ts';
import { type Change, policyFrom } from '../fixtures/policies.ts';
import { HOST } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';
import { GROUPS } from '../trace/groups.ts';

const FOLDER = `out/netns/tables-${process.pid}`;
mkdirSync(FOLDER, { recursive: true });
const PROGRAM = [...HOST, bundleForHost('test/netlink/load-program.ts')].join(' ');
const LISTS = [
  'nft -a list ruleset',
  'nft -j list ruleset',
  'nft --debug=netlink list ruleset 2>&1',
];
const NEXT = '---next---';

interface Loaded {
  readonly status: number;
  /** What was said, and each listing. */
  readonly texts: readonly string[];
}

/** Runs the command in a fresh namespace and lists what it has left. */
function after(command: string): Loaded {
  const lists = LISTS.map((list) => `echo ${NEXT}; ${list}`).join('; ');
  const words = ['-n', 'sh', '-c', `${command}; status=$?; ${lists}; exit $status`];
  const run = spawnSync('unshare', words, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return { status: run.status ?? -1, texts: `${run.stdout}${run.stderr}`.split(`${NEXT}\n`) };
}

function loaded(...rulesets: readonly Ruleset[]): Loaded {
  writeFileSync(`${FOLDER}/rulesets.json`, JSON.stringify(rulesets));
  return after(`${PROGRAM} ${FOLDER}/rulesets.json`);
}

function fromText(ruleset: Ruleset): Loaded {
  writeFileSync(`${FOLDER}/table.nft`, renderLoad(ruleset));
  return after(`nft -f ${FOLDER}/table.nft`);
}

/** The order of elements in a hash is another each time; nft 1.0.6 converts one byte that needs no conversion. */
function inOrder(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) => !/byteorder .* = hton\(reg \d+, 2, 1\)/.test(line))
    .flatMap((line) => line.split(/(?=\telement)/))
    .sort();
}

/** A listing without the order of a hash and the time of day. */
const sorted = (json: string): string[] =>
  (JSON.parse(json) as { nftables: unknown[] }).nftables
    .map((one) =>
      JSON.stringify(one).replace(/"set":\[[^\]]*\]/g, (set) => [...set].sort().join('')),
    )
    .map((one) => one.replace(/"elem":\[.*\]/, (elements) => [...elements].sort().join('')));

const seen = new Set<string>();

function compare(ruleset: Ruleset): void {
  const text = renderLoad(ruleset);
  if (seen.has(text)) return;
  seen.add(text);
  const [ours, theirs] = [loaded(ruleset), fromText(ruleset)];
  assert.is(theirs.status, 0, theirs.texts.join('\n').slice(0, 2000));
  assert.is(ours.status, 0, ours.texts[0]);
  const [, list, json, dump] = theirs.texts;
  assert.fixture(ours.texts[1]!, list!);
  assert.equal(sorted(ours.texts[2]!), sorted(json!));
  assert.equal(inOrder(ours.texts[3]!), inOrder(dump!));
}

/** This kernel may have no NFQUEUE; golden/transaction compares the messages of all cases. */
const hasQueue =
  after("nft 'table inet t { chain c { type filter hook forward priority 0; queue to 1; }; }'")
    .status === 0;
const isHere = (ruleset: Ruleset): boolean => hasQueue || !renderLoad(ruleset).includes(' queue ');

for (const file of goldenFiles()) {
  const ruleset = compile(policyOf(readGolden(file)));
  if (isHere(ruleset)) test(file, () => compare(ruleset));
}

for (const [i, { policy }] of GROUPS.entries()) {
  const ruleset = compile(policy);
  if (isHere(ruleset)) test(`policy ${i} of test/trace`, () => compare(ruleset));
}

test('a table without announcements', () => compare(withoutAnnouncements(compile(policyFrom({})))));

const CHANGES: readonly [string, Change][] = [
  ['nothing', {}],
  ['another mask', { globals: { mask: 0x00f00000 } }],
  ['another home device', { globals: { lan: ['br-lan', 'br-guest'] } }],
  ['a second application', { apps: [{}, { name: 'other', slot: 2 }] }],
  ['no application', { apps: [] }],
  ['a second proxy', { proxies: [{}, { name: 'b', address: '198.51.100.8' }] }],
  ['limited to a device', { app: { devices: ['192.168.1.10'] } }],
  ['no peers', { profile: { peers: { enabled: false, leaseSeconds: 60 } } }],
  ['other ranges', { profile: { ranges: [] } }],
  ['other caps', { profile: { caps: { endpoints: 5, ports: 5, peers: 5, devices: 5 } } }],
];

/** Blocks of a listing, sorted: a reload leaves chains and sets in another order. */
function blocks(listing: string): string[] {
  return listing
    .replace(/ # handle \d+/g, '')
    .split(/\n\n|(?<=\n\t\})\n/)
    .map((block) => block.replace(/^table inet whp \{\n|\n\}\n$/g, '').trim())
    .sort();
}

for (const [name, change] of CHANGES) {
  test(`a difference leaves what a whole load makes: ${name}`, () => {
    const [one, other] = [compile(policyFrom({})), compile(policyFrom(change))];
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const changed = loaded(from, to);
      assert.is(changed.status, 0, changed.texts[0]);
      assert.equal(blocks(changed.texts[1]!), blocks(loaded(to).texts[1]!));
    }
  });
}

const base = compile(policyFrom({}));

/** The base table with one thing changed. */
function broken(change: (ruleset: Ruleset) => Partial<Ruleset>): Ruleset {
  return { ...base, ...change(base) };
}

const REFUSALS: readonly [string, Ruleset, RegExp][] = [
  [
    'a set that does not exist',
    broken(({ sets }) => ({ sets: sets.filter(({ name }) => name !== 'bogon6') })),
    /^load table inet whp, chain exit_home, rule 3: No such file or directory \(errno 2\): ip6 daddr @bogon6 accept comment/,
  ],
  [
    'a chain that does not exist',
    broken(({ chains }) => ({ chains: chains.filter(({ name }) => name !== 'carry') })),
    /^load table inet whp, chain skype_forward, rule 1: No such file or directory \(errno 2\): .*goto carry comment/,
  ],
  [
    'a counter that does not exist',
    broken(() => ({ counters: [] })),
    /^load table inet whp, chain skype_take, rule \d+: .*counter name "skype_rejected"/,
  ],
  [
    'more elements than a set has room for',
    broken(({ sets }) => ({
      sets: sets.map((set) =>
        set.name === 'skype_pin4' && set.role === 'static'
          ? {
              ...set,
              size: 1,
              elements: [[['192.0.2.1', '192.0.2.1']], [['192.0.2.2', '192.0.2.2']]],
            }
          : set,
      ),
    })),
    /^load table inet whp, elements of set skype_pin4: /,
  ],
  [
    'a chain at a hook that its type does not have',
    broken(({ chains }) => ({
      chains: chains.map((chain) =>
        chain.name === 'forwarding'
          ? { ...chain, base: { type: 'nat', hook: 'forward', priority: 0 } }
          : chain,
      ),
    })),
    /^load table inet whp, chain forwarding: /,
  ],
  [
    'a value that is none',
    broken(({ chains }) => ({
      chains: chains.map((chain) =>
        chain.name === 'refuse'
          ? {
              ...chain,
              rules: [
                {
                  comment: 'wrong',
                  statements: [
                    {
                      kind: 'compare',
                      left: { kind: 'field', name: 'ip saddr' },
                      operator: '==',
                      right: 'nowhere',
                    },
                  ],
                },
              ],
            }
          : chain,
      ),
    })),
    /^load table inet whp, chain refuse, rule 1: Invalid argument \(errno 22\): ip saddr nowhere comment "!whp: wrong"$/m,
  ],
];

for (const [name, ruleset, said] of REFUSALS) {
  test(`refused: ${name}`, () => {
    const [alone, again] = [loaded(ruleset), loaded(base, ruleset)];
    assert.match(alone.texts[0]!, said, alone.texts[0]);
    // As a difference another part may be the first that is refused: a counter that rules still use.
    assert.match(again.texts[0]!, /^load table inet whp, .+: .+ \(errno \d+\)/);
    assert.equal([alone.status, again.status], [1, 1]);
    // Nothing is changed.
    assert.is(alone.texts[1], '');
    assert.fixture(again.texts[1]!, loaded(base).texts[1]!);
  });
}

if (!hasQueue) {
  test('refused: a kernel without NFQUEUE', () => {
    const held = loaded(compile(policyFrom({ globals: { hold: true } })));
    assert.is(held.status, 1);
    assert.match(
      held.texts[0]!,
      /: the kernel has no nft queue: opkg install kmod-nft-queue \(from OpenWrt 25\.12 on: apk add kmod-nft-queue\): .*queue /,
    );
  });
}

test.run();
