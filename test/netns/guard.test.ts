// The guard holds back only unjudged packets of the app's devices: on a real kernel, packets to another network
// of the router, NAT loopback and routed multicast pass while the agent runs. A table that is made again has what the
// one before had, and no more.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  NODE,
  NODE_PORT,
  OTHER,
  P2P,
  pause,
  startHome,
  until,
} from '../fixtures/netns-home.ts';
import { HOST } from '../lib/bare.ts';

const NAME = `whpg${process.pid}`;
const IOT = '192.168.2.2';
const OUTSIDE = '198.51.100.10';
const GROUP = '239.1.2.3';

const home = await startHome(NAME);
const inIot = (...words: string[]): string[] => [`--net=/run/netns/${NAME}-iot`, ...words];
const children = [spawn('true')];
test.after(() => {
  for (const child of children) child.kill('SIGKILL');
  home.stop();
  spawnSync('ip', ['netns', 'del', `${NAME}-iot`]);
});

/** A second network that is not in `list lan`, with one server that sends its name. */
async function addNetwork(): Promise<void> {
  spawnSync('ip', ['netns', 'add', `${NAME}-iot`]);
  home.run(
    'router',
    'sh',
    '-ec',
    `ip link add iot type veth peer name eth0 netns ${NAME}-iot
    ip link set iot up
    ip address add 192.168.2.1/24 dev iot
    nft 'table ip back {
      chain pre { type nat hook prerouting priority dstnat; ip daddr ${OUTSIDE} dnat to ${IOT}; }
      chain post { type nat hook postrouting priority srcnat; ip saddr 192.168.1.0/24 ip daddr ${IOT} ct status dnat masquerade; }
    }'`,
  );
  const set = `ip link set lo up; ip link set eth0 up; ip address add ${IOT}/24 dev eth0; ip route add default via 192.168.2.1`;
  spawnSync('nsenter', inIot('sh', '-ec', set));
  const server = spawn('nsenter', inIot('node', '-e', SERVER));
  children.push(server);
  await new Promise((resolve) => server.stdout.once('data', resolve));
  server.stdout.on('data', (bytes: Buffer) => {
    groupHeard += bytes.toString().split('many').length - 1;
  });
}

let groupHeard = 0;
const SERVER = `
const udp = require('dgram').createSocket('udp4');
udp.on('message', (bytes, from) => {
  if (bytes.toString() === 'many') console.log('many');
  else udp.send('iot', from.port, from.address);
});
udp.bind(33033, () => {
  udp.addMembership('${GROUP}', '${IOT}');
  console.log('ready');
});`;

/** A multicast routing daemon: forwards GROUP from br-lan to iot while it runs. */
const ROUTING = `
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
const index = (name) => Number(new TextDecoder().decode(read('/sys/class/net/' + name + '/ifindex')));
const read = (path) => {
  const fd = os.open(path, os.O_RDONLY);
  const bytes = new Uint8Array(16);
  const got = os.read(fd, bytes.buffer, 0, 16);
  return bytes.subarray(0, got);
};
const fd = sys.socket(sys.AF_INET, sys.SOCK_RAW, 2);
const set = (name, size, fill) => {
  const bytes = new ArrayBuffer(size);
  fill(new DataView(bytes));
  const done = sys.setsockopt(fd, 0, name, bytes);
  if (done < 0) throw new Error('option ' + name + ': ' + done);
};
// linux/mroute.h: MRT_INIT, MRT_ADD_VIF with VIFF_USE_IFINDEX, MRT_ADD_MFC.
set(200, 4, (view) => view.setInt32(0, 1, true));
scriptArgs.slice(1, 3).forEach((found, at) =>
  set(202, 16, (view) => {
    view.setUint16(0, at, true);
    view.setUint8(2, 8);
    view.setUint8(3, 1);
    view.setInt32(8, Number(found), true);
  }),
);
set(204, 60, (view) => {
  [192, 168, 1, 11].forEach((byte, at) => view.setUint8(at, byte));
  [239, 1, 2, 3].forEach((byte, at) => view.setUint8(4 + at, byte));
  view.setUint16(8, 0, true);
  view.setUint8(10 + 1, 1);
});
console.log('ready');
os.setReadHandler(fd, () => sys.recv(fd, new ArrayBuffer(2048), 0, 2048, 0));
`;

const SEND_MANY = `
const udp = require('dgram').createSocket('udp4');
udp.bind(0, () => {
  udp.setMulticastTTL(8);
  udp.setMulticastInterface('192.168.1.11');
  let left = 20;
  const timer = setInterval(() => {
    udp.send('many', 33033, '${GROUP}');
    if (--left === 0) { clearInterval(timer); setTimeout(() => process.exit(), 100); }
  }, 20);
});`;

async function routeMany(): Promise<void> {
  const file = `out/netns/${NAME}/routing.js`;
  writeFileSync(file, ROUTING);
  const index = (name: string): string =>
    /^(\d+):/.exec(home.run('router', 'ip', '-o', 'link', 'show', name))![1]!;
  const words = [...HOST, file, index('br-lan'), index('iot')];
  const child = spawn('nsenter', [`--net=/run/netns/${NAME}-router`, ...words]);
  children.push(child);
  child.stderr.on('data', (bytes: Buffer) => console.error(bytes.toString()));
  await new Promise((resolve) => child.stdout.once('data', resolve));
}

test('the rest of the home passes the guard', async () => {
  await addNetwork();
  await home.startAgent(config({ proxies: ['a', 'b'] }));
  assert.match(home.run('router', 'nft', 'list', 'tables'), 'whp_guard');
  const across = home.talk(4001, IOT);
  await until(across, ({ word }) => word === 'iot');
  const back = home.talk(4002, OUTSIDE);
  await until(back, ({ word }) => word === 'iot');
  const out = home.talk(4003, OTHER);
  await until(out, ({ word }) => word === 'internet');
  for (const one of [across, back, out]) one.stop();
});

test('multicast that the router routes passes the guard', async () => {
  await routeMany();
  home.run('device', 'node', '-e', SEND_MANY);
  await pause(100);
  assert.ok(groupHeard >= 18, `${groupHeard} of 20 heard`);
});

test('without the table nothing new leaves, and it stands again', async () => {
  home.run('router', 'nft', 'delete', 'table', 'inet', 'whp');
  const late = home.talk(4004, OTHER);
  await until(late, ({ word }) => word === 'internet');
  assert.match(home.run('router', 'nft', 'list', 'tables'), 'inet whp\n');
  late.stop();
});

/** A datagram from the P2P port to each of `count` addresses. */
function open(block: string, count: number): void {
  const program = `const udp = require('dgram').createSocket('udp4');
udp.bind(${P2P}, '192.168.1.11', async () => {
  for (let i = 0; i < ${count}; i++) {
    const to = '${block}.' + (i >> 8) + '.' + (i & 255);
    await new Promise((done) => udp.send('x', 40000, to, done));
  }
  udp.close();
});`;
  home.run('device', 'node', '-e', program);
}

/** The elements with a peer in 93.186.0.0/16, by address and by MAC. */
function latePeers(): string[] {
  return ['skype_peer4', 'skype_peermac4'].flatMap((set) =>
    Array.from(
      home.run('router', 'nft', 'list', 'set', 'inet', 'whp', set).matchAll(/93\.186\.\d+\.\d+/g),
      ([peer]) => `${set} ${peer}`,
    ),
  );
}

test('a table that is made again gives a device no peers beyond those of its share', async () => {
  home.talk(P2P, NODE).stop();
  home.run('router', 'nft', `add element inet whp skype_udp4 { 192.168.1.11 . ${P2P * 65536} }`);
  open('93.185', 600);
  // Then the kernel announces 200 packets again.
  await pause(4500);
  open('93.186', 60);
  await pause(500);
  const before = latePeers();
  // In a minute the share grows by eight.
  assert.ok(before.length <= 4, `${before}`);
  home.run('router', 'nft', 'delete', 'table', 'inet', 'whp');
  const standing = home.talk(4005, OTHER);
  await until(standing, ({ word }) => word === 'internet');
  standing.stop();
  assert.equal(latePeers(), before);
  const peers = home.run('router', 'nft', 'list', 'set', 'inet', 'whp', 'skype_peer4');
  assert.ok(peers.split('93.185.').length > 100, 'none of its share is left');
});

/** A peer keeps sending to the inner address of a call. */
const PEER_SENDS = `
const udp = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
udp.bind(${NODE_PORT}, '${NODE}', () => {
  let left = 20;
  const timer = setInterval(() => {
    udp.send('x', ${P2P}, '10.200.0.1');
    if (--left === 0) { clearInterval(timer); setTimeout(() => process.exit(), 100); }
  }, 20);
});`;

/** What becomes of our table, and who then answers the peer: the router itself, or a firewall that refuses what
 * comes from the tunnel. */
const ENDS = [
  [
    'our table is deleted during a call, and the firewall refuses the peer',
    `delete table inet whp; table inet refusing { chain c { type filter hook forward priority 0;
      iifname "whp-a" reject with icmpx type port-unreachable; }; }`,
  ],
  ['every rule is flushed during a call', 'flush ruleset'],
] as const;

for (const [name, commands] of ENDS) {
  test(`${name}: the router sends no error about it by the WAN`, async () => {
    const seen =
      "nft 'table ip seen { chain c { type filter hook prerouting priority -300; ip saddr 10.200.0.1 counter; }; }'";
    for (const end of ['internet', 'proxya']) home.run(end, 'sh', '-ec', seen);
    const packets = (end: string): number =>
      Number(/packets (\d+)/.exec(home.run(end, 'nft', 'list', 'table', 'ip', 'seen'))![1]);
    const call = home.talk(P2P);
    await until(call, ({ word }) => word === 'proxya');
    assert.ok(packets('proxya') > 0);
    const agent = ['-f', `daemon --config out/netns/${NAME}/whp`];
    spawnSync('pkill', ['-STOP', ...agent]);
    home.run('router', 'nft', commands);
    home.run('proxya', 'node', '-e', PEER_SENDS);
    const left = packets('internet');
    spawnSync('pkill', ['-CONT', ...agent]);
    call.stop();
    for (const end of ['internet', 'proxya']) home.run(end, 'nft', 'delete', 'table', 'ip', 'seen');
    home.run('router', 'nft', 'add table inet refusing; delete table inet refusing');
    assert.is(left, 0);
  });
}

test('the agent ends, and the guard with it', async () => {
  await home.stopAgent();
  assert.not.match(home.run('router', 'nft', 'list', 'tables'), 'whp');
});

test.run();
