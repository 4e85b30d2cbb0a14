// replay/: generated captures: what is learned and when, by the capture's clock; every packet is counted once,
// on the path that would have carried it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mappedProfile, nat64Prefixes } from '../../../agent/src/policy/nat64.ts';
import { homePrefixes } from '../../../agent/src/replay/direction.ts';
import type { ReplayFlow } from '../../../agent/src/replay/flow-table.ts';
import { replayCapture } from '../../../agent/src/replay/replay.ts';
import type { ReplayReport } from '../../../agent/src/replay/report.ts';
import { concat, fromHex, put16, put32 } from '../../fixtures/bytes.ts';
import { answerTo, queryFor } from '../../fixtures/dns.ts';
import { fragmentsOf, icmpError, natPmp, tcp, udp, udpOfLength } from '../../fixtures/packets.ts';
import { captureOf, framesOf, type Timed } from '../../fixtures/pcap.ts';
import { policy, policyFrom, resolverBypass } from '../../fixtures/policies.ts';

const A = '192.168.1.10';
const B = '192.168.1.11';
const ROUTER = '192.168.1.1';
const NODE = '111.221.74.20';
const PEER = '198.51.100.40';
const WEB = '203.0.113.80';
const SKYPE_A = [203, 0, 113, 80];
const HOLDING = { ...policy, globals: { ...policy.globals, hold: true } };

function replay(packets: readonly Timed[], lan: readonly string[] = [], by = HOLDING) {
  const home = homePrefixes(lan);
  if (!home.ok) throw new Error(home.problems[0]!.what);
  const report = replayCapture(captureOf(packets), by, home.value);
  const { malformed, local, foreign, flows } = report;
  const booked = flows.reduce((sum, flow) => sum + flow.packets, 0);
  assert.is(report.packets, malformed + local + foreign + booked, 'every packet once');
  assert.is(report.packets, packets.length);
  return report;
}

/** "app/evidence packets direct rejected" of each row of a flow. */
function rows(report: ReplayReport, flow: string): string[] {
  const found = report.flows.filter((one: ReplayFlow) => one.flow === flow);
  return found.map(
    ({ app, evidence, packets, direct, rejected }) =>
      `${app ?? '-'}/${evidence} ${packets} ${direct} ${rejected}`,
  );
}

function there(src: string, sport: number, dst: string, dport: number): Uint8Array {
  return udp({ src, dst, sport, dport }, new Uint8Array(20));
}

const toNode = there(A, 13021, NODE, 40011);
const fromNode = there(NODE, 40011, A, 13021);

function query(name: string): Uint8Array {
  return udp({ src: A, dst: ROUTER, sport: 5000, dport: 53 }, queryFor(name));
}

function answer(from = ROUTER): Uint8Array {
  const record = { name: 'ui.skype.com', type: 1, ttl: 60, rdata: SKYPE_A };
  const message = answerTo('ui.skype.com', [record]);
  return udp({ src: from, dst: A, sport: 53, dport: 5000 }, message);
}

test('a flow that is cut: what its remote end still sends is dropped, not a direct flow of its own', () => {
  const report = replay([
    [0, there(A, 7000, WEB, 443)],
    [1, query('ui.skype.com')],
    [1.1, answer()],
    [2, there(A, 7000, WEB, 443)],
    [3, there(WEB, 443, A, 7000)],
    [4, there(A, 7000, WEB, 443)],
    [5, there(WEB, 443, A, 7000)],
  ]);
  // One direct packet; then a refused one and the remote end's; then the tunnel in both directions.
  const ends = [`udp ${A}:7000 ${WEB}:443`, `udp ${WEB}:443 ${A}:7000`];
  assert.equal(
    ends.flatMap((one) => rows(report, one)),
    ['-/ 1 1 0', 'skype/late 3 0 1', '-/ 1 0 1'],
  );
});

test('a supernode teaches the port, the port the peer, the peer any port', () => {
  const report = replay([
    [0, there(A, 50000, WEB, 7001)],
    [1.5, toNode],
    [1.6, fromNode],
    [2, there(A, 13021, PEER, 7000)],
    [3, there(A, 50000, PEER, 7001)],
    [4, there(A, 50000, WEB, 7001)],
  ]);
  assert.equal(report.ports, [
    { app: 'skype', address: A, protocol: 'udp', port: 13021, since_ms: 1500 },
  ]);
  assert.equal(report.supernodes, [NODE]);
  assert.equal(report.peers, [{ app: 'skype', address: A, remote: PEER }]);
  assert.equal(rows(report, `udp ${A}:13021 ${NODE}:40011`), ['skype/range 2 0 0']);
  assert.equal(rows(report, `udp ${A}:50000 ${PEER}:7001`), ['skype/peer 1 0 0']);
  assert.equal(rows(report, `udp ${A}:50000 ${WEB}:7001`), ['-/ 2 2 0']);
  assert.equal(report.evidence, { 'skype peer': 1, 'skype port': 1, 'skype range': 1 });
  assert.is(report.totals.proxied_packets, 4);
  assert.is(report.totals.early_packets, 0);
});

test("a range is the application's behind NAT64 as well, and teaches the port", () => {
  const prefixes = nat64Prefixes(['2001:db8:64::/96']);
  const profile = mappedProfile(HOLDING.apps[0]!.profile, prefixes);
  const globals = { ...HOLDING.globals, nat64: ['2001:db8:64::/96'] };
  const by = { ...HOLDING, globals, apps: [{ ...HOLDING.apps[0]!, profile }] };
  const device = 'fd00:1::10';
  const known = '64:ff9b::6fdd:4a14';
  const own = '2001:db8:64::6fdd:4a15';
  const packets: Timed[] = [
    [0, there(device, 13021, known, 40011)],
    [1, there(device, 13022, own, 40011)],
    [2, there(device, 13021, '64:ff9b::198.51.100.40', 7000)],
    [3, there(device, 13023, '64:ff9b::111.221.75.1', 40011)],
  ];
  const report = replay(packets, ['fd00:1::/64'], by);
  assert.equal(rows(report, `udp [${device}]:13021 [${known}]:40011`), ['skype/range 1 0 0']);
  assert.equal(rows(report, `udp [${device}]:13022 [${own}]:40011`), ['skype/range 1 0 0']);
  assert.equal(report.evidence, { 'skype port': 1, 'skype range': 2 });
  assert.is(report.totals.direct_packets, 1);
});

test('bytes are IP lengths, whatever the frame was padded to', () => {
  const short = there(A, 50000, WEB, 7001);
  const report = replay([[0, concat(short, new Uint8Array(12))]]);
  assert.is(report.totals.direct_bytes, short.length);
});

test('a flow from before its evidence: direct, refused once, then proxied', () => {
  const early = there(A, 13021, PEER, 7000);
  const report = replay([
    [0, early],
    [1, toNode],
    [2, early],
    [3, early],
  ]);
  assert.equal(rows(report, `udp ${A}:13021 ${PEER}:7000`), ['-/ 1 1 0', 'skype/late 2 0 1']);
  assert.is(report.totals.early_flows, 1);
  assert.is(report.totals.early_packets, 1);
  assert.is(report.totals.rejected_packets, 1);
});

test('a resolver at a private address that is no device of the home is heard, its answers too', () => {
  for (const resolver of ['10.20.0.53', '192.168.0.1', '100.64.0.53']) {
    const asked = udp({ src: A, dst: resolver, sport: 5000, dport: 53 }, queryFor('ui.skype.com'));
    const report = replay(
      [
        [0, asked],
        [0.1, answer(resolver)],
        [0.2, there(A, 50000, WEB, 443)],
      ],
      ['192.168.1.0/24'],
    );
    assert.equal(rows(report, `udp ${A}:50000 ${WEB}:443`), ['skype/peer 1 0 0'], resolver);
  }
});

test('flows that begin outside: let in before the port is known, refused after', () => {
  const knock = there(PEER, 7000, A, 13021);
  const report = replay([
    [0, knock],
    [1, toNode],
    [2, there(WEB, 7000, A, 13021)],
  ]);
  assert.equal(rows(report, `udp ${PEER}:7000 ${A}:13021`), ['-/ 1 1 0']);
  assert.equal(rows(report, `udp ${WEB}:7000 ${A}:13021`), ['skype/inbound 1 0 1']);
  assert.is(report.totals.inbound_flows, 2);
  assert.is(report.totals.inbound_packets, 2);
  assert.is(report.totals.proxied_flows, 1);
});

test('a connection older than the capture is named from the device, whoever speaks first', () => {
  const [src, dst] = [WEB, A];
  const report = replay([
    [0, tcp({ src, dst, sport: 443, dport: 50000 }, 'A')],
    [1, tcp({ src: A, dst: WEB, sport: 50000, dport: 443 }, 'A')],
  ]);
  const [flow] = report.flows;
  assert.equal([flow?.flow, flow?.began], [`tcp ${A}:50000 ${WEB}:443`, 'before']);
  assert.is(report.totals.inbound_flows, 0);
});

test('the ports and endpoints of a report include what has expired', () => {
  const by = policyFrom({ profile: { ports: { leaseSeconds: 10 } } });
  const report = replay(
    [
      [0, toNode],
      [1, query('ui.skype.com')],
      [1, answer()],
      [2, there(A, 50000, WEB, 443)],
      [60, there(A, 13021, PEER, 7000)],
      [312, there(A, 50001, WEB, 443)],
      [313, there(B, 50001, WEB, 443)],
    ],
    [],
    by,
  );
  assert.is(report.ports.length, 1);
  assert.equal(report.endpoints, [{ app: 'skype', remote: WEB, name: 'ui.skype.com' }]);
  assert.equal(rows(report, `udp ${A}:50000 ${WEB}:443`), ['skype/addr 1 0 0']);
  assert.equal(rows(report, `udp ${A}:13021 ${PEER}:7000`), ['-/ 1 1 0'], 'the lease is over');
  // A TTL of 60 s counts as 300 s (ttlMinimumSeconds), from 1 s on; the kernel keeps it ten seconds longer.
  assert.equal(rows(report, `udp ${B}:50001 ${WEB}:443`), ['-/ 1 1 0'], 'the TTL is over');
  assert.equal(rows(report, `udp ${A}:50001 ${WEB}:443`), ['skype/peer 1 0 0'], 'it has used it');
});

/** The rows of a capture of Ethernet frames; `macOf` returns the sender's MAC. */
function framed(packets: readonly Timed[], macOf: (packet: Uint8Array) => number): ReplayReport {
  const file = framesOf(packets, (packet) => Uint8Array.of(2, 0, 0, 0, 0, macOf(packet)));
  const home = homePrefixes([]);
  return replayCapture(file, HOLDING, home.ok ? home.value : []);
}

test('names asked over IPv6 and a mapping over IPv4 are one device’s, by the MAC of its frames', () => {
  const mapping = udp({ src: A, dst: ROUTER, sport: 6000, dport: 5351 }, natPmp(1, 13021, 3600));
  const ends = { src: 'fd00:1::10', dst: 'fd00:1::1', sport: 5000, dport: 53 };
  const asks = udp(ends, queryFor('ui.skype.com'));
  const played = (at: number, six: number): string[] => {
    const packets: Timed[] = [
      [0, asks],
      [at, mapping],
      [at + 1, there(A, 13021, PEER, 7000)],
    ];
    const report = framed(packets, (packet) => (packet === asks ? six : 10));
    return rows(report, `udp ${A}:13021 ${PEER}:7000`);
  };
  assert.equal(played(1, 10), ['skype/port 1 0 0']);
  assert.equal(played(9, 10), ['-/ 1 1 0'], 'the window is over');
  assert.equal(played(1, 11), ['-/ 1 1 0'], 'another device asked');
});

test('a MAC that sends for many addresses is another router’s: addresses tell its devices', () => {
  const others = [31, 32, 33, 34].map(
    (last, i): Timed => [i, there(`192.168.50.${last}`, 9, WEB, 9)],
  );
  const packets: Timed[] = [
    ...others,
    [10, there('192.168.50.31', 13021, NODE, 40011)],
    [11, there('192.168.50.31', 13021, PEER, 7000)],
    [12, there('192.168.50.32', 13021, PEER, 7000)],
  ];
  const report = framed(packets, () => 99);
  assert.equal(rows(report, `udp 192.168.50.31:13021 ${PEER}:7000`), ['skype/port 1 0 0']);
  assert.equal(rows(report, `udp 192.168.50.32:13021 ${PEER}:7000`), ['-/ 1 1 0']);
});

test('an endpoint polled more seldom than its name lives is proxied as long as it is used', () => {
  const polls = Array.from({ length: 12 }, (_, i): Timed => {
    return [2 + i * 150, tcp({ src: A, dst: WEB, sport: 50000 + i, dport: 443 }, 'S')];
  });
  const report = replay([[0.9, query('ui.skype.com')], [1, answer()], ...polls]);
  assert.is(report.totals.direct_packets, 0);
  assert.is(report.totals.proxied_flows, 12);
});

test('time that steps back stands still', () => {
  const report = replay([
    [10, toNode],
    [0, there(A, 13021, PEER, 7000)],
  ]);
  assert.is(report.length_ms, 0);
  assert.is(report.totals.proxied_flows, 2);
});

test('a DNS answer teaches whoever gave it, and not an address of the home', () => {
  for (const [resolver, evidence] of [
    [ROUTER, 'addr'],
    ['9.9.9.9', 'peer'],
  ] as const) {
    const asked = udp({ src: A, dst: resolver, sport: 5000, dport: 53 }, queryFor('ui.skype.com'));
    const report = replay([
      [0, asked],
      [0.1, answer(resolver)],
      [0.2, there(A, 50000, WEB, 443)],
    ]);
    assert.equal(rows(report, `udp ${A}:50000 ${WEB}:443`), [`skype/${evidence} 1 0 0`], resolver);
  }
  const asked: Timed = [0, query('ui.skype.com')];
  const own = replay([asked, [0, answer()]], [`${WEB}/32`, '192.168.1.0/24']);
  assert.equal(own.endpoints, []);
});

test('an answer whose query is not in the capture teaches nothing, and the report says so', () => {
  const report = replay([
    [0, answer()],
    [1, query('ui.skype.com')],
    [1.1, there(A, 50000, WEB, 443)],
  ]);
  assert.is(report.unasked, 1);
  assert.equal(report.endpoints, []);
  assert.equal(rows(report, `udp ${A}:50000 ${WEB}:443`), ['-/ 1 1 0']);
});

test('from port 53 to port 53 the asked one answers', () => {
  const record = { name: 'ui.skype.com', type: 1, ttl: 60, rdata: SKYPE_A };
  const message = answerTo('ui.skype.com', [record]);
  const report = replay([
    [0, udp({ src: A, dst: ROUTER, sport: 53, dport: 53 }, queryFor('ui.skype.com'))],
    [0.1, udp({ src: ROUTER, dst: A, sport: 53, dport: 53 }, message)],
  ]);
  assert.is(report.endpoints.length, 1);
});

test('DNS over TCP, the answer in two segments', () => {
  const record = { name: 'ui.skype.com', type: 1, ttl: 60, rdata: SKYPE_A };
  const message = answerTo('ui.skype.com', [record]);
  const framed = concat([message.length >> 8, message.length & 255], message);
  const asked = queryFor('ui.skype.com');
  const framedQuery = concat([asked.length >> 8, asked.length & 255], asked);
  const [up, down] = [
    { src: A, dst: ROUTER, sport: 5000, dport: 53 },
    { src: ROUTER, dst: A, sport: 53, dport: 5000 },
  ];
  const numbered = (sequence: number, bytes: Uint8Array): Uint8Array => {
    put32(bytes, 24, sequence);
    return bytes;
  };
  const segment = (sequence: number, flags: string, payload = new Uint8Array(0)): Uint8Array =>
    numbered(sequence, tcp(down, flags, payload));
  const report = replay([
    [0, numbered(7, tcp(up, 'S'))],
    [0.01, segment(99, 'SA')],
    [0.02, numbered(8, tcp(up, 'A'))],
    [0.02, numbered(8, tcp(up, 'PA', framedQuery))],
    [0.03, segment(100, 'PA', framed.slice(0, 10))],
    [0.04, segment(110, 'PA', framed.slice(10))],
    [0.05, there(A, 50000, WEB, 443)],
  ]);
  assert.is(report.local, 6);
  assert.equal(rows(report, `udp ${A}:50000 ${WEB}:443`), ['skype/addr 1 0 0']);
});

test('a mapping counts 3.9 s after the question, not 4.1 s', () => {
  for (const [delay, ports] of [
    [3.9, 1],
    [4.1, 0],
  ] as const) {
    const mapping = udp({ src: A, dst: ROUTER, sport: 5001, dport: 5351 }, natPmp(1, 13021, 3600));
    const report = replay([
      [0, query('ui.skype.com')],
      [delay, mapping],
    ]);
    assert.is(report.ports.length, ports, `${delay} s`);
  }
});

test('a request opens the window for 200 ms', () => {
  const request = udpOfLength({ src: NODE, dst: A, sport: 40011, dport: 13021 }, 335);
  const report = replay([
    [0, toNode],
    [1, request],
    [1.15, there(A, 50000, WEB, 443)],
    [1.25, there(A, 50001, WEB, 443)],
  ]);
  assert.equal(rows(report, `udp ${A}:50000 ${WEB}:443`), ['skype/window 1 0 0']);
  assert.equal(rows(report, `udp ${A}:50001 ${WEB}:443`), ['-/ 1 1 0']);
});

test('ICMP errors belong to the flow they quote, on its path', () => {
  const direct = there(A, 50000, WEB, 7001);
  const report = replay([
    [0, toNode],
    [0.1, icmpError({ src: '100.64.0.1', dst: A }, toNode.slice(0, 28))],
    [0.2, icmpError({ src: A, dst: NODE }, fromNode.slice(0, 28))],
    [1, direct],
    [1.1, icmpError({ src: '198.18.0.1', dst: A }, direct.slice(0, 28))],
  ]);
  assert.equal(rows(report, `udp ${A}:13021 ${NODE}:40011`), ['skype/range 3 0 0']);
  assert.equal(rows(report, `udp ${A}:50000 ${WEB}:7001`), ['-/ 2 2 0']);
});

test('fragments go with the first one, and teach once', () => {
  const whole = udp({ src: A, dst: NODE, sport: 13021, dport: 40011 }, new Uint8Array(100));
  const pieces = fragmentsOf(whole, 48);
  const report = replay(pieces.map((piece, i): Timed => [i / 100, piece]));
  assert.equal(rows(report, `udp ${A}:13021 ${NODE}:40011`), [`skype/range ${pieces.length} 0 0`]);
  assert.equal(report.evidence, { 'skype range': 1 });
  assert.is(replay([[0, pieces[1]!]]).malformed, 1);
});

test('IPv6 devices: unique local ones are at home, global ones by --lan', () => {
  const node = '2a01:111:74::20';
  const local = replay([[0, there('fd00:1::10', 13021, node, 40011)]]);
  assert.is(local.ports[0]?.address, 'fd00:1::10');
  const packets: Timed[] = [
    [0, there('2001:db8:7::10', 13021, node, 40011)],
    [1, toNode],
  ];
  const unnamed = replay(packets);
  assert.equal([unnamed.foreign, unnamed.ports.length], [1, 1]);
  const named = replay(packets, ['2001:db8:7::/64']);
  assert.equal([named.foreign, named.ports.length], [0, 2], 'and IPv4 stays as it was');
});

test('what is not for the Internet is local', () => {
  const group = (src: string, dst: string) => there(src, 5353, dst, 5353);
  const report = replay([
    [0, group(A, '224.0.0.251')],
    [0, group(A, '255.255.255.255')],
    [0, group('0.0.0.0', '255.255.255.255')],
    [0, group('fe80::1', 'ff02::fb')],
    [0, group('fe80::1', 'fe80::2')],
    [0, group(A, '192.168.1.11')],
  ]);
  assert.is(report.local, 6);
});

test('a full set makes room as the agent does', () => {
  const by = policyFrom({
    profile: { caps: { endpoints: 4, ports: 64, peers: 4, devices: 64 } },
  });
  const packets: Timed[] = [];
  // Eviction runs at most every five seconds, and not for the packet that found the set full.
  for (let i = 1; i <= 8; i++) {
    packets.push([i * 6, there(`192.168.1.${20 + i}`, 13021, NODE, 40011)]);
    packets.push([i * 6 + 1, there(`192.168.1.${20 + i}`, 13021, `198.51.100.${30 + i}`, 7000)]);
  }
  packets.push([60, there('192.168.1.28', 50000, '198.51.100.38', 7001)]);
  const report = replay(packets, [], by);
  assert.equal(rows(report, 'udp 192.168.1.28:50000 198.51.100.38:7001'), ['skype/peer 1 0 0']);
});

test('bytes that lie are counted, a file cut short says where', () => {
  const lying = there(A, 1, WEB, 2);
  put16(lying, 24, 9999);
  assert.is(replay([[0, lying]]).malformed, 1);
  const file = captureOf([
    [0, toNode],
    [1, toNode],
  ]);
  const home = homePrefixes([]);
  if (!home.ok) throw new Error('no prefixes');
  const cut = replayCapture(file.slice(0, -3), policy, home.value);
  assert.match(cut.broken ?? '', /packet 2 cut off/);
  assert.is(cut.packets, 1);
  assert.match(replayCapture(fromHex('00'), policy, home.value).broken ?? '', /magic/);
});

test('packets that the capture cut short are counted, and those that would have taught', () => {
  const cutTo = (size: number, packets: readonly Timed[]): Uint8Array => {
    const whole = captureOf(packets);
    const out: number[] = [...whole.slice(0, 24)];
    const view = new DataView(whole.buffer);
    for (let at = 24; at < whole.length; ) {
      const length = view.getUint32(at + 8, true);
      const kept = Math.min(size, length);
      out.push(...whole.slice(at, at + 8), kept, 0, 0, 0, ...whole.slice(at + 12, at + 16));
      out.push(...whole.slice(at + 16, at + 16 + kept));
      at += 16 + length;
    }
    return Uint8Array.from(out);
  };
  const home = homePrefixes([]);
  if (!home.ok) throw new Error('no prefixes');
  const packets: Timed[] = [
    [0, query('ui.skype.com')],
    [0.1, answer()],
    [0.2, there(A, 50000, WEB, 443)],
  ];
  const whole = replayCapture(cutTo(255, packets), HOLDING, home.value);
  assert.equal([whole.cut, whole.cut_unread, whole.unread], [0, 0, 0]);
  assert.is(whole.totals.proxied_flows, 1);
  const cut = replayCapture(cutTo(48, packets), HOLDING, home.value);
  assert.equal([cut.cut, cut.cut_unread, cut.packets], [2, 1, 3]);
  assert.match(cut.unread_reason ?? '', /DNS answer to 192\.168\.1\.10: .*cut off/);
  // The IP header is cut: malformed, and counted as cut.
  const bare = replayCapture(cutTo(12, packets), HOLDING, home.value);
  assert.equal([bare.cut, bare.malformed], [3, 3]);
});

test('TLS hellos that the policy would read are counted', () => {
  const reading = (hello: 'watch' | 'hold') => ({
    ...HOLDING,
    resolverBypass: { ...resolverBypass, hello },
  });
  const ends = { src: A, dst: WEB, sport: 40000, dport: 443 };
  const packets: Timed[] = [
    [0, tcp(ends, 'S')],
    [0.1, tcp({ src: WEB, dst: A, sport: 443, dport: 40000 }, 'SA')],
    [0.2, tcp(ends, 'PA', fromHex('1603010100 01000000'))],
  ];
  for (const mode of ['watch', 'hold'] as const) {
    assert.is(replay(packets, [], reading(mode)).hellos, 1, mode);
  }
  assert.is(replay(packets).hellos, 0);
});

test('an app whose devices are told by MAC: by the frames, and said where they have none', () => {
  const [app] = HOLDING.apps;
  const mine = { ...HOLDING, apps: [{ ...app!, macs: ['02:00:00:00:00:11'] }] };
  const raw = replay([[0, toNode]], [], mine);
  assert.is(raw.totals.direct_flows, 1);
  assert.match(raw.unmodelled.join(), /^1 packet without a MAC, which skype knows/);
  const home = homePrefixes([]);
  if (!home.ok) throw new Error('no prefixes');
  for (const [last, proxied] of [
    [0x11, 1],
    [0x12, 0],
  ] as const) {
    const frame = concat(fromHex('020000000001 0200000000'), [last], [8, 0], toNode);
    const ethernet = captureOf([[0, frame]]);
    ethernet[20] = 1;
    const report = replayCapture(ethernet, mine, home.value);
    assert.is(report.totals.proxied_flows, proxied);
    assert.equal(report.unmodelled, []);
  }
});

test('hours are not played, and that is said', () => {
  const [app] = HOLDING.apps;
  const timed = { ...HOLDING, apps: [{ ...app!, schedule: [[0, 1] as const] }] };
  assert.match(replay([[0, toNode]], [], timed).unmodelled.join(), /the hours of skype/);
});

test('--lan that is no prefix says so', () => {
  const wrong = homePrefixes(['192.168.1.0/24', 'home']);
  assert.is(wrong.ok, false);
  if (!wrong.ok) assert.is(wrong.problems[0]?.where, '--lan home');
});

test("a device that slept for three days wakes as the application's; a mapping keeps a port for good", () => {
  const DAY = 86_400;
  const by = policyFrom({
    profile: { ports: { leaseSeconds: 7 * DAY }, peers: { enabled: true, leaseSeconds: 4 * DAY } },
  });
  const map = udp({ src: A, dst: ROUTER, sport: 6000, dport: 5351 }, natPmp(1, 13021, 7200));
  const report = replay(
    [
      [0, toNode],
      [1, there(A, 13021, PEER, 7000)],
      [3 * DAY, there(A, 50000, PEER, 443)],
      [3 * DAY + 1, there(A, 13021, WEB, 7000)],
      // A week in which the device only renews its mapping, once a day.
      ...Array.from({ length: 20 }, (_, i): Timed => [(4 + i) * DAY, map]),
      [24 * DAY, there(A, 13021, WEB, 7001)],
      [24 * DAY + 1, there(A, 50001, PEER, 443)],
      [35 * DAY, there(A, 13021, WEB, 7002)],
    ],
    [],
    by,
  );
  assert.equal(rows(report, `udp ${A}:50000 ${PEER}:443`), ['skype/peer 1 0 0']);
  assert.equal(rows(report, `udp ${A}:13021 ${WEB}:7000`), ['skype/port 1 0 0']);
  assert.equal(rows(report, `udp ${A}:13021 ${WEB}:7001`), ['skype/port 1 0 0']);
  assert.equal(rows(report, `udp ${A}:50001 ${PEER}:443`), ['-/ 1 1 0'], 'nobody spoke to it');
  assert.equal(rows(report, `udp ${A}:13021 ${WEB}:7002`), ['-/ 1 1 0'], 'released long ago');
});

test.run();
