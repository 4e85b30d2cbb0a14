// Cases of the trace comparison about the identity of a device (its MAC for all its addresses of both families,
// or its address behind another router) and about how long its evidence is kept.
import {
  addressKey,
  deviceKey,
  macKey,
  pairKey,
  portKey,
} from '../../agent/src/ruleset/elements.ts';
import { fromHex } from '../fixtures/bytes.ts';
import { echo, natPmp, pcpMap, tcp, udp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B,
  B6,
  type Case,
  DIRECT,
  MAC_A,
  MAC_B,
  NODE,
  NODE6,
  OTHER,
  OTHER6,
  P2P,
  PEER,
  PEER2,
  PEER6,
  proxied,
  ROUTER,
  ROUTER6,
  type Step,
  type Want,
} from './cases.ts';

/** The later addresses of device A, and two devices behind another router. */
const LATER = '192.168.1.77';
const PRIVACY = 'fd00:1::a5a5:77';
const FAR_A = '192.168.1.201';
const FAR_B = '192.168.1.202';
const MAC_ROUTER = '02:00:00:00:00:99';
const LONG = 60000;

function from(mac: string | null, bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'lan', bytes, want, ...(mac === null ? {} : { mac }) } };
}

function lan(bytes: Uint8Array, want: Want): Step {
  return from(null, bytes, want);
}

function u(src: string, sport: number, dst: string, dport: number, payload?: Uint8Array) {
  return udp({ src, dst, sport, dport }, payload ?? new Uint8Array(20));
}

function t(src: string, sport: number, dst: string, dport: number, flags = 'S') {
  return tcp({ src, dst, sport, dport }, flags);
}

function known(address: string, timeout = LONG): Step {
  const set = `skype_addr${address.includes(':') ? 6 : 4}`;
  return { add: { set, key: addressKey(address)!, timeout } };
}

const asked: Step = { add: { set: 'skype_portmapmac', key: deviceKey(MAC_A)!, timeout: LONG } };
const router: Step = { add: { set: 'gateways', key: macKey(MAC_ROUTER)! } };
const MAPPED: Want = { ...DIRECT, logs: ['mapping'] };
const REFUSED: Want = { verdict: 'reject' };

export const DEVICE: Case[] = [
  {
    name: 'names asked over IPv6, NAT-PMP over IPv4: the port is learned, and of this device alone',
    steps: [
      asked,
      lan(u(B, 6000, ROUTER, 5351, natPmp(1, P2P, 3600)), DIRECT),
      lan(u(A, 6000, ROUTER, 5351, natPmp(1, P2P, 3600)), MAPPED),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'skype_udpmac', holds: [`${MAC_A} ${P2P}`] },
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      lan(u(A6, P2P, PEER6, 40000), proxied('port')),
      lan(u(B, P2P, PEER, 40000), DIRECT),
    ],
  },
  {
    name: 'names asked over IPv4, PCP over IPv6: the same',
    steps: [
      asked,
      lan(u(B6, 6000, ROUTER6, 5351, pcpMap(17, P2P, 3600)), DIRECT),
      lan(u(A6, 6000, ROUTER6, 5351, pcpMap(17, P2P, 3600)), MAPPED),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
    ],
  },
  {
    name: 'a new privacy address on the same socket is proxied from its first packet',
    steps: [
      lan(u(A6, P2P, NODE6, 40011), proxied('range')),
      from(MAC_A, u(PRIVACY, P2P, PEER6, 40000), proxied('port')),
      from(MAC_B, u('fd00:1::a5a5:78', P2P, PEER6, 40000), DIRECT),
      { set: 'skype_udp6', holds: [`${A6} ${P2P}`, `${PRIVACY} ${P2P}`] },
      { set: 'skype_peermac6', holds: [`${MAC_A} ${PEER6}`] },
      { set: 'skype_peer6', holds: [`${PRIVACY} ${PEER6}`] },
      // Packets from outside to the new address are refused too.
      {
        send: {
          from: 'wan',
          bytes: u(OTHER6, 40000, PRIVACY, P2P),
          want: { verdict: 'drop', logs: ['inbound'] },
        },
      },
    ],
  },
  {
    name: 'the lease of an address changes: port and peer are still the device’s',
    steps: [
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      from(MAC_A, u(LATER, P2P, PEER2, 40000), proxied('port')),
      from(MAC_A, t(LATER, 51000, PEER, 443), proxied('peer')),
      from(MAC_B, t('192.168.1.78', 51000, PEER, 443), DIRECT),
    ],
  },
  {
    name: 'what is known by address alone counts as well',
    steps: [
      { add: { set: 'skype_udp4', key: portKey(A, P2P)! } },
      { add: { set: 'skype_peer4', key: pairKey(B, PEER2)! } },
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      lan(t(B, 51000, PEER2, 443), proxied('peer')),
      { set: 'skype_udpmac', holds: [`${MAC_A} ${P2P}`] },
    ],
  },
  {
    name: 'behind another router addresses tell the devices, since its MAC tells none',
    steps: [
      router,
      from(MAC_ROUTER, u(FAR_A, P2P, NODE, 40011), proxied('range')),
      from(MAC_ROUTER, u(FAR_A, P2P, PEER, 40000), proxied('port')),
      from(MAC_ROUTER, u(FAR_B, P2P, PEER2, 40000), DIRECT),
      from(MAC_ROUTER, t(FAR_B, 51000, PEER, 443), DIRECT),
      from(MAC_ROUTER, t(FAR_A, 51000, PEER, 443), proxied('peer')),
      { set: 'skype_udpmac', holds: [] },
      { set: 'skype_peermac4', holds: [] },
      { set: 'skype_udp4', holds: [`${FAR_A} ${P2P}`] },
      { set: 'skype_peer4', holds: [`${FAR_A} ${PEER}`] },
      { set: 'skype_port_limit_mac', holds: [] },
      { set: 'skype_port_limit4', holds: [FAR_A] },
    ],
  },
  {
    name: 'a MAC that has become another router’s is no longer looked up',
    steps: [
      { add: { set: 'skype_udpmac', key: portKey(MAC_ROUTER, P2P)! } },
      from(MAC_ROUTER, u(FAR_A, P2P, PEER, 40000), proxied('port')),
      router,
      from(MAC_ROUTER, u(FAR_B, P2P, PEER, 40000), DIRECT),
    ],
  },
];

export const USE: Case[] = [
  {
    name: 'an endpoint outlives its name for the device that has used it, whatever the protocol',
    steps: [
      known(OTHER, 1500),
      known(OTHER6, 1500),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      lan(u(A6, 51000, OTHER6, 443), proxied('addr')),
      { set: 'skype_peer4', holds: [`${A} ${OTHER}`] },
      { set: 'skype_peermac4', holds: [`${MAC_A} ${OTHER}`] },
      { set: 'skype_peermac6', holds: [`${MAC_A} ${OTHER6}`] },
      { wait: 1700 },
      lan(t(A, 51001, OTHER, 443), proxied('peer')),
      lan(u(A, 51002, OTHER, 3478), proxied('peer')),
      lan(echo({ src: A, dst: OTHER, sport: 7 }), proxied('peer')),
      from(MAC_A, u(PRIVACY, 51001, OTHER6, 443), proxied('peer')),
      lan(t(B, 51001, OTHER, 443), DIRECT),
    ],
  },
  {
    name: 'what is left of a connection that the kernel has forgotten is reset, never direct',
    steps: [
      known(OTHER, 1000),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      { wait: 1200 },
      lan(t(A, 51001, OTHER, 443, 'A'), REFUSED),
      lan(t(A, 51002, OTHER, 443, 'PA'), REFUSED),
      lan(t(A, 51003, OTHER, 443, 'FA'), REFUSED),
      lan(u(A, 51004, OTHER, 443), proxied('peer')),
    ],
  },
  {
    name: 'a flow that has renewed what it uses a moment ago costs one look more than its mark',
    steps: [
      known(OTHER),
      lan(u(A, 51000, OTHER, 443), proxied('addr')),
      lan(u(A, 51000, OTHER, 443), proxied()),
      lan(u(A, 51000, OTHER, 443), { ...proxied(), cost: 9 }),
    ],
  },
];

/** Leases of one second. */
export const RENEWED: Case[] = [
  {
    name: 'each packet of a flow renews its server, by MAC and by address; silence ends it',
    steps: [
      known(OTHER, 1000),
      lan(u(A, 51000, OTHER, 443), proxied('addr')),
      ...[1, 2, 3].flatMap((): Step[] => [{ wait: 600 }, lan(u(A, 51000, OTHER, 443), proxied())]),
      { set: 'skype_peer4', holds: [`${A} ${OTHER}`] },
      { set: 'skype_peermac4', holds: [`${MAC_A} ${OTHER}`] },
      lan(t(A, 51001, OTHER, 443), proxied('peer')),
      { wait: 1200 },
      lan(t(A, 51002, OTHER, 443), DIRECT),
    ],
  },
  {
    name: 'each packet of a flow renews its port, by MAC and by address',
    steps: [
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      ...[1, 2, 3].flatMap((): Step[] => [{ wait: 600 }, lan(u(A, P2P, NODE, 40011), proxied())]),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      { set: 'skype_udpmac', holds: [`${MAC_A} ${P2P}`] },
      { wait: 1200 },
      { set: 'skype_udpmac', holds: [] },
    ],
  },
];

const far = (i: number) => `192.168.1.${100 + i}`;
const macAt = (i: number) => `02:00:00:00:01:${i.toString(16).padStart(2, '0')}`;

/** Caps of 16 ports and 16 peers: a device's share is two. */
export const SHARE_OF_DEVICE: Case[] = [
  {
    name: 'many source addresses of one MAC have one share',
    steps: [
      from(MAC_A, u(far(1), 1, NODE, 40011), proxied('range')),
      from(MAC_A, u(far(2), 1, NODE, 40011), proxied('range')),
      from(MAC_A, u(far(3), 1, NODE, 40011), proxied('full', 'range')),
      lan(u(B, 1, NODE, 40011), proxied('range')),
      { set: 'skype_port_limit_mac', holds: [MAC_A, MAC_B] },
      { set: 'skype_port_limit4', holds: [] },
    ],
  },
  {
    name: 'peers without end take none of the room of servers',
    steps: [
      { add: { set: 'skype_udpmac', key: portKey(MAC_A, P2P)! } },
      lan(u(A, P2P, '93.184.216.1', 1), proxied('port')),
      lan(u(A, P2P, '93.184.216.2', 1), proxied('port')),
      lan(u(A, P2P, '93.184.216.3', 1), proxied('full', 'port')),
      known(OTHER, 1000),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      { wait: 1200 },
      lan(t(A, 51001, OTHER, 443), proxied('peer')),
    ],
  },
];

/** Counters for two devices, and a cap of 64 ports. */
export const UNCOUNTED: Case[] = [
  {
    name: 'where no more devices can be counted, they are learned all the same',
    steps: [
      ...[1, 2, 3, 4].map((i) => from(macAt(i), u(far(i), 1, NODE, 40011), proxied('range'))),
      lan(u(A, P2P, NODE, 40011), proxied('range')),
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      { set: 'skype_port_limit_mac', holds: [macAt(1), macAt(2)] },
      {
        set: 'skype_udpmac',
        holds: [...[1, 2, 3, 4].map((i) => `${macAt(i)} 1`), `${MAC_A} ${P2P}`],
      },
    ],
  },
  {
    name: 'the same behind another router, where addresses are counted',
    steps: [
      router,
      ...[1, 2, 3, 4].map((i) => from(MAC_ROUTER, u(far(i), 1, NODE, 40011), proxied('range'))),
      { set: 'skype_port_limit4', holds: [far(1), far(2)] },
      { set: 'skype_udp4', holds: [1, 2, 3, 4].map((i) => `${far(i)} 1`) },
    ],
  },
];

/** A profile whose STUN servers are known by name only. */
export const ENDPOINT: Case[] = [
  {
    name: 'a UDP flow to an endpoint shows the P2P port: the call of the same socket is proxied',
    steps: [
      known(OTHER),
      known(OTHER6),
      lan(u(A, P2P, OTHER, 3478), proxied('addr')),
      { set: 'skype_udpmac', holds: [`${MAC_A} ${P2P}`] },
      lan(u(A, P2P, PEER, 40000), proxied('port')),
      lan(u(A6, P2P, PEER6, 40000), proxied('port')),
      lan(u(B6, 4711, OTHER6, 19302), proxied('addr')),
      lan(u(B6, 4711, PEER6, 40000), proxied('port')),
      lan(u(B, P2P, PEER, 40000), DIRECT),
    ],
  },
  {
    name: 'TCP, DNS, NTP and QUIC to an endpoint show no port, STUN to the same ports does',
    steps: [
      known(OTHER),
      lan(t(A, 5001, OTHER, 3478), proxied('addr')),
      lan(u(A, 5002, OTHER, 443), proxied('addr')),
      lan(u(A, 5003, OTHER, 123), proxied('addr')),
      lan(u(A, 5004, OTHER, 853), proxied('addr')),
      { set: 'skype_udpmac', holds: [] },
      { set: 'skype_tcpmac', holds: [] },
      lan(
        u(A, 5005, OTHER, 443, fromHex('00010000 2112a442 000000000000000000000000')),
        proxied('addr'),
      ),
      lan(u(A, 5006, OTHER, 443, fromHex('00010000 2112a4')), proxied('addr')),
      { set: 'skype_udpmac', holds: [`${MAC_A} 5005`] },
    ],
  },
];
