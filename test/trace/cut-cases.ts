// Cases of the trace comparison about cut flows: packets that arrive after the cut, packets of flows without an
// entry, fragments, data in a SYN, a client that changes its port, and ICE checks to private addresses.
import { addressKey, pairKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { parseAddress } from '../../agent/src/wire/address.ts';
import { fragmentsOf, icmpError, tcp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B,
  B6,
  type Case,
  DIRECT,
  lan,
  learned,
  MAC_A,
  NODE,
  NODE6,
  OTHER,
  OTHER6,
  P2P,
  PEER,
  PEER6,
  PROXY,
  proxied,
  type Step,
  t,
  u,
  type Want,
  wan,
} from './cases.ts';

const CUT = 0x0c000000;
const ONE = 0x01000000;
const WAN = '203.0.113.2';
const WAN6 = '2001:db8:0:1::2';
const DROP: Want = { verdict: 'drop', logs: [] };
const RESET: Want = { verdict: 'reject', logs: [] };

const said = (device: string, server: string, flags: string, data?: Uint8Array) => {
  const place = flags === 'S' ? { sequence: 100 } : { sequence: 101, acknowledged: 501 };
  return tcp({ src: device, dst: server, sport: 51000, dport: 443, ...place }, flags, data);
};
const answered = (server: string, device: string, flags: string, data?: Uint8Array) => {
  const place = { sequence: flags === 'SA' ? 500 : 501, acknowledged: 101 };
  return tcp({ src: server, dst: device, sport: 443, dport: 51000, ...place }, flags, data);
};

/** A direct TCP connection. */
function open(device: string, server: string): Step[] {
  return [
    lan(said(device, server, 'S'), DIRECT),
    wan(answered(server, device, 'SA'), DIRECT),
    lan(said(device, server, 'A'), DIRECT),
  ];
}

function endpoint(address: string, timeout = 60_000): Step {
  const set = address.includes(':') ? 'skype_addr6' : 'skype_addr4';
  return { add: { set, key: addressKey(address)!, timeout } };
}

/** A packet from `remote`:`port` to our address `own`, of a flow that was cut. */
function silent(remote: string, port: number, own: number): Step {
  const ends = Uint8Array.of(port >> 8, port & 255, own >> 8, own & 255);
  const key = Uint8Array.of(...parseAddress(remote)!, ...ends);
  return { add: { set: remote.includes(':') ? 'cut6' : 'cut4', key } };
}

const ENDED: Case[] = [
  [A, OTHER],
  [A6, OTHER6],
].map(([device = '', server = '']): Case => {
  return {
    name: `a TCP connection that the agent ends: the device is told, nothing leaves (${device})`,
    steps: [
      ...open(device, server),
      { cut: said(device, server, 'A') },
      // The server's next packet, with or without data, reaches the device as a reset.
      wan(answered(server, device, 'PA', new Uint8Array(100)), {
        verdict: 'accept',
        mark: 0,
        ctmark: CUT,
        logs: [],
      }),
      lan(icmpError({ src: device, dst: server }, answered(server, device, 'A')), DROP),
      lan(said(device, server, 'PA', new Uint8Array(10)), RESET),
    ],
  };
});

const SILENCE: Case[] = [
  [PEER, WAN, A, OTHER],
  [PEER6, WAN6, A6, OTHER6],
].map(([peer = '', own = '', device = '', other = '']): Case => {
  const direct = device.includes(':') ? { ...DIRECT } : DIRECT;
  return {
    name: `what still comes for a flow that was cut is dropped in silence (${peer})`,
    steps: [
      silent(peer, 40000, 5000),
      silent(peer, 443, 5000),
      wan(u(peer, 40000, own, 5000), DROP),
      wan(u(peer, 40000, device, 5000), DROP),
      wan(t(peer, 443, own, 5000, 'PA'), DROP),
      // Packets of another port, another remote, or a new flow of the device are not affected.
      wan(u(peer, 40001, device, 5000), direct),
      wan(u(other, 40000, device, 5000), direct),
      lan(u(device, 5000, peer, 40000), direct),
      wan(u(peer, 40000, device, 5000), direct),
    ],
  };
});

const STALE: Case[] = [
  [A, B, NODE, OTHER, PEER],
  [A6, B6, NODE6, OTHER6, PEER6],
].map(([device = '', other = '', node = '', server = '', stranger = '']): Case => {
  const quoted = u(stranger, 40000, device, 5000);
  const invalid: Want = { verdict: 'accept', mark: 0, logs: [] };
  return {
    name: `the last packets of a flow that nobody remembers stay at home (${device})`,
    steps: [
      lan(t(device, 52000, node, 40011), proxied('range')),
      // Evidence and conntrack entry are gone: neither the FIN nor an ICMP error leaves.
      lan(t(device, 52001, server, 443, 'FA'), DROP),
      lan(t(device, 52001, server, 443, 'R'), DROP),
      lan(icmpError({ src: device, dst: stranger }, quoted), DROP),
      // A device that uses no app is not evaluated.
      lan(t(other, 52001, server, 443, 'FA'), invalid),
      lan(t(other, 52001, server, 443, 'R'), invalid),
    ],
  };
});

const HALF_CLOSED: Case[] = [
  [A, PEER, 'skype_peer4'],
  [A6, PEER6, 'skype_peer6'],
].map(([device = '', peer = '', set = '']): Case => {
  return {
    name: `the late end of a half-closed connection to a peer is reset, not sent (${device})`,
    steps: [
      { add: { set, key: pairKey(device, peer)! } },
      lan(t(device, 52000, peer, 443, 'FA'), { verdict: 'reject' }),
      lan(t(device, 52000, peer, 443, 'PA'), { verdict: 'reject' }),
    ],
  };
});

const NEAR: Case[] = [
  {
    name: "a private address is refused to the application's port, a proxy is not",
    steps: [
      learned(A),
      lan(u(A, P2P, '10.9.9.9', 40000), RESET),
      lan(u(A, P2P, '100.64.0.9', 40000), RESET),
      lan(u(A, P2P, '169.254.9.9', 40000), RESET),
      lan(u(A, P2P, '172.16.0.9', 40000), RESET),
      lan(u(A, P2P, PROXY, 40000), DIRECT),
      lan(u(A, P2P, '192.168.2.20', 40000), DIRECT),
      { set: 'skype_peer4', holds: [] },
    ],
  },
  {
    name: 'unique local and other addresses of no public network, over IPv6',
    steps: [
      learned(A6),
      lan(u(A6, P2P, 'fd00:99::9', 40000), RESET),
      lan(u(A6, 5000, 'fd00:99::9', 40000), DIRECT),
      lan(u(B6, P2P, 'fd00:99::9', 40000), DIRECT),
      { set: 'skype_peer6', holds: [] },
    ],
  },
  {
    name: 'private addresses from any other port are left alone, TCP as well',
    steps: [
      learned(A),
      lan(u(A, 5000, '10.9.9.9', 40000), DIRECT),
      lan(u(B, P2P, '10.9.9.9', 40000), DIRECT),
      lan(t(A, P2P, '10.9.9.9', 443), DIRECT),
    ],
  },
  {
    name: 'a private address is refused to the port at whatever address of the device',
    steps: [
      { add: { set: 'skype_udpmac', key: portKey(MAC_A, P2P)! } },
      lan(u(A, P2P, '10.9.9.9', 40000), RESET),
      lan(u(A6, P2P, 'fd00:99::9', 40000), RESET),
      lan(u(A, 5000, '10.9.9.9', 40000), DIRECT),
    ],
  },
  {
    name: 'a check that was sent before the port was known is refused when it is repeated',
    steps: [
      lan(u(A, P2P, '10.9.9.9', 40000), DIRECT),
      learned(A),
      lan(u(A, P2P, '10.9.9.9', 40000), RESET),
    ],
  },
];

const MOVES: Case[] = [
  {
    name: 'data in a SYN (TCP Fast Open) goes where the SYN goes',
    steps: [
      endpoint(OTHER),
      endpoint(OTHER6),
      lan(said(A, OTHER, 'S', new Uint8Array(300)), proxied('addr')),
      lan(said(A6, OTHER6, 'S', new Uint8Array(300)), proxied('addr')),
    ],
  },
  {
    name: 'a client that changes its port (QUIC) stays with its server in the tunnel',
    steps: [
      { add: { set: 'skype_peer4', key: pairKey(A, PEER)! } },
      { add: { set: 'skype_peer6', key: pairKey(A6, PEER6)! } },
      lan(u(A, 50001, PEER, 443), proxied('peer')),
      lan(u(A, 50002, PEER, 443), proxied('peer')),
      lan(u(A6, 50001, PEER6, 443), proxied('peer')),
      lan(u(A6, 50002, PEER6, 443), proxied('peer')),
      lan(u(B, 50002, PEER, 443), DIRECT),
    ],
  },
  {
    name: 'fragments over IPv6 go where the whole packet would',
    steps: [
      learned(A6),
      ...fragmentsOf(u(A6, P2P, PEER6, 40000, new Uint8Array(64)), 24).map((bytes, i) =>
        lan(bytes, i === 0 ? proxied('port') : { verdict: 'accept', mark: ONE, ctmark: ONE }),
      ),
      { set: 'skype_peer6', holds: [`${A6} ${PEER6}`] },
    ],
  },
];

/** The owner keeps 10.8.0.0/24 direct. */
export const TAKEN: Case[] = [
  {
    name: 'a private network that the owner keeps direct is open to the port',
    steps: [
      learned(A),
      lan(u(A, P2P, '10.8.0.9', 443), DIRECT),
      lan(u(A, P2P, '10.9.0.9', 443), RESET),
    ],
  },
];

export const CUTS: Case[] = [...ENDED, ...SILENCE, ...STALE, ...HALF_CLOSED, ...NEAR, ...MOVES];
