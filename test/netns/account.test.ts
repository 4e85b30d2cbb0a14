// The ledger and rpcd's plugin on a real kernel: two hundred proxied connections among others are listed,
// counted, and logged at their end. The plugin answers each method; no input breaks an answer or makes it
// longer than rpcd accepts. The counts survive a restart.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rpcAnswerOf } from '../lib/answers.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { installPlugin } from '../lib/plugin.ts';

const FOLDER = resolve(`out/netns/account-${process.pid}`);
const FLOWS = 200;
/** Keys of the configuration: no method that a read-only login may call returns one. */
const SECRET = 'ab'.repeat(32);
/** rpcd's own limit of an exec plugin's output. */
const READING = [
  'status',
  'flows',
  'learned',
  'why',
  'devices',
  'counters',
  'log',
  'check',
  'profiles',
  'traffic',
];
const MOST_BYTES = 256 * 1024;
mkdirSync(`${FOLDER}/profiles`, { recursive: true });
copyFileSync('agent/profiles/skype.json', `${FOLDER}/profiles/skype.json`);
writeFileSync(
  `${FOLDER}/whp`,
  `config globals 'globals'
	option hold '0'
	option log_flows '1'
config proxy 'cloud'
	option address '203.0.113.10'
	option key '271828182'
	option local '10.254.1.2'
	option remote '10.254.1.1'
config app 'skype'
	list proxy 'cloud'
config sync 'sync'
	option url 'http://10.254.1.1:8080/policy'
	option key '${SECRET}'
`,
);
const PLUGIN = installPlugin(
  FOLDER,
  `${FOLDER}/sock`,
  `--config ${FOLDER}/whp --profiles ${FOLDER}/profiles --socket ${FOLDER}/sock`,
).join(' ');

const DAEMON = `${WHP_TEXT} daemon --config ${FOLDER}/whp \
  --profiles ${FOLDER}/profiles --state ${FOLDER}/state --socket ${FOLDER}/sock >>${FOLDER}/log 2>&1 &
  echo $! >${FOLDER}/pid`;
const WHP = (words: string): Promise<string> => run(`${WHP_TEXT} ${words} --socket ${FOLDER}/sock`);

const child: ChildProcess = spawn('unshare', ['-n', 'sh'], { stdio: ['pipe', 'pipe', 'inherit'] });
let text = '';
let done: ((text: string) => void) | null = null;
child.stdout!.setEncoding('utf8').on('data', (part: string) => {
  text += part;
  if (!text.endsWith('--end\n')) return;
  const all = text.slice(0, -6);
  text = '';
  done?.(all);
});
const run = (command: string): Promise<string> =>
  new Promise((answer) => {
    done = answer;
    child.stdin!.write(`{ ${command}\n} 2>&1; echo "--end"\n`);
  });

interface Answer {
  readonly [name: string]: unknown;
  readonly error?: string;
  readonly rows?: readonly Record<string, unknown>[];
  readonly more?: true;
}

async function call(method: string, input: object | string = ''): Promise<Answer> {
  const words = typeof input === 'string' ? input : JSON.stringify(input);
  writeFileSync(`${FOLDER}/input`, words);
  const said = await run(`${PLUGIN} call '${method}' <${FOLDER}/input`);
  assert.ok(said.length <= MOST_BYTES, `${method}: ${said.length} bytes`);
  assert.not.match(said, new RegExp(`${SECRET}|271828182`), method);
  const asked: unknown = words === '' || words.includes('"broken') ? {} : JSON.parse(words);
  return rpcAnswerOf<Answer>(method, Object(asked), said);
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('not within 30 s');
}

const entry = (verb: string, i: number, mark: string): string =>
  `${verb} -p udp -s 192.168.1.${10 + (i % 40)} -d 198.51.${i >> 8}.${i & 255} --sport 13021 --dport 443${
    verb === '-I'
      ? ` -r 198.51.${i >> 8}.${i & 255} -q 10.254.1.2 --reply-port-src 443 --reply-port-dst 13021 --timeout 600 -m ${mark}`
      : ''
  }`;

test('an agent that is not there', async () => {
  // No service of this name is installed here.
  assert.match((await call('start')).error ?? '', 'whp does not start');
  assert.is((await call('check')).file, `${FOLDER}/whp`);
  assert.match((await call('status')).error ?? '', 'no agent');
  assert.equal(Object.keys(JSON.parse(await run(`${PLUGIN} list`)) as object).length, 13);
});

test('the traffic of tunnels and of the way out, without an agent', async () => {
  await run(`ip link add whp-cloud type veth peer name far0; ip link set far0 up; ip link set whp-cloud up; ip addr add 10.254.1.2/30 dev whp-cloud
    ip link add wan0 type veth peer name far1; ip link set far1 up; ip link set wan0 up; ip addr add 198.18.0.1/24 dev wan0
    ip route add default via 198.18.0.2 dev wan0; ping -c 2 -i 0.2 -W 1 10.254.1.1`);
  const { rows, up_ms } = await call('traffic');
  const devices = rows!.map(({ device, proxy }) => `${device} ${proxy}`);
  assert.equal(devices.sort(), ['wan0 null', 'whp-cloud cloud']);
  assert.ok(Number(rows!.find(({ proxy }) => proxy === 'cloud')!.packets_up) >= 1);
  assert.ok(Math.abs(Number(up_ms) - uptime() * 1000) < 5000);
  await run('ip link del whp-cloud; ip link del wan0');
});

test('the lines of whp test so far, while it runs and after it', async () => {
  assert.equal(await call('test'), { running: false, rows: [] });
  assert.is((await call('test', { start: true })).running, true);
  // A second page begins no second one.
  const pid = await run(`cat ${FOLDER}/test.pid`);
  await call('test', '{ "start": true }');
  assert.is(await run(`cat ${FOLDER}/test.pid`), pid);
  await until(async () => (await call('test')).running === false);
  const { rows = [] } = await call('test');
  assert.is(rows[0]?.subject, 'agent');
  assert.is(rows.at(-1)?.subject, 'call skype');
  assert.match(String(rows.at(-1)?.text), 'no agent runs');
});

test('flows are listed and counted, others are not', async () => {
  const entries = Array.from({ length: FLOWS }, (_, i) => entry('-I', i, '16777216'));
  for (let i = 0; i < 100; i++) entries.push(entry('-I', i + 3000, '0'));
  writeFileSync(`${FOLDER}/entries`, `${entries.join('\n')}\n`);
  // Conntrack starts when a rule asks for it: before the agent does.
  await run(`ip link set lo up; sysctl -qw net.netfilter.nf_conntrack_acct=1
    nft 'table inet early {
      chain c { type filter hook prerouting priority 0; ct state new counter; }
      chain o { type filter hook output priority 0; udp dport 4443 ct mark set 0x01000000; }
    }'`);
  await run(`ip link add br-lan type bridge; ip link set br-lan up
    ip addr add 192.168.1.1/24 dev br-lan
    ${DAEMON}`);
  await until(async () => (await call('counters')).error === undefined);
  // Without a tunnel the agent cuts the connections when it notices them.
  await until(async () => readFileSync(`${FOLDER}/log`, 'utf8').includes('cloud -> refused'));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await run(
    `while read -r line; do conntrack $line </dev/null; done <${FOLDER}/entries >/dev/null`,
  );
  const open = async (): Promise<unknown> => (await call('counters')).flows_open;
  await until(async () => (await open()) === FLOWS);
  const flows = await call('flows', { limit: 150, app: 'skype' });
  assert.equal([flows.rows!.length, flows.more], [150, true]);
  assert.is((await call('flows', { limit: FLOWS })).more, undefined);
  assert.match(String(flows.rows![0]!.flow), /^udp 192\.168\.1\.\d+:13021 198\.51\.\d+\.\d+:443$/);
  assert.is((await call('flows', { device: '192.168.1.10' })).rows!.length, FLOWS / 40);
  await pagesAreOneList();
  const counters = await call('counters');
  assert.ok(counters.rows!.some(({ subject, flows: n }) => subject === 'app skype' && n === FLOWS));
  const graph = await call('counters', { subject: 'app skype', range: 'year' });
  assert.is((graph.bytes_up as number[]).length, 73);
  assert.is((await call('status', {})).apps !== undefined, true);
  assert.is((await call('devices')).rows!.length >= 40, true);
});

/** Pages of an order are one list, without a gap; a search has only its flows. */
async function pagesAreOneList(): Promise<void> {
  const page = async (offset: number): Promise<string[]> => {
    const { rows, total } = await call('flows', { sort: 'remote', limit: 80, offset });
    assert.is(total, FLOWS);
    return rows!.map(({ destination }) => String(destination));
  };
  const all = [...(await page(0)), ...(await page(80)), ...(await page(160))];
  assert.equal(all, all.slice().sort());
  assert.is(new Set(all).size, FLOWS);
  assert.equal(await page(FLOWS), []);
  const found = await call('flows', { search: '192.168.1.10:' });
  assert.equal([found.rows!.length, found.total], [FLOWS / 40, FLOWS / 40]);
  assert.ok(found.rows!.every(({ source }) => source === '192.168.1.10'));
}

test('the check of the configuration, and the installed profiles', async () => {
  const { file, looked } = await call('check');
  assert.is(file, `${FOLDER}/whp`);
  assert.ok((looked as unknown[]).length > 5);
  assert.equal(
    (await call('profiles')).rows!.map(({ profile }) => profile),
    ['skype'],
  );
});

test('a flow that ends is logged, with its evidence, as rows and as CSV', async () => {
  // A connection that began while a client listened: the others end with the next dump.
  await run(
    `conntrack ${entry('-I', 2007, '16777216')}; conntrack ${entry('-D', 2007, '')}; conntrack ${entry('-D', 3001, '')}`,
  );
  await until(async () => (await call('counters')).flows_ended === 1);
  const [row] = (await call('log')).rows!;
  assert.is(row!.flow, 'udp 192.168.1.17:13021 198.51.7.215:443');
  assert.equal([row!.app, row!.proxy, row!.evidence], ['skype', 'cloud', 'unknown']);
  assert.ok((row!.end_time as number) >= (row!.start_time as number));
  const { csv } = await call('log', { format: 'csv' });
  assert.is((csv as string).split('\r\n').length, 3);
  assert.is(await WHP('flows --ended --csv'), csv);
  assert.match(
    await WHP('flows --ended'),
    / cloud .*\n {2}udp 192\.168\.1\.17:13021 198\.51\.7\.215:443\n {2}unknown: /,
  );
  const line = /skype udp 192\.168\.1\.17:13021 198\.51\.7\.215:443 ended after \d+ s by cloud:/;
  assert.match(readFileSync(`${FOLDER}/log`, 'utf8'), line);
  assert.is((await call('counters')).flows_open, FLOWS);
});

test('nothing that is given breaks an answer', async () => {
  for (const input of [
    '',
    '[]',
    '"x"',
    '{"limit":-1}',
    '{"limit":1e9}',
    '{"query":7}',
    'null',
    '5',
  ]) {
    for (const method of READING) {
      assert.is(typeof (await call(method, input)), 'object', `${method} ${input}`);
    }
  }
  assert.match((await call('flows', '{"broken')).error ?? '', 'no agent');
  assert.match((await call('status; rm')).error ?? '', 'no such method');
  assert.match((await call('action', { name: 'daemon' })).error ?? '', 'no such action');
  assert.equal(await call('action', { name: 'reload' }), { text: 'the configuration is loaded' });
  // Without a tunnel the agent cuts the connections that it finds.
  await until(async () => (await call('flows')).rows?.length === 0);
  assert.match((await call('counters', { subject: 'app none' })).error ?? '', 'nothing counted');
  const graph = await call('counters', { subject: 'app skype', range: '__proto__' });
  assert.match(graph.error ?? '', 'range');
  assert.match(String((await call('why', { query: '192.0.2.9' })).query), '192.0.2.9');
});

test('bytes are counted to the end of a flow, and totals and graphs outlive a restart', async () => {
  const ended = async (): Promise<number> => (await call('counters')).flows_ended as number;
  const before = await ended();
  await run(`bash -c 'echo 12345678 >/dev/udp/192.168.1.1/4443'
    conntrack -D -p udp --dport 4443 >/dev/null`);
  await until(async () => (await ended()) === before + 1);
  const row = (await call('log')).rows![0]!;
  // IPv4, UDP, nine bytes.
  assert.equal([row.bytes_up, row.source], [20 + 8 + 9, '192.168.1.1']);
  const stop = `kill $(cat ${FOLDER}/pid); while [ -d /proc/$(cat ${FOLDER}/pid) ]; do sleep 0.05; done`;
  const subject = 'device 192.168.1.1';
  const year = async (): Promise<unknown> =>
    (await call('counters', { subject, range: 'year' })).bytes_up;
  assert.ok(((await year()) as number[]).includes(37));
  await run(stop);
  const kept = readFileSync(`${FOLDER}/state/history`, 'utf8');
  // One page of flash for the forty devices counted above.
  assert.ok(kept.length < 4096, kept);
  await run(DAEMON);
  // The socket answers before the history is read.
  await until(async () => (await year()) !== undefined);
  // The history file has KiB in graphs, to save flash, and bytes in totals.
  assert.ok(((await year()) as number[]).includes(1024));
  const { rows } = await call('counters');
  assert.is(rows!.find((one) => one.subject === subject)!.bytes_up, 37);
});

test.after(async () => {
  await run(`kill $(cat ${FOLDER}/pid); wait $(cat ${FOLDER}/pid)`);
  child.stdin!.end();
  console.log(readFileSync(`${FOLDER}/log`, 'utf8').trim());
  rmSync(FOLDER, { recursive: true });
});

test.run();
