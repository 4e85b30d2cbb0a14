// One device takes all it can on a real kernel: 65,535 port mappings, 50,000 peers, names and forged addresses.
// It holds only its share, other devices keep their elements, announcements are limited, and no packet leaves
// by the WAN. The second device is unknown before the flood.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { addressKey, deviceKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { fromHex } from '../fixtures/bytes.ts';
import { natPmp, udp } from '../fixtures/packets.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import { A, B, MAC_B, NODE, P2P, PEER, PEER2, ROUTER, SENDER } from '../trace/cases.ts';
import { keyText, macWords, SPLIT_MAC_SET } from '../trace/play.ts';
import { startRouter } from './router.ts';

const { caps } = profile;
const router = await startRouter(`whp-flood-${process.pid}`);
test.after(() => router.stop());

/** The number of elements of each device in a set, by the first field as nft prints it. */
function held(set: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of router.elements(set)) {
    const { val } = (one as { elem: { val: { concat: string[] } } }).elem;
    const device = val.concat[0]!;
    counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  return counts;
}

function sent(device: string): number {
  const [link] = JSON.parse(router.run('ip', '-s', '-j', 'link', 'show', device));
  return link.stats64.tx.packets;
}

function add(set: string, key: Uint8Array, timeout = '3600s'): void {
  const words = keyText(set, key);
  const [first = '', second] = words.split(' ');
  const port = second === undefined ? first : `${first} . ${Number(second) * 65536}`;
  const text = SPLIT_MAC_SET.test(set) ? macWords(words) : port;
  router.nft(`add element inet whp ${set} { ${text} timeout ${timeout} }`);
}

/** A device's announcements are limited to a burst of 200 and 50 a second. */
function mostAnnounced(seconds: number): number {
  return 200 + 50 * (seconds + 1);
}

test('a device maps 65,535 ports: it holds its share, another maps as before', async () => {
  router.load(compile(policyFrom({})));
  add('skype_portmap4', addressKey(A)!);
  add('skype_portmapmac', deviceKey(MAC_B)!);
  const map = (src: string, port: number) =>
    udp({ src, dst: ROUTER, sport: 6000, dport: 5351 }, natPmp(1, port, 3600));
  const started = performance.now();
  const ports = Array.from({ length: 65535 }, (_, i) => i + 1);
  await router.flood(
    'lan',
    ports.map((port) => map(A, port)),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const port of [4711, 4712]) await router.send('lan', map(B, port), MAC_B);
  const counts = held('skype_udp4');
  assert.ok(counts.get(A)! <= (caps.ports * 3) / 8, `${counts.get(A)} ports`);
  assert.is(counts.get(B), 2);
  assert.equal(
    held('skype_udpmac'),
    new Map([
      [SENDER, counts.get(A)!],
      [MAC_B, 2],
    ]),
  );
  const told = router.announced();
  const all = (told.get('mapping') ?? 0) + (told.get('full') ?? 0);
  assert.ok(all <= mostAnnounced(seconds), `${all} of 65,535 announced in ${seconds} s`);
});

test('a device opens 50,000 peers: all of them by the tunnel, its share of them remembered', async () => {
  router.load(compile(policyFrom({})));
  for (const device of [A, B]) add('skype_udp4', portKey(device, P2P)!);
  const media = (src: string, dst: string) =>
    udp({ src, dst, sport: P2P, dport: 40000 }, new Uint8Array(40));
  const [wan, tunnel] = [sent('wan'), sent('whp-a')];
  const started = performance.now();
  const peers = Array.from(
    { length: 50000 },
    (_, i) => `93.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  );
  await router.flood(
    'lan',
    peers.map((peer) => media(A, peer)),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const peer of [PEER, PEER2]) await router.send('lan', media(B, peer), MAC_B);
  const counts = held('skype_peer4');
  assert.ok(counts.get(A)! <= (caps.peers * 3) / 8, `${counts.get(A)} peers`);
  assert.is(counts.get(B), 2);
  assert.is(sent('wan'), wan, 'packets by the WAN');
  assert.is(sent('whp-a') - tunnel, 50002);
  const told = router.announced();
  const all = (told.get('port') ?? 0) + (told.get('full') ?? 0);
  assert.ok(all <= mostAnnounced(seconds) + 2, `${all} of 50,000 announced in ${seconds} s`);
});

const forged = (i: number) => `192.168.${3 + (i >> 8)}.${i & 255}`;
const forgedMac = (i: number) =>
  `02:00:00:01:0${i >> 8}:${(i & 255).toString(16).padStart(2, '0')}`;
const talk = (src: string, sport: number, dst: string, dport: number) =>
  udp({ src, dst, sport, dport }, new Uint8Array(40));

/** B, unknown so far, shows its port to a supernode and calls. */
async function call(): Promise<void> {
  const wan = sent('wan');
  const tunnel = sent('whp-a');
  await router.send('lan', talk(B, P2P, NODE, 40011), MAC_B);
  await router.send('lan', talk(B, P2P, PEER, 40000), MAC_B);
  await router.send('lan', talk(B, P2P, PEER2, 40000), MAC_B);
  assert.is(sent('wan') - wan, 0, 'packets of the call by the WAN');
  assert.is(sent('whp-a') - tunnel, 3);
  assert.is(held('skype_udpmac').get(MAC_B), 1);
}

test('400 packets with forged sources to a supernode, then a call of another: proxied', async () => {
  router.load(compile(policyFrom({})));
  const packets = Array.from({ length: 400 }, (_, i) => talk(forged(i), 1000 + i, NODE, 40011));
  await router.flood('lan', packets);
  assert.is(held('skype_udpmac').get(SENDER), caps.ports >> 3);
  assert.is(router.elements('skype_port_limit4').length, 0);
  await call();
});

/** There are fewer counters for devices than forged devices; the sets have room. */
const FEW = policyFrom({ profile: { caps: { ...caps, ports: 1024, devices: 64 } } });

test('the same with forged hardware addresses, more than can be counted', async () => {
  router.load(compile(FEW));
  const packets = Array.from({ length: 400 }, (_, i) => talk(forged(i), 1000 + i, NODE, 40011));
  await router.flood('lan', packets, forgedMac);
  assert.is(router.elements('skype_port_limit_mac').length, 64);
  await call();
});

test('behind another router: forged addresses cost no other device there its call', async () => {
  router.load(compile(FEW));
  router.nft(`add element inet whp gateways { ${SENDER} }`);
  const packets = Array.from({ length: 400 }, (_, i) => talk(forged(i), 1000 + i, NODE, 40011));
  await router.flood('lan', packets);
  assert.is(router.elements('skype_port_limit4').length, 64);
  const wan = sent('wan');
  await router.send('lan', talk('192.168.2.20', P2P, NODE, 40011));
  await router.send('lan', talk('192.168.2.20', P2P, PEER, 40000));
  assert.is(sent('wan') - wan, 0, 'packets of the call by the WAN');
  assert.is(held('skype_udpmac').size, 0);
});

test('a device asks 4,000 names under forty addresses: it has one share, and its flows are the crowd’s', async () => {
  router.load(compile(policyFrom({})));
  const ask = (src: string, dst: string, sport: number) =>
    udp({ src, dst, sport, dport: 53 }, new Uint8Array(30));
  const flood = Array.from({ length: 4000 }, (_, i) =>
    ask(`192.168.1.${100 + (i % 40)}`, i % 2 === 0 ? ROUTER : '10.20.0.53', 1024 + i),
  );
  const started = performance.now();
  await router.flood('lan', flood);
  await router.send('lan', ask(A, ROUTER, 5353), '02:00:00:00:00:77');
  const seconds = (performance.now() - started) / 1000;
  const told = router.announced().get('query') ?? 0;
  const share = 100 + 20 * (seconds + 1) + 1;
  // Watch mode: an answer beyond the share has passed and can only be learned.
  assert.ok(told > 400 && told <= 400 + 100 * (seconds + 1) + 1, `${told} told in ${seconds} s`);
  const entries = router.run('conntrack', '-L', '-p', 'udp', '--dport', '53').split('\n');
  const marked = (mark: number, address: string): number =>
    entries.filter((line) => line.includes(`src=${address}`) && line.includes(` mark=${mark} `))
      .length;
  const within = marked(0x0f000000, '192.168.1.1');
  assert.ok(within <= share, `${within} within the share`);
  assert.ok(marked(0x0d000000, '192.168.1.1') > 3000);
  assert.is(marked(0x0f000000, `${A} `), 1, 'another device has its own share');
});

test('a server on port 53 that sends without being asked: its flow is the crowd’s, others’ are not', async () => {
  const server = '203.0.113.99';
  // The header of a DNS answer, and bytes that are none.
  const message = fromHex('000781800001000000000000');
  const media = fromHex('80600007000000010000000100');
  for (const [payload, mark] of [
    [message, 0x0d000000],
    [media, 0x0f000000],
  ] as const) {
    router.load(compile(policyFrom({})));
    for (const src of [A, B]) {
      await router.send('lan', udp({ src, dst: server, sport: 5353, dport: 53 }));
    }
    const answer = (dst: string) => udp({ src: server, dst, sport: 53, dport: 5353 }, payload);
    const before = sent('br-lan');
    await router.flood(
      'wan',
      Array.from({ length: 2000 }, () => answer(A)),
    );
    await router.send('wan', answer(B));
    const entries = router.run('conntrack', '-L', '-p', 'udp', '--dport', '53').split('\n');
    const markOf = (address: string) =>
      entries.flatMap((line) =>
        line.includes(`src=${address} `) ? [/ mark=(\d+)/.exec(line)![1]] : [],
      );
    assert.equal([markOf(A), markOf(B)], [[`${mark}`], [`${0x0f000000}`]]);
    assert.ok(sent('br-lan') - before >= 2001, 'what is only watched passes');
  }
});

test.run();
