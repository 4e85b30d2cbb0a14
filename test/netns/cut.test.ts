// Cut flows with the real agent: the device is told at once, and nothing leaves to the remote end: no ICMP
// error of the router and no reset, however long the remote end goes on.
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  type Home,
  MEDIA,
  NODE,
  NODE_PORT,
  OTHER,
  P2P,
  pause,
  startHome,
  type Talk,
  until,
} from '../fixtures/netns-home.ts';

let home: Home;
test.before(async () => {
  home = await startHome(`whp-cut-${process.pid}`);
  // Packets from the home's address at the far end of the WAN, except replies to its own.
  home.run(
    'internet',
    'sh',
    '-ec',
    `
    sysctl -qw net.ipv6.conf.all.disable_ipv6=0
    nft 'table inet seen {
      counter of_errors { }
      counter of_resets { }
      chain in { type filter hook input priority 0;
        icmp type { destination-unreachable, time-exceeded } counter name of_errors
        icmpv6 type { destination-unreachable, time-exceeded } counter name of_errors
        tcp flags & rst == rst counter name of_resets
      }
    }'`,
  );
});
let echo: ChildProcess | null = null;
test.after(() => {
  echo?.kill('SIGKILL');
  home.stop();
});

function counted(name: string): number {
  const text = home.run('internet', 'nft', 'list', 'counter', 'inet', 'seen', `of_${name}`);
  return Number(/packets (\d+)/.exec(text)![1]);
}

const ONE = config({ proxies: ['a'] });

/** The device's P2P port is known, then its peer: all its flows with that peer are the app's. */
async function teachPeer(): Promise<void> {
  const first = home.talk(P2P, NODE);
  await until(first, ({ word }) => word === 'proxya');
  first.stop();
  await pause(100);
  const peer = home.talk(P2P, MEDIA);
  await until(peer, ({ word }) => word === 'proxya');
  peer.stop();
}

/** From the far end of the WAN to the home, as a peer that goes on: \`count\` datagrams. */
function goOn(port: number, count: number): void {
  writeFileSync(
    'out/netns/go-on.cjs',
    `
    const udp = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
    udp.on('error', () => {});
    udp.bind(${NODE_PORT}, '${MEDIA}', () => {
      for (let i = 0; i < ${count}; i++) udp.send('x', ${port}, '198.51.100.10', () => {});
      setTimeout(() => udp.close(), 100);
    });`,
  );
  home.run('internet', 'node', 'out/netns/go-on.cjs');
}

test('a connection that waits for an answer ends at once, and nothing is said outside', async () => {
  await home.startAgent(ONE);
  const waiting = home.connect(MEDIA, 'x');
  await until(waiting, ({ word }) => word === 'internet');
  const before = home.talk(5000, MEDIA);
  await until(before, ({ word }) => word === 'internet');
  before.stop();
  const errors = counted('errors');
  await teachPeer();
  // No packet is sent: only the probe can have caused the reset.
  assert.is(await endOf(waiting), 'ECONNRESET');
  assert.is(counted('resets'), 0);
  assert.match(home.log(), /flows? older than their evidence: ended/);
  goOn(5000, 50);
  assert.is(counted('errors'), errors, 'the router says nothing of a flow that was cut');
  // For other flows it does, so the counter works.
  goOn(5002, 5);
  assert.ok(counted('errors') > errors);
  await endAgent();
});

test('a connection that ran before the agent is ended over IPv6 as over IPv4', async () => {
  wireIpv6();
  const four = home.connect(NODE, 'x');
  const six = home.connect(NODE6, 'x');
  const other = home.connect(OTHER, 'x');
  for (const one of [four, six, other]) await until(one, ({ word }) => word === 'internet');
  const errors = counted('errors');
  await home.startAgent(
    `${ONE}config rule\n  option action 'proxy'\n  option app 'skype'\n  list address '${NODE6}'\n`,
  );
  for (const one of [four, six]) assert.is(await endOf(one), 'ECONNRESET');
  assert.equal([counted('resets'), counted('errors')], [0, errors]);
  assert.match(home.log(), /: 2 flows older than their evidence/);
  assert.match(home.log(), /: older than the table, .*: 1 connection of devices/);
  assert.is(other.heard.at(-1)?.word, 'internet', 'it goes on');
  other.stop();
  // The next connection takes the tunnel, or is refused where there is none.
  const again = home.connect(NODE, 'x');
  await until(again, ({ word }) => word === 'proxya');
  await endAgent();
});

test('a flow that a port forward let in before the port was known is cut, and meets silence', async () => {
  home.run(
    'router',
    'nft',
    `table inet forwards { chain pre { type nat hook prerouting priority -100;
      iifname "wan" udp dport 6000 dnat ip to 192.168.1.11:${P2P}; }; }`,
  );
  rmSync(home.learned, { force: true });
  await home.startAgent(ONE);
  echo = await startEcho();
  assert.is(callIn(), 'echo');
  assert.is(callIn(), 'echo', 'direct, as nothing speaks for it');
  const first = home.talk(P2P, NODE);
  await until(first, ({ word }) => word === 'proxya');
  first.stop();
  await pause(300);
  const errors = counted('errors');
  for (let tries = 0; tries < 3; tries++) assert.is(callIn(), 'nothing');
  assert.is(counted('errors'), errors);
  echo.kill('SIGKILL');
  home.run('router', 'nft', 'delete table inet forwards');
  await endAgent();
});

/** Answers every sender on the device's P2P port. */
async function startEcho(): Promise<ChildProcess> {
  const file = `out/netns/echo-${process.pid}.cjs`;
  writeFileSync(
    file,
    `const udp = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
    udp.on('message', (_, from) => udp.send('echo', from.port, from.address));
    udp.bind(${P2P}, () => console.log('ready'));`,
  );
  const words = [`--net=/run/netns/whp-cut-${process.pid}-device`, 'node', file];
  const child = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

/** A peer's packets to the forwarded port, all from one port; prints the replies. */
function callIn(): string {
  const file = `out/netns/call-${process.pid}.cjs`;
  writeFileSync(
    file,
    `const udp = require('dgram').createSocket('udp4');
    const say = (word) => { console.log(word); process.exit(); };
    udp.on('message', (bytes) => say(bytes.toString()));
    udp.on('error', (error) => say(error.code));
    udp.bind(7000, '${MEDIA}', () => udp.connect(6000, '198.51.100.10', () => udp.send('x')));
    setTimeout(() => say('nothing'), 700);`,
  );
  return home.run('internet', 'node', file).trim();
}

test("a device that no question reaches hears at the server's next packet", async () => {
  const drop = 'meta mark & 0x0f000000 == 0x0c000000 drop';
  home.run(
    'router',
    'nft',
    `table inet deaf { chain o { type filter hook output priority -400; ${drop}; }; }`,
  );
  await home.startAgent(ONE);
  const waiting = home.connect(MEDIA, 'later');
  await until(waiting, ({ word }) => word === 'internet');
  await teachPeer();
  assert.is(await endOf(waiting), 'ECONNRESET');
  assert.is(counted('resets'), 0);
  home.run('router', 'nft', 'delete table inet deaf');
  await endAgent();
});

test('a connection that waits inside a tunnel ends when its proxy is dead', async () => {
  await home.startAgent(config({}));
  await pause(1500);
  const waiting = home.connect(NODE, 'x');
  await until(waiting, ({ word }) => word === 'proxya');
  const resets = counted('resets');
  home.run(
    'proxya',
    'nft',
    'table ip x { chain i { type filter hook input priority 0; policy drop; }; }',
  );
  assert.is(await endOf(waiting), 'ECONNRESET');
  const again = home.connect(NODE, 'x');
  await until(again, ({ word }) => word === 'proxyb');
  assert.is(counted('resets'), resets);
  home.run('proxya', 'nft', 'delete table ip x');
  await endAgent();
});

/** Ends what another test has left running. */
async function endAgent(): Promise<void> {
  await home.stopAgent();
  home.run('router', 'conntrack', '-F');
}

/** The end of a connection. */
async function endOf(talk: Talk): Promise<string> {
  const { word } = await until(talk, (one) => !/^(?:connected|internet|proxya)$/.test(one.word));
  return word;
}

const NODE6 = '2600:1406:3a::20';

function wireIpv6(): void {
  const sh = (space: string, text: string): void => void home.run(space, 'sh', '-ec', text);
  sh(
    'router',
    `sysctl -qw net.ipv6.conf.all.forwarding=1
    ip address add 2001:db8:1::1/64 dev br-lan nodad
    ip address add 2001:db8:2::10/64 dev wan nodad
    ip route add default via 2001:db8:2::1`,
  );
  sh(
    'device',
    `ip address add 2001:db8:1::11/64 dev eth0 nodad; ip route add default via 2001:db8:1::1`,
  );
  sh(
    'internet',
    `ip address add 2001:db8:2::1/64 dev eth0 nodad; ip address add ${NODE6}/128 dev lo
    ip route add 2001:db8:1::/64 via 2001:db8:2::10`,
  );
}

test.run();
