// `whp audit` with the real agent: the verdict of a clean run and of one in which an element was deleted from
// the kernel's set; its end by Ctrl-C, with its command, with the agent, and beside a second audit.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuditAnswer } from '../../agent/src/answers/audit.ts';
import { config, type Home, OTHER, P2P, pause, startHome, until } from '../fixtures/netns-home.ts';
import { answerOf } from '../lib/answers.ts';
import { WHP } from '../lib/bare.ts';

const NAME = `whp-aud-${process.pid}`;
const FOLDER = `out/netns/${NAME}`;

/** The router's resolver: every name is OTHER. */
const RESOLVER = `
const udp = require('dgram').createSocket('udp4');
udp.on('message', (query, from) => {
  const answer = Buffer.concat([query, Buffer.from('c00c000100010000012c0004', 'hex'), Buffer.from([${OTHER.replaceAll('.', ',')}])]);
  answer[2] = 0x81; answer[3] = 0x80; answer[7] = 1;
  udp.send(answer, from.port, from.address);
});
udp.bind(53, '192.168.1.1', () => console.log('ready'));`;
const ASK = `
const query = Buffer.from('123401000001000000000000' + '03617069' + '05736b797065' + '03636f6d' + '00' + '00010001', 'hex');
const udp = require('dgram').createSocket('udp4');
udp.on('message', () => process.exit());
udp.send(query, 53, '192.168.1.1');`;

let home: Home;
const children: ChildProcess[] = [];
test.before(async () => {
  home = await startHome(NAME);
  home.run('router', 'sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1');
  await home.startAgent(config({ proxies: ['a'] }));
  writeFileSync(`${FOLDER}/resolver.cjs`, RESOLVER);
  writeFileSync(`${FOLDER}/ask.cjs`, ASK);
  const resolver = inside('node', `${FOLDER}/resolver.cjs`);
  await new Promise((resolve) => resolver.stdout!.once('data', resolve));
});
test.after(() => {
  for (const one of children) one.kill('SIGKILL');
  home.stop();
});

function inside(...words: string[]): ChildProcess {
  const child = spawn('nsenter', [`--net=/run/netns/${NAME}-router`, ...words]);
  children.push(child);
  return child;
}

interface Audit {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly status: number | null; readonly out: string; err: string }>;
}

/** Starts an audit and waits until it records. */
async function startAudit(...more: string[]): Promise<Audit> {
  const child = inside(...WHP, 'audit', ...more, '--socket', `${FOLDER}/whp.sock`);
  let [out, err] = ['', ''];
  child.stdout!.on('data', (bytes) => {
    out += bytes;
  });
  child.stderr!.on('data', (bytes) => {
    err += bytes;
  });
  const ended = new Promise<{ status: number | null; out: string; err: string }>((resolve) =>
    child.once('close', (status) => resolve({ status, out, err })),
  );
  for (let tries = 0; !err.includes('recording') && child.exitCode === null; tries++) {
    if (tries > 100) throw new Error(`no audit: ${err}`);
    await pause(50);
  }
  return { child, ended };
}

const stands = (): boolean =>
  spawnSync('nsenter', [
    `--net=/run/netns/${NAME}-router`,
    ...['nft', 'list', 'table', 'inet', 'whp_audit'],
  ]).status === 0;

async function gone(): Promise<void> {
  for (let tries = 0; stands(); tries++) {
    if (tries > 50) throw new Error('the table of the audit stands');
    await pause(100);
  }
}

test('a clean run: 0, and what else left is counted', async () => {
  const { child, ended } = await startAudit();
  const call = home.talk(P2P);
  const stranger = home.talk(5000, OTHER);
  await until(call, ({ word }) => word === 'proxya');
  await until(stranger, ({ word }) => word === 'internet');
  await pause(500);
  call.stop();
  stranger.stop();
  child.kill('SIGINT');
  const { status, out, err } = await ended;
  assert.is(status, 0, `${out}${err}`);
  assert.match(
    out,
    /: \d+ packets \(.*\) of 1 flow left beside the tunnels\n0 of them are of an app/,
  );
  assert.match(out, /\nnot seen: devices on other networks than br-lan/);
  assert.not.ok(stands());
});

test('an address that was deleted from the set: each flow to it, with why, and status 4', async () => {
  home.run('device', 'node', `${FOLDER}/ask.cjs`);
  for (let tries = 0; !home.whp('learned').includes(OTHER); tries++) {
    if (tries > 50) throw new Error('not learned');
    await pause(50);
  }
  const { child, ended } = await startAudit('1', '--json');
  home.run('router', 'nft', 'delete', 'element', 'inet', 'whp', 'skype_addr4', `{ ${OTHER} }`);
  const flow = home.talk(6000, OTHER);
  await until(flow, ({ word }) => word === 'internet');
  await pause(300);
  flow.stop();
  child.kill('SIGINT');
  const { status, out, err } = await ended;
  assert.is(status, 4, `${out}${err}`);
  const answer = answerOf<AuditAnswer>(['audit'], out);
  assert.is(answer.outside_flows, 1);
  const one = answer.rows[0]!;
  assert.is(one.app, 'skype');
  assert.is(one.evidence, 'addr');
  assert.is(one.flow, `udp 192.168.1.11:6000 ${OTHER}:33033`);
  assert.match(one.detail, /api\.skype\.com/);
  assert.is(one.packets, answer.outside_packets);
  assert.ok(one.packets > 10);
});

test('two at once: the second is refused, the first goes on', async () => {
  const { child, ended } = await startAudit();
  const { status, err } = await (await startAudit()).ended;
  assert.is(status, 1);
  assert.match(err, /another audit runs, since \d+ s; it ends with Ctrl-C/);
  child.kill('SIGINT');
  assert.is((await ended).status, 0);
});

test('its table goes when its command is killed', async () => {
  const { child, ended } = await startAudit();
  assert.ok(stands());
  child.kill('SIGKILL');
  await ended;
  await gone();
});

test('the agent is killed: the next one gives the verdict', async () => {
  const { ended } = await startAudit();
  const stranger = home.talk(5002, OTHER);
  await pause(300);
  await home.stopAgent('SIGKILL');
  await home.startAgent(config({ proxies: ['a'] }));
  const { status, out, err } = await ended;
  stranger.stop();
  assert.is(status, 0, `${out}${err}`);
  assert.match(out, /of 1 flow left beside the tunnels/);
  await gone();
});

test('somebody deletes its table: that is said, and no verdict', async () => {
  const { child, ended } = await startAudit();
  home.run('router', 'nft', 'delete', 'table', 'inet', 'whp_audit');
  child.kill('SIGINT');
  const { status, err } = await ended;
  assert.is(status, 1);
  assert.match(err, /nothing is judged/);
});

test('deleted while it goes on: another table, and the verdict says what is missing', async () => {
  const { child, ended } = await startAudit();
  home.run('router', 'nft', 'delete', 'table', 'inet', 'whp_audit');
  for (let tries = 0; !stands(); tries++) {
    if (tries > 100) throw new Error('not made again');
    await pause(100);
  }
  child.kill('SIGINT');
  const { status, out } = await ended;
  assert.is(status, 1);
  assert.match(out, /its table was deleted or changed meanwhile/);
});

test('another WAN device in the middle: what leaves by it is recorded', async () => {
  const { child, ended } = await startAudit();
  home.run(
    'router',
    'sh',
    '-ec',
    'ip link set wan down; ip link set wan name wan9; ip link set wan9 up; ip route add default via 198.51.100.1',
  );
  const stranger = home.talk(5004, OTHER);
  await pause(1000);
  stranger.stop();
  child.kill('SIGINT');
  const { status, out } = await ended;
  assert.is(status, 0);
  assert.match(out, /of 1 flow left beside the tunnels/);
});

test('the agent is stopped: its table goes with it', async () => {
  const { child } = await startAudit();
  await home.stopAgent();
  assert.not.ok(stands());
  child.kill('SIGKILL');
});

test('no number of minutes', () => {
  for (const word of ['0', 'x', '1441']) {
    const { status, err } = home.tell('audit', word);
    assert.is(status, 2, word);
    assert.match(err, /no number of minutes/);
  }
});

test.run();
