// The lab's verdict must fail: generated captures with one wrong packet each.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Evidence, judge } from '../lab/verdict/judge.ts';
import { readRecords } from '../lab/verdict/records.ts';
import { flowTable, summary } from '../lab/verdict/report.ts';
import { GROUPS } from '../lab/world/adversary-list.ts';
import {
  APPLICATION6,
  BANK_ADDRESS,
  HOME_ADDRESS,
  HOME6,
  LOCAL6,
  PROXY_ADDRESS,
  TAG,
  TUNNEL_HOME,
  UNRELATED6,
  v6Bytes,
} from '../lab/world/plan.ts';
import { addressBytes } from '../lab/world/speech.ts';

const START = 1_700_000_000;
const DEVICE = '192.168.1.11';
const NEIGHBOUR = '192.168.1.16';
const PEER = '86.128.10.3';
const STRANGER = '90.210.10.2';
const SUPERNODE = '64.4.23.140';
const WEB = '104.16.30.12';
const SHARED = '80.90.40.77';

interface Shape {
  readonly from: string;
  readonly to: string;
  readonly protocol?: number;
  readonly ports?: readonly [number, number];
  readonly tos?: number;
  /** Transport header and payload; the ports overwrite its first four bytes. */
  readonly body?: readonly number[];
  readonly length?: number;
}

function ipv4(shape: Shape): number[] {
  const body = [...(shape.body ?? new Array<number>(20).fill(0))];
  const ports = shape.ports;
  if (ports) body.splice(0, 4, ports[0] >> 8, ports[0] & 255, ports[1] >> 8, ports[1] & 255);
  const length = shape.length ?? 20 + body.length;
  const padded = [...body, ...new Array<number>(Math.max(0, length - 20 - body.length)).fill(0)];
  const head = [0x45, shape.tos ?? 0, length >> 8, length & 255, 0, 1, 0x40, 0, 64];
  const addresses = [...addressBytes(shape.from), ...addressBytes(shape.to)];
  return [...head, shape.protocol ?? 17, 0, 0, ...addresses, ...padded];
}

/** The same over IPv6, after a number of destination options headers. */
function ipv6(shape: Shape, options = 0): number[] {
  const body = [...(shape.body ?? new Array<number>(20).fill(0))];
  const ports = shape.ports;
  if (ports) body.splice(0, 4, ports[0] >> 8, ports[0] & 255, ports[1] >> 8, ports[1] & 255);
  const protocol = shape.protocol ?? 17;
  const more = Array.from({ length: options }, (_, i) => [
    i === options - 1 ? protocol : 60,
    ...[0, 1, 4, 0, 0, 0, 0],
  ]).flat();
  const tos = shape.tos ?? 0;
  const length = more.length + body.length;
  const head = [0x60 | (tos >> 4), (tos & 15) << 4, 0, 0, length >> 8, length & 255];
  const next = [options > 0 ? 60 : protocol, 64];
  return [...head, ...next, ...v6Bytes(shape.from), ...v6Bytes(shape.to), ...more, ...body];
}

/** In GRE with a key, from the router's end of the tunnel to the proxy. */
function tunnelled(shape: Shape): number[] {
  const six = shape.from.includes(':');
  const inner = six ? ipv6(shape) : ipv4(shape);
  const body = [0x20, 0, ...(six ? [0x86, 0xdd] : [8, 0]), 0, 0, 0x14, 0xb4, ...inner];
  return ipv4({ from: HOME_ADDRESS, to: PROXY_ADDRESS, protocol: 47, body });
}

/** A classic pcap of Ethernet frames; times in seconds after START. */
function pcap(packets: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  const little = (value: number): number[] => [0, 8, 16, 24].map((s) => (value >>> s) & 255);
  const bytes = [...little(0xa1b2c3d4), 2, 0, 4, 0, ...little(0), ...little(0), ...little(65535)];
  bytes.push(...little(1));
  for (const [time, packet] of packets) {
    const type = packet[0]! >> 4 === 6 ? [0x86, 0xdd] : [8, 0];
    const frame = [...new Array<number>(12).fill(2), ...type, ...packet];
    const whole = Math.floor(time);
    bytes.push(...little(START + whole), ...little(Math.round((time - whole) * 1e6)));
    bytes.push(...little(frame.length), ...little(frame.length), ...frame);
  }
  return Uint8Array.from(bytes);
}

const call = { from: DEVICE, to: PEER, ports: [23456, 20001], tos: TAG.application } as const;
const page = {
  from: DEVICE,
  to: WEB,
  ports: [40000, 443],
  tos: TAG.unrelated,
  protocol: 6,
} as const;
const BASE = {
  lan: [
    [1, ipv4(call)],
    [2, ipv4(page)],
  ] as [number, number[]][],
  isp: [
    [1.001, tunnelled({ ...call, from: TUNNEL_HOME })],
    [2.001, ipv4({ ...page, from: HOME_ADDRESS })],
  ] as [number, number[]][],
};

const STEPS = [{ name: 'call-out', ok: true, ms: 10 }];

interface Change {
  readonly lan?: readonly [number, number[]][];
  readonly isp?: readonly [number, number[]][];
  readonly steps?: readonly object[];
  readonly unfinished?: boolean;
  readonly view?: string;
  readonly expected?: number;
  /** The adversary's case in the session, and its device. */
  readonly attack?: { readonly name: string; readonly device: string };
}

function run(change: Change = {}) {
  const { name, device } = change.attack ?? { name: '', device: 'iphone' };
  const session = {
    device,
    session: name === '' ? 'iphone-01' : `adversary-${name}`,
    number: 1,
    kind: name === '' ? 'normal' : 'adversary',
    port: 23456,
  };
  const t = START * 1000 + 500;
  const steps = change.steps ?? STEPS;
  const lines: object[] = [{ t, event: 'begin', ...session }];
  if (!change.unfinished) lines.push({ t: t + 8000, event: 'end', start: t, steps, ...session });
  const from = change.view ?? PROXY_ADDRESS;
  const views = ['peer', 'directory'].map((role) =>
    role === 'peer'
      ? { event: 'seen', role, device: 0, session: 1, from }
      : { event: 'directory', device: 0, session: 1, from: PROXY_ADDRESS },
  );
  const text = (list: readonly object[]): string =>
    list.map((line) => JSON.stringify(line)).join('\n');
  const evidence: Evidence = {
    lan: pcap([...BASE.lan, ...(change.lan ?? [])].sort((a, b) => a[0] - b[0])),
    isp: pcap([...BASE.isp, ...(change.isp ?? [])].sort((a, b) => a[0] - b[0])),
    records: readRecords(
      new Map([
        ['device-iphone.jsonl', text(lines)],
        ['internet.jsonl', text(views)],
      ]),
    ),
    devices: new Map([
      [DEVICE, device],
      [NEIGHBOUR, 'neighbour'],
    ]),
    seed: 1,
    router: 'test',
    expectedSessions: change.expected ?? 1,
  };
  return judge(evidence);
}

test('a clean run passes', () => {
  const { result, flows } = run();
  assert.is(result.totals.ok, true, summary(result));
  assert.equal(result.sessions[0]!.applicationSeen, { lan: 1, tunnel: 1 });
  assert.is(result.sessions[0]!.unrelatedDirect, 1);
  assert.is(flows.length, 2);
  assert.match(flowTable(flows), /udp 23456 > 86\.128\.10\.3:20001 +application proxy/);
  assert.match(summary(result), /verdict: PASS/);
});

test('one leaked SYN fails it', () => {
  const syn = {
    ...call,
    protocol: 6,
    body: [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0],
  };
  const { result } = run({
    lan: [[3, ipv4(syn)]],
    isp: [[3.001, ipv4({ ...syn, from: HOME_ADDRESS })]],
  });
  assert.is(result.totals.leaked, 1);
  assert.is(result.totals.ok, false);
  assert.is(result.sessions[0]!.leaked, 1);
  assert.match(summary(result), /LEAK out protocol 6 .*verdict: FAIL/s);
});

test('an answer that comes outside the tunnel is a leak, too', () => {
  const answer = {
    from: PEER,
    to: HOME_ADDRESS,
    ports: [20001, 23456] as const,
    tos: TAG.application,
  };
  const { result } = run({ isp: [[1.02, ipv4(answer)]] });
  assert.is(result.sessions[0]!.leaked, 1);
  assert.is(result.sessions[0]!.leaks[0]!.direction, 'in');
});

test('one leaked ICMP error to a peer fails it, although no kernel tags it', () => {
  const quoted = ipv4({ from: PEER, to: HOME_ADDRESS, ports: [20001, 23456] });
  const body = [3, 3, 0, 0, 0, 0, 0, 0, ...quoted.slice(0, 28)];
  const icmp = ipv4({ from: HOME_ADDRESS, to: PEER, protocol: 1, tos: 0xc0, body });
  const { result } = run({ isp: [[1.5, icmp]] });
  assert.is(result.totals.leaked, 1);
  assert.is(result.sessions[0]!.leaked, 1);
});

test("a router's ICMP error about an application flow to somebody else is a leak", () => {
  const quoted = ipv4({ from: PEER, to: HOME_ADDRESS, ports: [20001, 23456] });
  const body = [11, 0, 0, 0, 0, 0, 0, 0, ...quoted.slice(0, 28)];
  const icmp = ipv4({ from: HOME_ADDRESS, to: '198.51.100.1', protocol: 1, body });
  assert.is(run({ isp: [[1.5, icmp]] }).result.totals.leaked, 1);
});

test('an untagged RST to an application address is a leak', () => {
  const body = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 4, 0, 0, 0, 0, 0, 0];
  const rst = ipv4({ from: HOME_ADDRESS, to: STRANGER, protocol: 6, ports: [4000, 5000], body });
  const { result } = run({ isp: [[1.5, rst]] });
  assert.is(result.totals.leaked, 1);
  assert.is(result.elsewhere.leaked, 1);
  assert.is(result.totals.ok, false);
});

test('a packet that was not even translated is a leak', () => {
  assert.is(run({ isp: [[1.5, ipv4(call)]] }).result.totals.leaked, 1);
});

test('one unrelated packet in GRE fails it', () => {
  const { result } = run({ isp: [[2.01, tunnelled({ ...page, from: TUNNEL_HOME })]] });
  assert.is(result.totals.unrelatedProxied, 1);
  assert.is(result.sessions[0]!.unrelatedProxied, 1);
  assert.is(result.totals.ok, false);
});

test('ECN bits do not hide a packet', () => {
  const marked = { ...call, from: HOME_ADDRESS, tos: TAG.application | 3 };
  assert.is(run({ isp: [[1.5, ipv4(marked)]] }).result.totals.leaked, 1);
});

test('an unrelated flow begun in a request window is counted apart', () => {
  const request = { from: SUPERNODE, to: DEVICE, ports: [40001, 23456] as const, length: 333 };
  const guest = { ...page, ports: [41000, 443] as const };
  const proxied = tunnelled({ ...guest, from: TUNNEL_HOME });
  const tagged = { ...request, tos: TAG.application };
  const inside = run({
    lan: [
      [3, ipv4(tagged)],
      [3.15, ipv4(guest)],
    ],
    isp: [[3.151, proxied]],
  }).result.totals;
  assert.is(inside.unrelatedInWindow, 1);
  assert.is(inside.unrelatedProxied, 0);
  const after = run({
    lan: [
      [3, ipv4(tagged)],
      [3.35, ipv4(guest)],
    ],
    isp: [[3.351, proxied]],
  }).result.totals;
  assert.is(after.unrelatedInWindow, 0);
  assert.is(after.unrelatedProxied, 1);
});

test('an address that serves both is judged by tag', () => {
  const torrent = {
    from: NEIGHBOUR,
    to: SHARED,
    ports: [51413, 6881] as const,
    tos: TAG.unrelated,
  };
  const direct = run({
    lan: [[3, ipv4(torrent)]],
    isp: [[3.001, ipv4({ ...torrent, from: HOME_ADDRESS })]],
  }).result.totals;
  assert.is(direct.ok, true);
  const proxied = run({
    lan: [[3, ipv4(torrent)]],
    isp: [[3.001, tunnelled({ ...torrent, from: TUNNEL_HOME })]],
  }).result.totals;
  assert.is(proxied.unrelatedProxied, 1);
});

test("the home's address in a peer's view fails it", () => {
  const { result } = run({ view: HOME_ADDRESS });
  assert.is(result.totals.homeSeen, 1);
  assert.is(result.totals.ok, false);
});

test('a missed step, an unfinished session and a missing session fail it', () => {
  const missed = run({ steps: [{ name: 'call-in', ok: false, ms: 5, why: 'no ring' }] }).result;
  assert.equal(missed.sessions[0]!.missedSteps, ['call-in: no ring']);
  assert.is(missed.totals.ok, false);
  assert.is(run({ unfinished: true }).result.totals.ok, false);
  assert.is(run({ expected: 2 }).result.totals.ok, false);
});

test('a session whose packets nobody saw proves nothing', () => {
  const records = run().result;
  assert.is(records.totals.ok, true);
  const unseen = judge({
    lan: pcap([]),
    isp: pcap([]),
    records: readRecords(
      new Map([
        [
          'device-iphone.jsonl',
          JSON.stringify({
            t: START * 1000,
            event: 'end',
            device: 'iphone',
            session: 'iphone-01',
            number: 1,
            kind: 'normal',
            port: 1,
            start: START * 1000 - 5000,
            steps: STEPS,
          }),
        ],
      ]),
    ),
    devices: new Map(),
    seed: 1,
    router: 'test',
    expectedSessions: 1,
  });
  assert.is(unseen.result.totals.ok, false);
});

test('the gap between a DNS answer and the SYN is read off the LAN wire', () => {
  const answer = { from: '192.168.1.1', to: DEVICE, ports: [53, 33000] as const };
  const syn = { ...call, protocol: 6, ports: [40100, 443] as const };
  const pounce = { event: 'pounce', queryPort: 33000, remote: PEER, port: 40100 };
  const { result } = judge({
    lan: pcap([
      [1, ipv4(answer)],
      [1.00009, ipv4(syn)],
    ]),
    isp: pcap([]),
    records: readRecords(new Map([['adversary-iphone.jsonl', JSON.stringify(pounce)]])),
    devices: new Map([[DEVICE, 'iphone']]),
    seed: 1,
    router: 'test',
    expectedSessions: 0,
  });
  assert.equal(result.timings.pounceMicroseconds, [90]);
});

for (const { device, cases } of GROUPS) {
  for (const name of cases) {
    const attack = { name, device };
    test(`adversary ${name} (${device}): one leaked packet, or one that is proxied for nothing, fails it`, () => {
      const clean = run({ attack });
      assert.is(clean.result.totals.ok, true, summary(clean.result));
      const leaked = run({ attack, isp: [[1.2, ipv4({ ...call, from: HOME_ADDRESS })]] });
      assert.is(leaked.result.sessions[0]!.leaked, 1);
      assert.is(leaked.result.totals.ok, false);
      const harmed = run({ attack, isp: [[2.1, tunnelled({ ...page, from: TUNNEL_HOME })]] });
      assert.is(harmed.result.sessions[0]!.unrelatedProxied, 1);
      assert.is(harmed.result.totals.ok, false);
    });
  }
}

test('a connection that its server has closed is the application to its last packet', () => {
  const last = { ...call, from: HOME_ADDRESS, protocol: 6, ports: [40100, 443] as const };
  const [push, fin, reset] = [0x18, 0x11, 0x04].map((flags) => {
    const body = [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
    return ipv4({ ...last, ...(flags === 4 ? { tos: 0 } : {}), body });
  });
  for (const one of [push!, fin!, reset!]) {
    assert.is(run({ isp: [[1.5, one]] }).result.totals.leaked, 1);
  }
});

test('a bank that a liar named is unrelated, whoever reaches it', () => {
  const visit = { ...page, to: BANK_ADDRESS };
  const proxied = run({
    lan: [[3, ipv4({ ...visit, from: NEIGHBOUR })]],
    isp: [[3.001, tunnelled({ ...visit, from: TUNNEL_HOME })]],
  }).result.totals;
  assert.is(proxied.unrelatedProxied, 1);
  assert.is(proxied.ok, false);
});

const six = {
  from: `${HOME6}::11`,
  to: `${APPLICATION6}::77`,
  ports: [23456, 22000],
  tos: TAG.application,
} as const;

test("the application's IPv6 beside the tunnel is a leak, behind other headers, too", () => {
  for (const options of [0, 1, 2]) {
    assert.is(run({ isp: [[1.5, ipv6(six, options)]] }).result.totals.leaked, 1, `${options}`);
  }
  const untagged = { ...six, tos: 0 };
  assert.is(run({ isp: [[1.5, ipv6(untagged)]] }).result.totals.leaked, 1);
  const answer = { ...six, from: six.to, to: six.from };
  const { leaks } = run({ isp: [[1.5, ipv6(answer)]] }).result.elsewhere;
  assert.equal(
    leaks.map(({ direction }) => direction),
    ['in'],
  );
});

test('IPv6 in the tunnel is no leak, that of others beside it neither', () => {
  const inside = run({ isp: [[1.5, tunnelled(six)]] }).result.totals;
  assert.is(inside.leaked, 0);
  assert.is(inside.applicationTunnel, 2);
  const others = { ...six, to: `${UNRELATED6}::9`, tos: TAG.unrelated };
  assert.is(run({ isp: [[1.5, ipv6(others)]] }).result.totals.leaked, 0);
  assert.is(run({ isp: [[1.5, tunnelled(others)]] }).result.totals.unrelatedProxied, 1);
  const local = { from: `${LOCAL6}::12`, to: `${LOCAL6}::1`, ports: [40000, 53] as const };
  assert.is(run({ lan: [[1.5, ipv6(local)]] }).result.totals.ok, true);
});

test('an ICMPv6 error about an application flow is a leak, although no kernel tags it', () => {
  const quoted = ipv6({ ...six, from: six.to, to: six.from, tos: 0 });
  const body = [1, 4, 0, 0, 0, 0, 0, 0, ...quoted.slice(0, 48)];
  const icmp = ipv6({ from: `${HOME6}::11`, to: '2001:db8:2::5', protocol: 58, body });
  assert.is(run({ isp: [[1.5, icmp]] }).result.totals.leaked, 1);
});

test('a capture that breaks off is no verdict', () => {
  const whole = pcap(BASE.isp);
  assert.throws(
    () =>
      judge({
        isp: whole.slice(0, -3),
        lan: pcap(BASE.lan),
        records: readRecords(new Map()),
        devices: new Map(),
        seed: 1,
        router: 'test',
        expectedSessions: 0,
      }),
    /cut off/,
  );
});

test.run();
