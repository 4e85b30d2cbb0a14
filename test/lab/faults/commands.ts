// How long each word of `whp` and each method of rpcd's plugin takes on this router: beside one call,
// and with two thousand proxied flows and a thousand learned peers. A limit that is passed fails it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../machine/paths.ts';
import type { Fault, FaultLab, Finding } from './fault.ts';

const WHP = '/usr/bin/whp';
const PLUGIN = '/usr/libexec/rpcd/whp';
const FILES = '/tmp/timed';
/** Milliseconds that half of the calls of each may take (what a person takes for an answer at once), on an emulated
 * processor whose speed differs by a factor of two from run to run; and bytes of an answer to rpcd. */
const ANSWER_LIMIT = 1000;
/** Of a reload, after which the table may be another one: it answers when the kernel has it. */
const LOAD_LIMIT = 3000;
/** Of the test, which probes the tunnel for two seconds and looks at the router; with a call no throughput. */
const TEST_LIMIT = 10_000;
/** Of the support bundle, which asks a dozen programs. */
const BUNDLE_LIMIT = 30_000;
const MOST_BYTES = 256 * 1024;
const FLOWS = 2000;
const PEERS = 1000;
const TIMES = 5;

/** Every word but daemon, monitor and replay, which go on or read a capture; with what it takes.
 * What undoes the first word of CHANGES is done before each call of it. */
const WORDS = [
  'status',
  'flows',
  'flows --limit 500',
  'why 192.168.1.11',
  'learned',
  'flows --ended',
  'flows --recent',
  'flows --totals',
  'devices',
  'check',
  'test',
  `check ${FILES}.json`,
  'reload',
  'pause',
  'resume',
  'pin 203.0.113.99 skype',
  'pin',
  'unpin 203.0.113.99',
  'forget 203.0.113.98',
  'profile list',
  'profile show skype',
  `profile validate ${FILES}.json`,
  'proxy list',
  'proxy use cloud',
  'proxy use auto',
  'diag',
  'version',
  'help',
  'ruleset',
  'completion',
  'completion devices',
] as const;

const CHANGES: ReadonlyMap<string, string> = new Map([
  ['pause', 'resume'],
  ['resume', 'pause'],
  ['pin 203.0.113.99 skype', 'unpin 203.0.113.99'],
  ['unpin 203.0.113.99', 'pin 203.0.113.99 skype'],
]);

function limitOf(word: string): number {
  if (word === 'diag') return BUNDLE_LIMIT;
  if (word === 'test') return TEST_LIMIT;
  return word === 'reload' ? LOAD_LIMIT : ANSWER_LIMIT;
}

const METHODS: readonly (readonly [method: string, input: object])[] = [
  ['status', {}],
  ['flows', {}],
  ['flows', { limit: 200 }],
  ['learned', { limit: 200 }],
  ['why', { query: '192.168.1.11' }],
  ['devices', {}],
  ['counters', {}],
  ['counters', { subject: 'app skype', range: 'year' }],
  ['log', { limit: 200 }],
  ['log', { format: 'csv' }],
  ['action', { name: 'pin' }],
];

interface Timing {
  readonly what: string;
  /** Milliseconds, sorted. */
  readonly took: readonly number[];
  readonly bytes: number;
}

const middle = ({ took }: Timing): number => took[took.length >> 1] ?? Number.POSITIVE_INFINITY;

/** Runs `command` a few times in one shell; its output goes to a file. */
async function time(
  { router, say }: FaultLab,
  what: string,
  command: string,
  before = ':',
): Promise<Timing> {
  const script = `
for i in $(seq ${TIMES}); do
  ${before} >/dev/null
  read a rest </proc/uptime
  ${command} >${FILES}.out 2>${FILES}.err || { cat ${FILES}.err >&2; exit 1; }
  read b rest </proc/uptime
  echo "$a $b"
done
wc -c <${FILES}.out`;
  const { status, stdout, stderr } = await router.run(script, { timeout: 120_000 });
  if (status !== 0) {
    say(`${what}: ${stderr.trim()}`);
    return { what: `${what} FAILED`, took: [], bytes: 0 };
  }
  const lines = stdout.trim().split('\n');
  const bytes = Number(lines.pop());
  const took = lines
    .map((line) => line.split(' ').map(Number))
    .map(([from = 0, to = 0]) => Math.round((to - from) * 1000))
    .sort((a, b) => a - b);
  say(`${what}: ${took.join(' ')} ms, ${bytes} bytes`);
  return { what, took, bytes };
}

async function timeAll(lab: FaultLab): Promise<{ words: Timing[]; methods: Timing[] }> {
  const file = (path: string): string => readFileSync(join(projectRoot(), path), 'utf8');
  await lab.router.put(`${FILES}.json`, file('agent/profiles/skype.json'), 0o600);
  await lab.router.must('mkdir -p /usr/libexec/rpcd');
  await lab.router.put(PLUGIN, file('openwrt-package/files/whp.rpcd'), 0o755);
  const words: Timing[] = [];
  for (const word of WORDS) {
    const undo = CHANGES.get(word);
    // It may be undone already, the first time.
    const before = undo === undefined ? ':' : `${WHP} ${undo} 2>/dev/null`;
    words.push(await time(lab, word, `${WHP} ${word}`, before));
  }
  const methods: Timing[] = [];
  for (const [method, input] of METHODS) {
    const text = JSON.stringify(input);
    methods.push(await time(lab, `${method} ${text}`, `echo '${text}' | ${PLUGIN} call ${method}`));
  }
  return { words, methods };
}

function told(timings: readonly Timing[]): string {
  return timings
    .map((one) => `${one.what} ${middle(one)} (${one.took[0] ?? '-'}-${one.took.at(-1) ?? '-'})`)
    .join(', ');
}

function judge({ words, methods }: { words: Timing[]; methods: Timing[] }): Finding {
  const slow = [
    ...words.filter((one) => middle(one) > limitOf(one.what)),
    ...methods.filter((one) => middle(one) > ANSWER_LIMIT),
  ];
  const long = methods.filter(({ bytes }) => bytes > MOST_BYTES);
  const largest = Math.max(...methods.map(({ bytes }) => bytes));
  const asking = words.filter(({ what }) => limitOf(what) === ANSWER_LIMIT && !CHANGES.has(what));
  const changing = words.filter(({ what }) => CHANGES.has(what));
  const loading = words.filter(({ what }) => limitOf(what) === LOAD_LIMIT);
  const verdict =
    `${asking.length} commands that ask, the slowest ${Math.max(...asking.map(middle))} ms; ` +
    `${changing.length} that change what it does, the slowest ${Math.max(...changing.map(middle))} ms; ` +
    `reload ${Math.max(...loading.map(middle))} ms; ` +
    `${methods.length} calls by rpcd's plugin, the slowest ${Math.max(...methods.map(middle))} ms, ` +
    `the longest ${largest} bytes; too slow: ${told(slow) || 'none'}`;
  return { ok: slow.length + long.length === 0, verdict, seconds: null };
}

export const commands: Fault = {
  name: 'commands',
  injected: `each command and each method of rpcd's plugin ${TIMES} times, with a call going on`,
  mayLeak: 'new flows in the pause',
  async run(lab) {
    const call = await lab.call();
    const finding = judge(await timeAll(lab));
    const { lost } = await call.stop();
    return {
      ...finding,
      ok: finding.ok && lost.length === 0,
      verdict: `${finding.verdict}; call ${lost.length} lost`,
    };
  },
};

/** Proxied connections as conntrack takes them in from a file, of forty devices. */
function flowLines(): string {
  const lines = Array.from({ length: FLOWS }, (_, i) => {
    const [device, far] = [`192.168.1.${20 + (i % 40)}`, `86.130.${i >> 8}.${i & 255}`];
    const [near, port] = [20_000 + i, 30_000 + i];
    return (
      `-A -p udp -s ${device} -d ${far} --sport ${near} --dport 443 -r ${far} -n 10.213.0.1 ` +
      `--reply-port-src 443 --reply-port-dst ${port} -t 1200 -u SEEN_REPLY,ASSURED -m 16777216`
    );
  });
  return `${lines.join('\n')}\n`;
}

/** Ends when the agent has used less than a tenth of the processor for two seconds, or after 160 s. */
const idle = `
used() { set -- $(cut -d' ' -f14,15 /proc/$(cat /tmp/whp.pid)/stat); echo $(($1 + $2)); }
for i in $(seq 80); do a=$(used); sleep 2; [ $(($(used) - a)) -lt 20 ] && exit 0; done`;

function peerLines(): string {
  const pairs = Array.from(
    { length: PEERS },
    (_, i) => `192.168.1.${20 + (i % 40)} . 86.131.${i >> 8}.${i & 255} timeout 20m`,
  );
  return `add element inet whp skype_peer4 { ${pairs.join(', ')} }\n`;
}

export const busy: Fault = {
  name: 'busy',
  injected: `each command and method ${TIMES} times, with ${FLOWS} proxied flows and ${PEERS} learned peers`,
  mayLeak: 'new flows in the pause',
  async run(lab) {
    await lab.router.put(`${FILES}.flows`, flowLines(), 0o600);
    await lab.router.put(`${FILES}.peers`, peerLines(), 0o600);
    await lab.router.must(`conntrack -R ${FILES}.flows; nft -f ${FILES}.peers`, {
      timeout: 120_000,
    });
    const standing = Number(
      await lab.router.must('conntrack -L -m 16777216 2>/dev/null | wc -l', { timeout: 60_000 }),
    );
    const call = await lab.call();
    // They came within a moment: the agent takes them in first, at the share of the processor that it may have.
    await lab.router.must(idle, { timeout: 180_000 });
    const finding = judge(await timeAll(lab));
    const { lost } = await call.stop();
    const left = Number(
      await lab.router.must('conntrack -L -m 16777216 2>/dev/null | wc -l', { timeout: 60_000 }),
    );
    await lab.router.must('conntrack -F', { timeout: 60_000 });
    return {
      ...finding,
      ok: finding.ok && lost.length === 0 && standing >= FLOWS && left >= FLOWS,
      verdict: `${standing} flows, ${left} at the end; ${finding.verdict}; call ${lost.length} lost`,
    };
  },
};
