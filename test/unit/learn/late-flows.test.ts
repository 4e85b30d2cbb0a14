// learn/late-flows: flows that ran direct before there was evidence for them. From the event that is evidence
// to the connections that are cut: those of the evidence and no others.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  groundsOf,
  isOldDns,
  lateConnections,
  peerText,
  portText,
  type Recheck,
  unbackedPair,
} from '../../../agent/src/learn/late-flows.ts';
import type { Connection } from '../../../agent/src/netlink/conntrack.ts';
import { ownRange } from '../../../agent/src/policy/build-rules.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { createState, type Event } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { span } from '../../fixtures/bytes.ts';
import { answerTo } from '../../fixtures/dns.ts';
import { askedEvents } from '../../fixtures/dns-events.ts';
import { natPmp, udp } from '../../fixtures/packets.ts';
import { udp4 } from '../../fixtures/plain-packets.ts';
import { app, policyFrom } from '../../fixtures/policies.ts';

const HOME = '198.51.100.10';
const ROUTER = '192.168.1.1';
const PHONE = '192.168.1.11';
const MAC = '02:00:00:00:00:0b';
const PHONE6 = '2001:db8:1::b';
const OTHER = '192.168.1.12';
const NODE = '111.221.74.20';
const PEER = '86.128.10.1';
const setting = {
  isOwn: (address: string) => address === HOME || address === ROUTER,
  macOf: (address: string) =>
    address === PHONE || address === PHONE6 ? '02:00:00:00:00:0b' : null,
  gateways: new Set<string>(),
};
const policy: Policy = policyFrom({});

/** A direct connection as conntrack lists it: source NAT to the router's address. */
function direct(device: string, port: number, remote: string, remotePort: number, tcp = false) {
  const protocol = tcp ? 6 : 17;
  const ends = { protocol, sourcePort: port, destinationPort: remotePort };
  const back = { protocol, sourcePort: remotePort, destinationPort: port };
  return {
    family: 4,
    original: { ...ends, source: device, destination: remote },
    reply: { ...back, source: remote, destination: HOME },
    status: 0,
    mark: 0,
    id: 1,
    zone: 0,
    timeout: 100,
    packets: { original: 1, reply: 1 },
    bytes: { original: 100, reply: 100 },
  } satisfies Connection;
}

/** A connection by a port forward: from outside to the router, answered by `device`. */
function inbound(device: string, port: number, remote: string): Connection {
  const one = direct(device, port, remote, 5000);
  const original = { ...one.original, source: remote, sourcePort: 5000 };
  return {
    ...one,
    original: { ...original, destination: HOME, destinationPort: port },
    reply: { ...one.reply, source: device, sourcePort: port, destination: remote },
  };
}

/** The requests for another look at conntrack that `events` cause, each with its time. */
function rechecksOf(
  events: readonly (readonly [at: number, Event])[],
  { of = policy } = {},
): [number, Recheck][] {
  const state = createState(of, () => false);
  return events.flatMap(([at, event]) =>
    step(state, event, at).flatMap((effect): [number, Recheck][] =>
      effect.kind === 'late' ? [[at, effect.recheck]] : [],
    ),
  );
}

function cutBy(recheck: Recheck, connections: readonly Connection[]): Connection[] {
  return lateConnections(connections, [groundsOf(app, [recheck])], setting, false);
}
const shown = (prefix: string, bytes: Uint8Array): Event => ({
  kind: 'evidence',
  mac: null,
  prefix,
  ...span(bytes),
});

test('the agent is enabled during a call: what the ranges and the port they show speak for is cut', () => {
  const node = direct(PHONE, 13021, NODE, 40001);
  const media = direct(PHONE, 13021, PEER, 20000);
  const login = direct(PHONE, 50001, '91.190.216.23', 12350, true);
  const web = direct(PHONE, 50002, '104.16.30.9', 443, true);
  const others = direct(OTHER, 13021, PEER, 20000);
  const router = { ...node, original: { ...node.original, source: HOME } };
  const all = [media, node, login, web, others, router];
  const grounds = groundsOf(app);
  assert.equal(
    new Set(lateConnections(all, [grounds], setting, true)),
    new Set([node, login, media]),
  );
  assert.equal(Array.from(grounds.ports), [
    portText(PHONE, 'udp', 13021),
    portText(MAC, 'udp', 13021),
  ]);
});

test('what stays at home is not cut; a check that left by the WAN is, and shows no peer', () => {
  const grounds = groundsOf(app, [
    { kind: 'port', app: app.name, device: PHONE, mac: null, protocol: 'udp', port: 13021 },
  ]);
  const home = direct(PHONE, 13021, '192.168.2.20', 20000);
  const within = { ...home, reply: { ...home.reply, destination: PHONE } };
  const six = {
    ...within,
    family: 6,
    original: { ...home.original, source: 'fd00:1::10', destination: 'fd00:2::20' },
    reply: { ...home.reply, source: 'fd00:2::20', destination: 'fd00:1::10' },
  } as const;
  const check = direct(PHONE, 13021, '10.9.9.9', 20000);
  assert.equal(lateConnections([within, six, check], [grounds], setting, true), [check]);
  assert.is(grounds.peers.size, 0);
});

test('a call whose media is another port: the P2P port shows the peer, in as many looks as it takes', () => {
  const media = direct(PHONE, 40017, PEER, 30000);
  const talk = direct(PHONE, 13021, PEER, 20000);
  const node = direct(PHONE, 13021, NODE, 40001);
  const beside = direct(PHONE, 40017, '90.210.10.1', 30000);
  const stranger = inbound(PHONE, 13021, '90.210.10.1');
  const others = direct(OTHER, 40017, PEER, 30000);
  const grounds = groundsOf(app);
  const left = new Set([media, beside, others, talk, stranger, node]);
  // The kernel lists one connection after the other; a connection that was found is removed.
  const look = (): string[] =>
    Array.from(left).flatMap((one) => {
      const found = lateConnections([one], [grounds], setting, true);
      for (const gone of found) left.delete(gone as typeof media);
      return found.map(({ original }) => `${original.sourcePort} > ${original.destination}`);
    });
  assert.equal(look(), [`13021 > ${NODE}`]);
  assert.equal(look(), [`13021 > ${PEER}`, `5000 > ${HOME}`]);
  assert.equal(look(), [`40017 > ${PEER}`]);
  assert.equal(left, new Set([beside, others]));
  assert.equal(Array.from(grounds.peers), [peerText(PHONE, PEER), peerText(MAC, PEER)]);
});

test('an address learned late: once, when it is new; the flow to it is cut, others are not', () => {
  const rdata = Uint8Array.of(203, 0, 113, 7);
  const message = answerTo('ui.skype.com', [{ name: '@12', type: 1, ttl: 600, rdata }]);
  const bytes = udp4([192, 168, 1, 1], 53, [192, 168, 1, 11], 40000, message);
  const [query, answer] = askedEvents(bytes);
  const rechecks = rechecksOf(
    [1000, 2000, 500_000].flatMap((at): [number, Event][] => [
      [at, query],
      [at, answer],
    ]),
  );
  const recheck: Recheck = { kind: 'address', app: 'skype', remote: '203.0.113.7' };
  assert.equal(rechecks, [[1000, recheck]]);
  const [to, beside] = [direct(PHONE, 1, '203.0.113.7', 443, true), direct(PHONE, 1, PEER, 443)];
  assert.equal(cutBy(recheck, [to, beside]), [to]);
});

test('a port that a supernode, a mapping or a peer shows: its flows, either way round', () => {
  const known = udp({ src: PHONE, dst: NODE, sport: 13021, dport: 40001 }, new Uint8Array(30));
  const map = udp({ src: PHONE, dst: ROUTER, sport: 6000, dport: 5351 }, natPmp(1, 13021, 3600));
  const rechecks = rechecksOf([
    [1000, shown('whp:range:skype', known)],
    [9000, shown('whp:mapping:skype', map)],
  ]);
  const ends = { app: 'skype', device: PHONE, mac: null } as const;
  const recheck: Recheck = { kind: 'port', ...ends, protocol: 'udp', port: 13021 };
  assert.equal(rechecks, [
    [1000, recheck],
    [9000, recheck],
  ]);
  const media = direct(PHONE, 13021, PEER, 20000);
  const stranger = inbound(PHONE, 13021, '90.210.10.1');
  const game = direct(PHONE, 3074, '172.65.200.10', 3074);
  const same = direct(OTHER, 13021, PEER, 20000);
  const tcp = direct(PHONE, 13021, PEER, 20000, true);
  // All flows between the device and a peer of its port are the app's.
  assert.equal(cutBy(recheck, [media, stranger, game, same, tcp]), [media, stranger, tcp]);
});

test('a range that shows the port does so behind an earlier one that has the address and shows none', () => {
  const [range] = app.profile.ranges;
  const wide = { ...range!, learn: [] };
  const of = policyFrom({ profile: { ranges: [wide, ...app.profile.ranges] } });
  const known = udp({ src: PHONE, dst: NODE, sport: 13021, dport: 40001 }, new Uint8Array(30));
  const ends = { app: 'skype', device: PHONE, mac: null } as const;
  const recheck: Recheck = { kind: 'port', ...ends, protocol: 'udp', port: 13021 };
  const rechecks = rechecksOf([[1000, shown('whp:range:skype', known)]], { of });
  assert.equal(rechecks, [[1000, recheck]]);
});

test('a port that one address of a device shows is the port of all its addresses', () => {
  const recheck = (mac: string | null): Recheck => {
    const ends = { app: 'skype', device: PHONE, mac } as const;
    return { kind: 'port', ...ends, protocol: 'udp', port: 13021 };
  };
  const six = direct(PHONE6, 13021, '2600:1406:3a::34', 20000);
  const others = direct('2001:db8:1::c', 13021, '2600:1406:3a::34', 20000);
  const mac = '02:00:00:00:00:0b';
  assert.equal(cutBy(recheck(mac), [six, others]), [six]);
  assert.equal(cutBy(recheck(null), [six, others]), []);
  // The MAC of another router identifies no device: only the address counts.
  const routed = { ...setting, gateways: new Set([mac]) };
  const cut = lateConnections([six], [groundsOf(app, [recheck(mac)])], routed, false);
  assert.equal(cut, []);
});

test('a range shows the port for all addresses of the device', () => {
  const grounds = groundsOf(app);
  const node = direct(PHONE, 13021, NODE, 40001);
  const six = direct(PHONE6, 13021, '2600:1406:3a::34', 20000);
  assert.equal(lateConnections([node, six], [grounds], setting, true), [node, six]);
  const names = [`${PHONE} udp 13021`, '02:00:00:00:00:0b udp 13021'];
  assert.equal(Array.from(grounds.ports), names);
});

test('an app of other devices, a destination that is excepted: their flows stay', () => {
  const node = direct(PHONE, 13021, NODE, 40001);
  const cut = (change: Partial<typeof app>) =>
    lateConnections([node], [groundsOf({ ...app, ...change })], setting, true).length;
  assert.is(cut({}), 1);
  assert.is(cut({ devices: [OTHER] }), 0);
  assert.is(cut({ devices: [OTHER], macs: ['02:00:00:00:00:0b'] }), 1);
  assert.is(cut({ except: [{ ...app.profile.ranges[0]!, learn: [] }] }), 0);
  assert.is(cut({ direct: 'paused' }), 0);
});

test('a flow to an address that is pinned now is found, and teaches nothing', () => {
  const flow = direct(PHONE, 13021, '203.0.113.77', 9);
  const pins = ownRange(['203.0.113.77'], ['tcp', 'udp'], [[0, 65535]], 'pinned by the owner');
  const grounds = groundsOf({ ...app, pins });
  assert.equal(lateConnections([flow], [groundsOf(app)], setting, true), []);
  assert.equal(lateConnections([flow], [grounds], setting, true), [flow]);
  assert.is(grounds.ports.size, 0);
});

test('DNS flows of devices that the table has not marked are ended, and no others', () => {
  const mask = 0x0f000000;
  const isOld = (one: Connection): boolean => isOldDns(one, mask, setting);
  assert.ok(isOld(direct(PHONE, 5353, '9.9.9.9', 53)));
  assert.ok(isOld(direct(PHONE, 5353, ROUTER, 53, true)));
  assert.not(isOld({ ...direct(PHONE, 5353, '9.9.9.9', 53), mark: 0x0d000000 }));
  assert.ok(isOld({ ...direct(PHONE, 5353, '9.9.9.9', 53), mark: 0x00f00001 }));
  assert.not(isOld(direct(PHONE, 53, '9.9.9.9', 5353)));
  // Queries of the router itself are not cut.
  assert.not(isOld(direct(HOME, 5353, '9.9.9.9', 53)));
});

test('of connections that are marked, those that nothing else speaks for any more are pairs', () => {
  const grounds = groundsOf(policy.apps[0]!, [
    { kind: 'port', app: 'skype', device: PHONE, mac: null, protocol: 'udp', port: 13021 },
    { kind: 'address', app: 'skype', remote: '52.114.1.1' },
    { kind: 'peer', app: 'skype', device: PHONE, mac: null, remote: PEER },
  ]);
  const pairOf = (one: Connection) => unbackedPair({ ...one, mark: 0x01000000 }, grounds, setting);
  assert.is(pairOf(direct(PHONE, 40000, '86.128.10.2', 443, true)), `${PHONE} 86.128.10.2`);
  assert.is(pairOf(direct(PHONE, 13021, '86.128.10.3', 9)), null, 'its port');
  assert.is(pairOf(direct(PHONE, 40000, PEER, 443, true)), null, 'its peer');
  assert.is(pairOf(direct(OTHER, 40000, PEER, 443, true)), `${OTHER} ${PEER}`);
  assert.is(pairOf(direct(PHONE, 40000, '52.114.1.1', 443, true)), null, 'by DNS');
  assert.is(pairOf(direct(PHONE, 40000, NODE, 33033, true)), null, 'a range');
  assert.is(pairOf(direct(PHONE, 40000, '192.168.7.1', 443, true)), null, 'not public');
  assert.is(
    pairOf({ ...direct(PHONE, 1, '86.128.10.2', 1), original: direct(HOME, 1, PEER, 1).original }),
    null,
  );
});

test('the MACs of an app are not searched again for each flow', () => {
  let searches = 0;
  class Searched extends Array<string> {
    override includes(mac: string): boolean {
      searches += 1;
      return super.includes(mac);
    }
  }
  const limited = policyFrom({ app: { macs: Searched.from([OTHER, MAC]) as string[] } }).apps[0]!;
  const grounds = groundsOf(limited, [{ kind: 'address', app: 'skype', remote: PEER }]);
  const flows = Array.from({ length: 9 }, (_, at) => direct(PHONE, 4000 + at, PEER, 443));
  assert.is(lateConnections(flows, [grounds], setting, false).length, 9);
  assert.is(searches, 0);
});

test.run();
