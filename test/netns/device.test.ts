// The identity of a device in a home with the daemon: its MAC at any address of both families; the MAC of
// another router identifies no device; a device given by its IPv4 address includes its IPv6. Evidence in use
// outlives the conntrack entry. Packets that leave by the WAN are counted.
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
  PEER,
  pause,
  startHome,
  until,
} from '../fixtures/netns-home.ts';
import { unbroken } from '../lib/alarms.ts';

const PEER6 = '2600:1406:3a::34';
const home: Home = await startHome(`whp-device-${process.pid}`);
test.after(() => home.stop());

home.run(
  'router',
  'sh',
  '-ec',
  `sysctl -qw net.ipv6.conf.all.forwarding=1
  ip -6 addr add fd00:1::1/64 dev br-lan nodad
  ip -6 addr add 2001:db8:0:1::2/64 dev wan nodad
  ip -6 route add default via 2001:db8:0:1::1 dev wan
  ip route add 192.168.50.0/24 via 192.168.1.11
  nft 'table inet count { chain out { type filter hook postrouting priority 300; oifname "wan" udp sport ${P2P} counter; oifname "wan" udp sport 5000 counter; oifname "wan" tcp dport ${NODE_PORT} counter; }; }'`,
);
home.run(
  'device',
  'sh',
  '-ec',
  `ip -6 addr add fd00:1::11/64 dev eth0 nodad
  ip -6 route add default via fd00:1::1
  ip addr add 192.168.50.10/32 dev lo
  ip addr add 192.168.50.11/32 dev lo`,
);

/** The packets that have left by the WAN: from the P2P port, from port 5000, and of the TCP service. */
function leaked(): readonly number[] {
  const listed = home.run('router', 'nft', 'list', 'table', 'inet', 'count');
  return Array.from(listed.matchAll(/packets (\d+)/g), ([, count]) => Number(count));
}

/** Three datagrams of the device from `source`. */
function send(source: string, port: number, to: string): void {
  const program = `const udp = require('dgram').createSocket('udp${to.includes(':') ? 6 : 4}');
udp.bind(${port}, '${source}', async () => {
  for (let i = 0; i < 3; i++) await new Promise((done) => udp.send('x', ${NODE_PORT}, '${to}', done));
  udp.close();
});`;
  home.run('device', 'node', '-e', program);
}

function elements(set: string): string {
  return home.run('router', 'nft', 'list', 'set', 'inet', 'whp', set).replace(/\s+/g, ' ');
}

const mac = JSON.parse(home.run('device', 'ip', '-j', 'link', 'show', 'eth0'))[0].address as string;

test('a port shown over IPv4 is the port over IPv6: nothing of it leaves by the WAN', async () => {
  await home.startAgent(config({ proxies: ['a'] }));
  const before = leaked();
  send('fd00:1::11', 5000, PEER6);
  assert.is(leaked()[1]! - before[1]!, 3, 'unrelated IPv6 leaves');
  send('192.168.1.11', P2P, NODE);
  send('fd00:1::11', P2P, PEER6);
  assert.is(leaked()[0], before[0]);
  assert.match(elements('skype_udpmac'), mac);
});

test('the lease of the address changes: the same port is proxied from its first packet', async () => {
  home.run('device', 'ip', 'addr', 'add', '192.168.1.77/24', 'dev', 'eth0');
  const before = leaked();
  send('192.168.1.77', P2P, PEER);
  assert.equal(leaked(), before);
  assert.match(elements('skype_peermac4'), PEER);
  home.run('device', 'ip', 'addr', 'del', '192.168.1.77/24', 'dev', 'eth0');
});

test('an endpoint whose name has expired: a connection that is forgotten is reset, the next is proxied', async () => {
  const before = leaked();
  home.run('router', 'nft', `add element inet whp skype_addr4 { ${OTHER} timeout 2s }`);
  const call = home.connect(OTHER);
  await until(call, ({ word }) => word === 'proxya');
  while (elements('skype_addr4').includes(OTHER)) await pause(100);
  const beside = home.connect(OTHER);
  await until(beside, ({ word }) => word === 'proxya');
  home.run('router', 'conntrack', '-F');
  await until(call, ({ word }) => word === 'ECONNRESET');
  const media = home.talk(5001, OTHER);
  await until(media, ({ word }) => word === 'proxya');
  home.run('router', 'conntrack', '-F');
  const at = Date.now();
  await until(media, (one) => one.at > at && one.word === 'proxya');
  media.stop();
  assert.equal(leaked(), before);
  for (const { heard } of [call, beside, media]) {
    assert.equal(
      heard.filter(({ word }) => word === 'internet'),
      [],
    );
  }
});

test('behind another router addresses tell devices, and its MAC is no key', async () => {
  const isRouter = () => elements('gateways').includes(mac);
  for (let tries = 0; !isRouter() && tries < 300; tries++) await pause(50);
  assert.ok(isRouter(), elements('gateways'));
  const before = leaked();
  send('192.168.50.10', P2P, NODE);
  send('192.168.50.10', P2P, PEER);
  assert.equal(leaked(), before);
  send('192.168.50.11', P2P, MEDIA);
  assert.is(leaked()[0]! - before[0]!, 3, 'the other device is not the application’s');
  await home.stopAgent();
});

test('a device named by its IPv4 address alone is meant with its IPv6, and check names one never met', async () => {
  home.run('router', 'ip', 'route', 'del', '192.168.50.0/24');
  home.run('router', 'conntrack', '-F');
  await home.startAgent(config({ proxies: ['a'], devices: ['192.168.1.11', '192.168.1.99'] }));
  send('192.168.1.11', 5001, PEER);
  const isMeant = () => {
    const table = home.run('router', 'nft', 'list', 'table', 'inet', 'whp');
    return /set skype_mac \{[^}]*\}/.exec(table)?.[0].includes(mac) === true;
  };
  for (let tries = 0; !isMeant() && tries < 300; tries++) await pause(50);
  assert.ok(isMeant());
  const before = leaked();
  send('192.168.1.11', P2P, NODE);
  send('fd00:1::11', P2P, PEER6);
  assert.equal(leaked(), before);
  const out = unbroken(home.tell('check').out);
  assert.match(out, /192\.168\.1\.99: no device of that address was met/);
  assert.not.match(out, /192\.168\.1\.11: no device/);
  await home.stopAgent();
});

test.run();
