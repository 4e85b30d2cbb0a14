// Cases of the trace comparison: each is a script of packets, writes of the agent and pauses, with the expected
// results. The unit tests run it through the tracer, test/netns through a real kernel.
import { addressKey, familyKey, pairKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { fromHex } from '../fixtures/bytes.ts';
import {
  echo,
  fragmentsOf,
  icmpError,
  natPmp,
  pcpMap,
  tcp,
  udp,
  udpOfLength,
} from '../fixtures/packets.ts';

/** The device on which a packet arrives; the destination address decides the rest of its path. */
export type Side = 'lan' | 'wan' | 'tunnel';

export interface Send {
  readonly from: Side;
  readonly bytes: Uint8Array;
  readonly mark?: number;
  /** MAC of the sender; absent: the MAC of the device with its source address (macOf). */
  readonly mac?: string;
  /** The expected verdict, then marks. */
  readonly want: Want;
}

export interface Want {
  readonly verdict: 'accept' | 'drop' | 'reject';
  /** The packet mark when it leaves, and the conntrack mark, all bits. */
  readonly mark?: number;
  readonly ctmark?: number;
  /** Feeds that announce it, without `whp:` and the app. */
  readonly logs?: readonly string[];
  /** Most rules evaluated in prerouting, in forward and in postrouting. */
  readonly cost?: number;
}

export type Step =
  | { readonly send: Send }
  | { readonly add: { set: string; key: Uint8Array; timeout?: number } }
  | { readonly wait: number }
  /** The agent cuts the flow of this packet. */
  | { readonly cut: Uint8Array }
  /** The elements of a learned set, formatted by `portOf` and so on, in any order. */
  | { readonly set: string; readonly holds: readonly string[] };

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

// The router has 192.168.1.1/24 and fd00:1::1/64 on br-lan, 203.0.113.2/24 and 2001:db8:0:1::2/64
// on wan, 10.200.0.2/24 and fd00:2::2/64 on whp-a.
export const A = '192.168.1.10';
export const B = '192.168.1.11';
export const A6 = 'fd00:1::10';
export const B6 = 'fd00:1::11';
export const ROUTER = '192.168.1.1';
export const ROUTER6 = 'fd00:1::1';
export const NODE = '111.221.74.20';
export const NODE6 = '2a01:111:74::20';
export const LOGIN = '91.190.216.23';
export const PEER = '93.184.216.34';
export const PEER2 = '93.184.216.35';
export const PEER6 = '2600:1406:3a::34';
export const OTHER = '1.0.0.1';
export const OTHER6 = '2606:4700::1111';
export const PROXY = '198.51.100.7';
export const P2P = 13021;

/** The MAC of senders that are no device of the home. */
export const SENDER = '02:00:00:00:00:02';
/** The MACs of the two devices, by both their addresses; devices behind ROUTED, another router, are others. */
export const MAC_A = '02:00:00:00:00:0a';
export const MAC_B = '02:00:00:00:00:0b';
const MACS = new Map([
  [A, MAC_A],
  [A6, MAC_A],
  [B, MAC_B],
  [B6, MAC_B],
]);

export function macOf(source: string): string {
  return MACS.get(source) ?? SENDER;
}

export const DIRECT: Want = { verdict: 'accept', mark: 0, ctmark: 0, logs: [] };
const ONE = 0x01000000;
const WATCH = 0x0f000000;
export const proxied = (...logs: string[]): Want => ({
  verdict: 'accept',
  mark: ONE,
  ctmark: ONE,
  logs,
});

export function lan(bytes: Uint8Array, want: Want, mark = 0): Step {
  return { send: { from: 'lan', bytes, want, mark } };
}

export function wan(bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'wan', bytes, want } };
}

export function tunnel(bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'tunnel', bytes, want } };
}

export function u(src: string, sport: number, dst: string, dport: number, payload?: Uint8Array) {
  return udp({ src, dst, sport, dport }, payload);
}

export function t(src: string, sport: number, dst: string, dport: number, flags = 'S') {
  return tcp({ src, dst, sport, dport }, flags);
}

export function learned(device: string, port = P2P): Step {
  const family = device.includes(':') ? 6 : 4;
  return { add: { set: `skype_udp${family}`, key: portKey(device, port)! } };
}

function asked(device: string): Step {
  const family = device.includes(':') ? 6 : 4;
  return { add: { set: `skype_portmap${family}`, key: addressKey(device)! } };
}

const RANGE: Case[] = [
  {
    name: 'a UDP packet to a supernode is proxied and shows the P2P port',
    steps: [
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'skype_peer4', holds: [] },
    ],
  },
  {
    name: 'a TCP connection to a supernode is proxied and shows nothing',
    steps: [
      lan(t(A, 50001, NODE, 40011), proxied('range')),
      { set: 'skype_udp4', holds: [] },
      { set: 'skype_tcp4', holds: [] },
    ],
  },
  { name: 'login is proxied', steps: [lan(t(A, 50002, LOGIN, 12350), proxied('range'))] },
  {
    name: 'another port of a supernode is none of ours',
    steps: [lan(u(A, 50003, NODE, 53535), DIRECT), lan(t(A, 50003, NODE, 12350), DIRECT)],
  },
  {
    name: 'the ends of a port interval, and one beyond',
    steps: [
      lan(u(A, 1000, NODE, 40001), proxied('range')),
      lan(u(A, 1001, NODE, 40047), proxied('range')),
      lan(u(B, 1002, NODE, 40000), DIRECT),
      lan(u(B, 1003, NODE, 40048), DIRECT),
    ],
  },
  {
    name: 'a supernode over IPv6 is marked, and the port learned',
    steps: [
      lan(u(A6, P2P, NODE6, 40011), proxied('range')),
      { set: 'skype_udp6', holds: [`${A6} ${P2P}`] },
      { set: 'skype_udp4', holds: [] },
    ],
  },
];

const PORT: Case[] = [
  {
    name: 'whatever the P2P port talks to is a peer of that device',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      { set: 'skype_peer4', holds: [`${A} ${PEER}`] },
      lan(t(A, 51000, PEER, 443), proxied('peer')),
      lan(echo({ src: A, dst: PEER, sport: 77 }), proxied('peer')),
    ],
  },
  {
    name: 'the same port number of another device is not the P2P port',
    steps: [learned(A), lan(u(B, P2P, PEER, 40000), DIRECT)],
  },
  {
    name: 'the same peer of another device is not its peer',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      lan(t(B, 51000, PEER, 443), DIRECT),
      { set: 'skype_peer4', holds: [`${A} ${PEER}`] },
    ],
  },
  {
    name: 'a UDP P2P port says nothing about TCP',
    steps: [learned(A), lan(t(A, P2P, PEER, 443), DIRECT)],
  },
  {
    name: 'a TCP P2P port says nothing about UDP',
    steps: [
      { add: { set: 'skype_tcp4', key: portKey(A, P2P)! } },
      lan(u(A, P2P, PEER2, 443), DIRECT),
      lan(t(A, P2P, PEER, 443), proxied('port')),
      { set: 'skype_peer4', holds: [`${A} ${PEER}`] },
    ],
  },
  {
    name: 'port and peer over IPv6',
    steps: [
      learned(A6),
      lan(u(A6, P2P, PEER6, 40000), proxied('port')),
      { set: 'skype_peer6', holds: [`${A6} ${PEER6}`] },
      lan(t(A6, 51000, PEER6, 443), proxied('peer')),
      lan(u(B6, P2P, PEER6, 40000), DIRECT),
    ],
  },
  {
    name: 'behind an IPv6 extension header the ports are found',
    steps: [
      learned(A6),
      lan(
        udp({ src: A6, dst: PEER6, sport: P2P, dport: 40000, hopByHop: 1 }, new Uint8Array(24)),
        proxied('port'),
      ),
    ],
  },
  {
    name: 'behind IPv4 options the ports are found',
    steps: [
      learned(A),
      lan(
        // IP options: a router alert would be delivered to the router itself; no-operations are not.
        udp({ src: A, dst: PEER, sport: P2P, dport: 40000, options: fromHex('01010100') }),
        proxied('port'),
      ),
    ],
  },
];

const ADDRESS: Case[] = [
  {
    name: 'an endpoint learned by DNS',
    steps: [
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      lan(u(B, 51000, OTHER, 3478), proxied('addr')),
      lan(t(A, 51001, PEER, 443), DIRECT),
    ],
  },
  {
    name: 'an endpoint over IPv6',
    steps: [
      { add: { set: 'skype_addr6', key: addressKey(OTHER6)!, timeout: 60000 } },
      lan(t(A6, 51000, OTHER6, 443), proxied('addr')),
    ],
  },
  {
    name: 'an endpoint that has expired is direct again for a device that has not used it',
    steps: [
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 300 } },
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      { wait: 500 },
      lan(t(B, 51001, OTHER, 443), DIRECT),
    ],
  },
];

const HOME: Case[] = [
  {
    name: 'the router itself is never marked',
    steps: [
      learned(A),
      lan(u(A, P2P, ROUTER, 1900), DIRECT),
      lan(u(A, P2P, '203.0.113.2', 1900), DIRECT),
    ],
  },
  {
    name: 'home to home is never marked',
    steps: [learned(A), lan(u(A, P2P, '192.168.2.20', 40000), DIRECT)],
  },
  {
    name: 'broadcast and multicast are never marked',
    steps: [
      learned(A),
      lan(u(A, P2P, '192.168.1.255', 40000), DIRECT),
      lan(u(A, P2P, '255.255.255.255', 40000), DIRECT),
      lan(u(A, P2P, '224.0.0.251', 40000), { ...DIRECT, verdict: 'accept' }),
      { set: 'skype_peer4', holds: [] },
    ],
  },
  {
    name: 'an unrelated flow costs one rule a hook once it is established',
    steps: [
      lan(u(A, 5000, OTHER, 443), DIRECT),
      wan(u(OTHER, 443, A, 5000), { ...DIRECT, cost: 1 }),
      // Packets 2 and 3 are evaluated in postrouting too.
      lan(u(A, 5000, OTHER, 443), DIRECT),
      lan(u(A, 5000, OTHER, 443), DIRECT),
      lan(u(A, 5000, OTHER, 443), { ...DIRECT, cost: 1 }),
    ],
  },
  {
    name: 'foreign bits of the mark stay as they are',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 40000), { ...proxied('port'), mark: 0x01f00100 }, 0x00f00100),
      lan(u(A, 5000, OTHER, 443), { ...DIRECT, mark: 0x00f00100 }, 0x00f00100),
    ],
  },
];

const DNS: Case[] = [
  {
    name: 'DNS past the router is watched in both directions, and direct',
    steps: [
      lan(u(A, 5353, OTHER, 53), {
        verdict: 'accept',
        mark: 0,
        ctmark: WATCH,
        logs: ['query'],
      }),
      wan(u(OTHER, 53, A, 5353), {
        verdict: 'accept',
        mark: 0,
        ctmark: WATCH,
        logs: ['answer'],
      }),
    ],
  },
  {
    name: 'DNS over TCP past the router is watched too',
    steps: [
      lan(t(A, 5353, OTHER, 53), {
        verdict: 'accept',
        mark: 0,
        ctmark: WATCH,
        logs: ['query'],
      }),
    ],
  },
  {
    name: 'DNS inside the tunnel is watched as well',
    steps: [
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      lan(u(A, 5353, OTHER, 53), proxied('addr', 'query')),
      tunnel(u(OTHER, 53, A, 5353), { verdict: 'accept', ctmark: ONE, logs: ['answer'] }),
    ],
  },
  {
    name: 'a DNS request to the router is seen',
    steps: [
      lan(u(A, 5353, ROUTER, 53), { ...DIRECT, ctmark: WATCH, logs: ['query'] }),
      lan(u(A6, 5353, ROUTER6, 53), { ...DIRECT, ctmark: WATCH, logs: ['query'] }),
    ],
  },
];

const nat = (op: number, port: number, lifetime: number) =>
  u(A, 6000, ROUTER, 5351, natPmp(op, port, lifetime));
const pcpWithOpcode = (opcode: number) => {
  const payload = pcpMap(17, P2P, 3600);
  payload[1] = opcode;
  return payload;
};
const MAPPED: Want = { ...DIRECT, logs: ['mapping'] };

const MAPPING: Case[] = [
  {
    name: 'NAT-PMP just after an application DNS request shows the P2P port',
    steps: [
      asked(A),
      lan(nat(1, P2P, 3600), MAPPED),
      lan(nat(2, 4711, 3600), MAPPED),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'skype_tcp4', holds: [`${A} 4711`] },
      lan(u(A, P2P, PEER, 40000), proxied('port')),
    ],
  },
  {
    name: 'NAT-PMP without a DNS request, or of another device, shows nothing',
    steps: [
      lan(nat(1, P2P, 3600), DIRECT),
      asked(B),
      lan(nat(1, P2P, 3600), DIRECT),
      { set: 'skype_udp4', holds: [] },
    ],
  },
  {
    name: 'NAT-PMP after the window shows nothing',
    steps: [
      { add: { set: 'skype_portmap4', key: addressKey(A)!, timeout: 400 } },
      { wait: 600 },
      lan(nat(1, P2P, 3600), DIRECT),
      { set: 'skype_udp4', holds: [] },
    ],
  },
  {
    name: 'releasing a mapping, asking for the address, port 0 and short requests show nothing',
    steps: [
      asked(A),
      lan(nat(1, P2P, 0), DIRECT),
      lan(nat(1, 0, 3600), DIRECT),
      lan(nat(0, P2P, 3600), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, fromHex('0000')), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, natPmp(1, P2P, 3600).subarray(0, 11)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351), DIRECT),
      { set: 'skype_udp4', holds: [] },
    ],
  },
  {
    name: 'an ICMP error that quotes a mapping request shows nothing',
    steps: [
      asked(A),
      lan(icmpError({ src: A, dst: ROUTER }, nat(1, P2P, 3600)), {
        ...DIRECT,
        verdict: 'accept',
      }),
      { set: 'skype_udp4', holds: [] },
    ],
  },
  {
    name: 'PCP MAP shows the P2P port',
    steps: [
      asked(A),
      lan(u(A, 6000, ROUTER, 5351, pcpMap(17, P2P, 3600)), MAPPED),
      lan(u(A, 6000, ROUTER, 5351, pcpMap(6, 4711, 3600)), MAPPED),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'skype_tcp4', holds: [`${A} 4711`] },
    ],
  },
  {
    name: 'PCP over IPv6',
    steps: [
      asked(A6),
      lan(u(A6, 6000, ROUTER6, 5351, pcpMap(17, P2P, 3600)), MAPPED),
      lan(u(A6, 6000, ROUTER6, 5351, natPmp(1, 4711, 3600)), DIRECT),
      { set: 'skype_udp6', holds: [`${A6} ${P2P}`] },
    ],
  },
  {
    name: 'PCP: releasing, any protocol, answers, other opcodes and short requests show nothing',
    steps: [
      asked(A),
      lan(u(A, 6000, ROUTER, 5351, pcpMap(17, P2P, 0)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, pcpMap(0, P2P, 3600)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, pcpMap(17, 0, 3600)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, pcpWithOpcode(0x81)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, pcpWithOpcode(2)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, pcpMap(17, P2P, 3600).subarray(0, 59)), DIRECT),
      { set: 'skype_udp4', holds: [] },
    ],
  },
];

const node = (length: number) =>
  tunnel(udpOfLength({ src: NODE, dst: A, sport: 40011, dport: P2P }, length), {
    verdict: 'accept',
    ctmark: ONE,
    logs: length >= 329 && length <= 339 ? ['request'] : [],
  });

const REQUEST: Case[] = [
  ...[328, 329, 339, 340].map((length): Case => {
    const opens = length === 329 || length === 339;
    return {
      name: `a supernode packet of ${length} bytes ${opens ? 'opens' : 'does not open'} the window`,
      steps: [
        lan(u(A, P2P, NODE, 40011), proxied('range')),
        node(length),
        { set: 'skype_request4', holds: opens ? [A] : [] },
        lan(t(A, 52000, PEER, 443), opens ? proxied('window') : DIRECT),
        lan(t(B, 52000, PEER, 443), DIRECT),
        { wait: 400 },
        lan(t(A, 52001, PEER, 443), DIRECT),
        { set: 'skype_request4', holds: [] },
        { set: 'skype_peer4', holds: [] },
      ],
    };
  }),
  {
    name: 'the window does not take flows that began before it',
    steps: [
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      lan(u(A, 7000, OTHER, 443), DIRECT),
      node(333),
      lan(u(A, 7000, OTHER, 443), DIRECT),
      lan(u(A, 7001, OTHER, 443), proxied('window')),
    ],
  },
  {
    name: 'a peer cannot open the window with such a packet',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 40011), proxied('port')),
      tunnel(udpOfLength({ src: PEER, dst: A, sport: 40011, dport: P2P }, 333), {
        verdict: 'accept',
        ctmark: ONE,
        logs: [],
      }),
      { set: 'skype_request4', holds: [] },
    ],
  },
  {
    name: 'the window over IPv6',
    steps: [
      lan(u(A6, P2P, NODE6, 40011), proxied('range')),
      tunnel(udpOfLength({ src: NODE6, dst: A6, sport: 40011, dport: P2P }, 333), {
        verdict: 'accept',
        ctmark: ONE,
        logs: ['request'],
      }),
      { set: 'skype_request6', holds: [A6] },
      lan(t(A6, 52000, PEER6, 443), proxied('window')),
    ],
  },
];

const LATE: Case[] = [
  {
    name: 'late evidence for a flow with a direct binding: refused, and the agent told',
    steps: [
      lan(u(A, P2P, PEER, 40000), DIRECT),
      learned(A),
      lan(u(A, P2P, PEER, 40000), { verdict: 'reject', ctmark: 0, logs: ['late'] }),
      { set: 'skype_peer4', holds: [] },
    ],
  },
  {
    name: 'late evidence: a repeated SYN is reset',
    steps: [
      lan(t(A, 52000, OTHER, 443), DIRECT),
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      lan(t(A, 52000, OTHER, 443), { verdict: 'reject', ctmark: 0, logs: ['late'] }),
    ],
  },
  {
    name: 'an established direct flow is looked at again where it leaves, and no more',
    steps: [
      lan(t(A, 52000, OTHER, 443), DIRECT),
      wan(t(OTHER, 443, A, 52000, 'SA'), { ...DIRECT, cost: 1 }),
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      lan(t(A, 52000, OTHER, 443, 'A'), { ...DIRECT, logs: ['outside'] }),
      lan(t(A, 52000, OTHER, 443, 'A'), { ...DIRECT, logs: ['outside'] }),
      lan(t(A, 52000, OTHER, 443, 'A'), { ...DIRECT, cost: 1 }),
    ],
  },
];

const STATES: Case[] = [
  {
    name: 'no proxy is up: refused at once before routing, nothing learned, others untouched',
    steps: [
      { add: { set: 'skype_blocked', key: familyKey(4) } },
      lan(u(A, P2P, NODE, 40011), { verdict: 'reject', ctmark: 0, logs: [] }),
      lan(t(A, 50001, NODE, 40011), { verdict: 'reject', ctmark: 0, logs: [] }),
      { set: 'skype_udp4', holds: [] },
      lan(u(A, 50003, OTHER, 443), DIRECT),
      lan(u(A6, P2P, NODE6, 40011), proxied('range')),
    ],
  },
  {
    name: 'refused for IPv6 only',
    steps: [
      { add: { set: 'skype_blocked', key: familyKey(6) } },
      lan(u(A6, P2P, NODE6, 40011), { verdict: 'reject', ctmark: 0, logs: [] }),
      lan(u(A, P2P, NODE, 40011), proxied('range')),
    ],
  },
  {
    name: 'a connection that began on another way is reset, not taken over',
    steps: [
      lan(t(A, 50001, NODE, 40011, 'A'), { verdict: 'reject', ctmark: 0, logs: [] }),
      lan(t(A, 50001, NODE, 40011, 'PA'), { verdict: 'reject', ctmark: 0, logs: [] }),
      lan(t(A, 50002, NODE, 40011), proxied('range')),
    ],
  },
];

const ATTACK: Case[] = [
  {
    name: 'nothing new comes out of the tunnel, for a device or the router',
    steps: [
      tunnel(u(PEER, 40000, A, P2P), { verdict: 'drop', logs: [] }),
      tunnel(t(PEER, 40000, A, 80), { verdict: 'drop', logs: [] }),
      tunnel(u(PEER6, 40000, A6, P2P), { verdict: 'drop', logs: [] }),
    ],
  },
  {
    name: 'a flow from outside to the P2P port, or from a peer, is dropped in silence',
    steps: [
      learned(A),
      { add: { set: 'skype_peer4', key: pairKey(A, PEER2)! } },
      wan(u(PEER, 40000, A, P2P), { verdict: 'drop', logs: ['inbound'] }),
      wan(t(PEER2, 40000, A, 80), { verdict: 'drop', logs: ['inbound'] }),
      wan(t(PEER, 40000, A, P2P), DIRECT),
      wan(u(PEER, 40000, B, P2P), DIRECT),
    ],
  },
  {
    name: 'a flow from outside over IPv6 to the P2P port is dropped in silence',
    steps: [
      learned(A6),
      wan(u(PEER6, 40000, A6, P2P), { verdict: 'drop', logs: ['inbound'] }),
      wan(u(PEER6, 40000, B6, P2P), DIRECT),
    ],
  },
  {
    name: 'the answer of a proxied flow is not believed on the WAN',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      wan(u(PEER, 40000, A, P2P), { verdict: 'drop', ctmark: ONE, logs: [] }),
    ],
  },
  {
    name: "a device's ICMP error about a proxied flow goes into the tunnel",
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      tunnel(u(PEER, 40000, A, P2P), { verdict: 'accept', ctmark: ONE, logs: [] }),
      lan(icmpError({ src: A, dst: PEER }, u(PEER, 40000, A, P2P)), proxied()),
    ],
  },
  {
    name: 'an ICMP error about nothing known is not from the P2P port',
    steps: [
      learned(A),
      lan(icmpError({ src: A, dst: PEER }, u(PEER, 40000, A, P2P)), { verdict: 'accept', mark: 0 }),
      { set: 'skype_peer4', holds: [] },
    ],
  },
  {
    name: 'fragments go where the whole packet would',
    steps: [
      learned(A),
      ...fragmentsOf(u(A, P2P, PEER, 40000, new Uint8Array(64)), 24).map((bytes, i) =>
        lan(bytes, i === 0 ? proxied('port') : { verdict: 'accept', mark: ONE, ctmark: ONE }),
      ),
      { set: 'skype_peer4', holds: [`${A} ${PEER}`] },
    ],
  },
  {
    name: 'a packet that belongs to no flow never leaves with our mark',
    steps: [
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      lan(t(A, 52000, OTHER, 443, 'FA'), { verdict: 'reject', ctmark: 0 }),
    ],
  },
  {
    name: 'simultaneous open: the SYN from outside is dropped, the one from home proxied',
    steps: [
      { add: { set: 'skype_tcp4', key: portKey(A, P2P)! } },
      wan(t(PEER, P2P, A, P2P), { verdict: 'drop', logs: ['inbound'] }),
      lan(t(A, P2P, PEER, P2P), proxied('port')),
      tunnel(t(PEER, P2P, A, P2P), { verdict: 'accept', ctmark: ONE }),
    ],
  },
];

/** Caps: two ports and two peers. */
export const FULL: Case[] = [
  {
    name: 'a full port set: the flow is proxied all the same, and the agent told',
    steps: [
      lan(u(A, 1, NODE, 40011), proxied('range')),
      lan(u(A, 2, NODE, 40011), proxied('range')),
      lan(u(A, 3, NODE, 40011), proxied('full', 'range')),
      { set: 'skype_udp4', holds: [`${A} 1`, `${A} 2`] },
    ],
  },
  {
    name: 'a full peer set: the flow is proxied all the same, and the agent told',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 1), proxied('port')),
      lan(u(A, P2P, PEER2, 1), proxied('port')),
      lan(u(A, P2P, OTHER, 1), proxied('full', 'port')),
      { set: 'skype_peer4', holds: [`${A} ${PEER}`, `${A} ${PEER2}`] },
    ],
  },
];

/** Leases of one second: used elements are renewed, others expire. */
const RENEWED: readonly [
  string,
  string,
  Uint8Array,
  (port: number, lifetime: number) => Uint8Array,
][] = [
  ['NAT-PMP, UDP', 'skype_udp4', portKey(A, P2P)!, (port, life) => nat(1, port, life)],
  ['NAT-PMP, TCP', 'skype_tcp4', portKey(A, P2P)!, (port, life) => nat(2, port, life)],
  ...(['udp', 'tcp'] as const).flatMap((transport) =>
    ([4, 6] as const).map((family) => {
      const [device, router] = family === 4 ? [A, ROUTER] : [A6, ROUTER6];
      const protocol = transport === 'udp' ? 17 : 6;
      const request = (port: number, life: number): Uint8Array =>
        u(device, 6000, router, 5351, pcpMap(protocol, port, life));
      return [
        `PCP, ${transport}, IPv${family}`,
        `skype_${transport}${family}`,
        portKey(device, P2P)!,
        request,
      ] as [string, string, Uint8Array, typeof request];
    }),
  ),
];

export const LEASE: Case[] = [
  {
    name: 'a live flow renews the port and the peer it uses; silence ends them',
    steps: [
      learned(A),
      lan(u(A, P2P, PEER, 1), proxied('port')),
      { wait: 700 },
      lan(u(A, P2P, PEER, 1), proxied()),
      { wait: 700 },
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'skype_peer4', holds: [`${A} ${PEER}`] },
      { wait: 700 },
      { set: 'skype_udp4', holds: [] },
      { set: 'skype_peer4', holds: [] },
    ],
  },
  ...RENEWED.map(
    ([what, set, key, request]): Case => ({
      name: `a mapping that is renewed (${what}) renews its port, with no DNS request before it`,
      steps: [
        { add: { set, key } },
        { wait: 600 },
        lan(request(P2P, 3600), DIRECT),
        { wait: 600 },
        { set, holds: [`${set.endsWith('4') ? A : A6} ${P2P}`] },
        // A mapping is not ended by these: released, another port, another protocol, another device.
        lan(request(P2P, 0), DIRECT),
        lan(request(P2P + 1, 3600), DIRECT),
        lan(u(A, 6000, ROUTER, 5351, pcpMap(set.includes('udp') ? 6 : 17, P2P, 3600)), DIRECT),
        lan(u(B, 6000, ROUTER, 5351, pcpMap(set.includes('udp') ? 17 : 6, P2P, 3600)), DIRECT),
        { wait: 600 },
        { set, holds: [] },
      ],
    }),
  ),
];

/** The tunnel is down. */
export const DOWN: Case[] = [
  {
    name: 'no tunnel, no way: refused, not direct',
    steps: [
      // A prohibit route answers a device with an ICMP error once a second (ip_error in the kernel).
      { wait: 1100 },
      lan(u(A, P2P, NODE, 40011), { verdict: 'reject', ctmark: ONE }),
      { wait: 1100 },
      lan(t(A, 50000, NODE, 40011), { verdict: 'reject', ctmark: ONE }),
      lan(u(A, 5000, OTHER, 443), DIRECT),
    ],
  },
];

/** The app is limited to device A. */
export const LIMITED: Case[] = [
  {
    name: 'an application limited to a device: others are not looked at',
    steps: [
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      lan(u(B, P2P, NODE, 40011), DIRECT),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      asked(B),
      lan(u(B, 6000, ROUTER, 5351, natPmp(1, P2P, 3600)), DIRECT),
      wan(u(PEER, 40000, A, P2P), { verdict: 'drop', logs: ['inbound'] }),
    ],
  },
];

const TWO = 0x02000000;
const second = (...logs: string[]): Want => ({ verdict: 'accept', mark: TWO, ctmark: TWO, logs });

/** A second app, `other`, in slot 2 with the range 1.0.0.0/24 port 443. */
export const BESIDE: Case[] = [
  {
    name: 'two applications keep apart what they know of one device',
    steps: [
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      lan(u(A, 7777, OTHER, 443), second('range')),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'other_udp4', holds: [`${A} 7777`] },
      lan(u(A, 7777, PEER, 1), second('port')),
      lan(t(A, 51000, PEER, 2), second('peer')),
      lan(u(A, P2P, PEER2, 1), proxied('port')),
      tunnel(u(PEER, 1, A, 7777), { verdict: 'accept', ctmark: TWO, logs: [] }),
    ],
  },
  {
    name: 'what both know goes to the first of them',
    steps: [
      learned(A),
      { add: { set: 'other_udp4', key: portKey(A, P2P)! } },
      lan(u(A, P2P, PEER, 1), proxied('port')),
      { set: 'other_peer4', holds: [] },
    ],
  },
];

const OPEN: Want = { verdict: 'accept', mark: 0, ctmark: 0x0e000000, logs: [] };
const SERVER = '1.0.0.9';
const SERVER6 = '2606:4700::9';

/** A TLS record with the first `length` bytes of a ClientHello; its header announces `whole` bytes. */
function hello(length: number, whole = length - 5): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([22, 3, 1, whole >> 8, whole & 255, 1]);
  return bytes;
}

function tls(src: string, dst: string, flags: string, payload?: Uint8Array, sport = 51000) {
  const place = flags === 'S' ? { sequence: 100 } : { sequence: 101, acknowledged: 501 };
  return tcp({ src, dst, sport, dport: 443, ...place }, flags, payload);
}

function served(src: string, dst: string, flags: string, payload?: Uint8Array) {
  const place = { sequence: flags === 'SA' ? 500 : 501, acknowledged: 101 };
  return tcp({ src, dst, sport: 443, dport: 51000, ...place }, flags, payload);
}

function shake(device: string, server: string): Step[] {
  return [
    lan(tls(device, server, 'S'), OPEN),
    wan(served(server, device, 'SA'), OPEN),
    lan(tls(device, server, 'A'), OPEN),
  ];
}

function named(device: string, server: string): Step {
  const family = device.includes(':') ? 6 : 4;
  const key = pairKey(device, server)!;
  return { add: { set: `skype_hello${family}`, key, timeout: 60000 } };
}

const LOGGED: Want = { ...OPEN, logs: ['hello'] };

/** ClientHellos are watched. */
export const HELLO: Case[] = [
  {
    name: 'the first data of an unknown TLS flow is shown, what follows is unrelated',
    steps: [
      ...shake(A, SERVER),
      lan(tls(A, SERVER, 'A', hello(517)), LOGGED),
      wan(served(SERVER, A, 'A', new Uint8Array(100)), OPEN),
      lan(tls(A, SERVER, 'A', Uint8Array.of(20, 3, 3, 0, 1, 1)), DIRECT),
      lan(tls(A, SERVER, 'A', new Uint8Array(100)), { ...DIRECT, cost: 1 }),
    ],
  },
  {
    name: 'of a long ClientHello the next segment is shown too, and no more',
    steps: [
      ...shake(A, SERVER),
      lan(tls(A, SERVER, 'A', hello(1400, 1700)), LOGGED),
      { set: 'hello_segment4', holds: [`${A} 51000`] },
      lan(tls(A, SERVER, 'A', new Uint8Array(305)), { ...DIRECT, logs: ['hello'] }),
      lan(tls(A, SERVER, 'A', new Uint8Array(305)), DIRECT),
    ],
  },
  {
    name: 'what is not TLS on port 443 is shown to nobody',
    steps: [
      ...shake(A6, SERVER6),
      lan(tls(A6, SERVER6, 'A', Uint8Array.of(71, 69, 84, 32, 47, 32)), DIRECT),
      ...shake(A, SERVER),
      lan(tls(A, SERVER, 'A', Uint8Array.of(22)), DIRECT),
    ],
  },
  {
    name: 'a server that was named: the flow is cut, the retry proxied, another device is not',
    steps: [
      ...shake(A, SERVER),
      named(A, SERVER),
      lan(tls(A, SERVER, 'A', hello(517)), {
        verdict: 'reject',
        ctmark: 0x0e000000,
        logs: ['late'],
      }),
      lan(tls(A, SERVER, 'S', undefined, 51001), proxied('hello')),
      lan(tls(B, SERVER, 'S', undefined, 51002), OPEN),
    ],
  },
  {
    name: 'a server that was named, while its application is paused: a flow like any other',
    steps: [
      ...shake(A, SERVER),
      named(A, SERVER),
      { add: { set: 'skype_paused', key: familyKey(4) } },
      lan(tls(A, SERVER, 'A', hello(517)), LOGGED),
      lan(tls(A, SERVER, 'S', undefined, 51001), OPEN),
    ],
  },
  {
    name: 'the same over IPv6',
    steps: [
      ...shake(A6, SERVER6),
      lan(tls(A6, SERVER6, 'A', hello(517)), LOGGED),
      named(A6, SERVER6),
      lan(tls(A6, SERVER6, 'A', hello(517)), { verdict: 'reject', logs: ['late'] }),
      lan(tls(A6, SERVER6, 'S', undefined, 51001), proxied('hello')),
    ],
  },
  {
    name: 'evidence that comes while a TLS flow is unanswered counts as it does for others',
    steps: [
      lan(tls(A, SERVER, 'S'), OPEN),
      { add: { set: 'skype_addr4', key: addressKey(SERVER)!, timeout: 60000 } },
      lan(tls(A, SERVER, 'S'), { verdict: 'reject', logs: ['late'] }),
    ],
  },
  {
    name: 'what an evidence speaks for, and other ports, are never undecided',
    steps: [
      lan(t(A, 50001, NODE, 40011), proxied('range')),
      lan(t(A, 50002, SERVER, 80), DIRECT),
      lan(u(A, 50003, SERVER, 443), DIRECT),
    ],
  },
];

const DOH = '1.0.0.2';
const DOH6 = '2606:4700:4700::1111';
const FOREIGN: Want = { verdict: 'accept', mark: 0, ctmark: WATCH, logs: ['query'] };
const REFUSED: Want = { verdict: 'reject', logs: [] };

/** A list of DoH services, and no option that redirects or rejects. */
export const BYPASS: Case[] = [
  {
    name: 'other resolvers are noted by device and port, and left alone',
    steps: [
      lan(u(A, 5353, OTHER, 53), FOREIGN),
      lan(t(A, 5354, OTHER, 853), DIRECT),
      lan(u(B6, 5355, OTHER6, 853), DIRECT),
      lan(t(A, 5356, DOH, 443), DIRECT),
      lan(t(A, 5357, OTHER, 443), DIRECT),
      lan(u(A, 5358, ROUTER, 53), FOREIGN),
      { set: 'dns_bypass4', holds: [`${A} 53`, `${A} 853`, `${A} 443`] },
      { set: 'dns_bypass6', holds: [`${B6} 853`] },
    ],
  },
  {
    name: 'DoT and DoQ to the router itself are noted like those outside',
    steps: [
      lan(t(A, 5354, ROUTER, 853), DIRECT),
      lan(u(B, 5355, ROUTER, 853), DIRECT),
      lan(t(A, 5356, ROUTER, 854), DIRECT),
      { set: 'dns_bypass4', holds: [`${A} 853`, `${B} 853`] },
    ],
  },
];

/** All options that redirect or reject, for device A and fd00:1::10. */
export const CONFINED: Case[] = [
  {
    name: 'DNS to a resolver outside reaches the router instead, for the chosen devices',
    steps: [
      lan(u(A, 5353, OTHER, 53), { verdict: 'accept', ctmark: WATCH, logs: ['query'] }),
      lan(u(A6, 5353, OTHER6, 53), { verdict: 'accept', ctmark: WATCH, logs: ['query'] }),
      lan(u(B, 5353, OTHER, 53), FOREIGN),
    ],
  },
  {
    name: 'DoT, DoQ and known DoH are refused, for the chosen devices',
    steps: [
      lan(t(A, 5354, OTHER, 853), REFUSED),
      lan(u(A6, 5355, OTHER6, 853), REFUSED),
      lan(t(A, 5356, DOH, 443), REFUSED),
      lan(u(A6, 5357, DOH6, 443), REFUSED),
      lan(t(A, 5358, OTHER, 443), DIRECT),
      lan(t(B, 5359, DOH, 443), DIRECT),
      lan(u(B, 5360, OTHER, 853), DIRECT),
      lan(t(A, 5361, ROUTER, 853), REFUSED),
      lan(u(A, 5362, ROUTER, 853), REFUSED),
      lan(u(B, 5363, ROUTER, 853), DIRECT),
    ],
  },
];

export const CASES: Case[] = [
  ...RANGE,
  ...PORT,
  ...ADDRESS,
  ...HOME,
  ...DNS,
  ...MAPPING,
  ...REQUEST,
  ...LATE,
  ...STATES,
  ...ATTACK,
];
