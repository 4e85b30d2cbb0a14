// Cases of the trace comparison about the meter in postrouting: packets that leave outside the tunnels despite
// evidence, and packets that it must not count.
import { addressKey, familyKey, pairKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { echo, tcp, udp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B,
  type Case,
  DIRECT,
  NODE,
  OTHER,
  OTHER6,
  P2P,
  PEER,
  PEER6,
  type Step,
  type Want,
} from './cases.ts';
import { LAPTOP } from './owner-cases.ts';

const LEFT: Want = { ...DIRECT, logs: ['outside'] };

function lan(bytes: Uint8Array, want: Want, mac?: string): Step {
  return { send: { from: 'lan', bytes, want, ...(mac === undefined ? {} : { mac }) } };
}

function wan(bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'wan', bytes, want } };
}

/** A flow from `src` to `dst`, answered before there was evidence. */
function underWay(src: string, sport: number, dst: string, mac?: string): Step[] {
  return [
    lan(udp({ src, dst, sport, dport: 443 }), DIRECT, mac),
    wan(udp({ src: dst, dst: src, sport: 443, dport: sport }), DIRECT),
  ];
}

function more(src: string, sport: number, dst: string, want: Want, mac?: string): Step {
  return lan(udp({ src, dst, sport, dport: 443 }), want, mac);
}

const known = (set: string, key: Uint8Array | null): Step => ({
  add: { set, key: key!, ...(set.includes('addr') ? { timeout: 60000 } : {}) },
});

const STRANGER = '02:00:00:00:00:77';

export const EXIT: Case[] = [
  {
    name: 'the exit: a flow that began before its address was known is counted, some packets of many',
    steps: [
      ...underWay(A, 5000, OTHER),
      known('skype_addr4', addressKey(OTHER)),
      more(A, 5000, OTHER, LEFT),
      more(A, 5000, OTHER, LEFT),
      more(A, 5000, OTHER, { ...DIRECT, cost: 1 }),
      more(A, 5000, OTHER, { ...DIRECT, cost: 1 }),
      wan(udp({ src: OTHER, dst: A, sport: 443, dport: 5000 }), { ...DIRECT, cost: 1 }),
    ],
  },
  {
    name: 'the exit: the same of a port, of a peer and of IPv6',
    steps: [
      ...underWay(A, P2P, OTHER),
      ...underWay(B, 5000, PEER),
      ...underWay(A6, 5000, OTHER6),
      ...underWay(A6, 5000, PEER6),
      known('skype_udp4', portKey(A, P2P)),
      known('skype_peer4', pairKey(B, PEER)),
      known('skype_addr6', addressKey(OTHER6)),
      known('skype_peer6', pairKey(A6, PEER6)),
      more(A, P2P, OTHER, LEFT),
      more(B, 5000, PEER, LEFT),
      more(A6, 5000, OTHER6, LEFT),
      more(A6, 5000, PEER6, LEFT),
    ],
  },
  {
    name: "the exit: what is known of another device's port and peer says nothing",
    steps: [
      ...underWay(A, P2P, OTHER),
      ...underWay(A, 5000, PEER),
      known('skype_udp4', portKey(B, P2P)),
      known('skype_peer4', pairKey(B, PEER)),
      known('skype_tcp4', portKey(A, P2P)),
      more(A, P2P, OTHER, DIRECT),
      more(A, 5000, PEER, DIRECT),
    ],
  },
  {
    name: 'the exit: a connection, and an echo to a known address',
    steps: [
      lan(tcp({ src: A, dst: OTHER, sport: 5000, dport: 443 }, 'S'), DIRECT),
      wan(tcp({ src: OTHER, dst: A, sport: 443, dport: 5000 }, 'SA'), DIRECT),
      lan(echo({ src: B, dst: OTHER, sport: 7 }), DIRECT),
      wan(echo({ src: OTHER, dst: B, sport: 7 }, true), DIRECT),
      known('skype_addr4', addressKey(OTHER)),
      lan(tcp({ src: A, dst: OTHER, sport: 5000, dport: 443 }, 'A'), LEFT),
      lan(echo({ src: B, dst: OTHER, sport: 7 }), LEFT),
    ],
  },
  {
    name: 'the exit: nothing is said while the application is paused, or direct by its fallback',
    steps: [
      ...underWay(A, 5000, OTHER),
      ...underWay(B, 5000, OTHER),
      known('skype_addr4', addressKey(OTHER)),
      known('skype_paused', familyKey(4)),
      more(A, 5000, OTHER, DIRECT),
      lan(udp({ src: A, dst: NODE, sport: 5001, dport: 40011 }), DIRECT),
    ],
  },
  {
    name: 'the exit: nor while it is direct by its fallback',
    steps: [
      ...underWay(A, 5000, OTHER),
      known('skype_addr4', addressKey(OTHER)),
      known('skype_direct', familyKey(4)),
      more(A, 5000, OTHER, DIRECT),
    ],
  },
];

/** The app is limited to LAPTOP by its MAC and to device B by its address. */
export const EXIT_LIMITED: Case[] = [
  {
    name: 'the exit: only the devices of the application count',
    steps: [
      ...underWay(A, 5000, OTHER, STRANGER),
      ...underWay(B, 5000, OTHER),
      ...underWay(A, 5001, OTHER, LAPTOP),
      known('skype_addr4', addressKey(OTHER)),
      more(A, 5000, OTHER, DIRECT, STRANGER),
      more(B, 5000, OTHER, LEFT),
      more(A, 5001, OTHER, LEFT, LAPTOP),
    ],
  },
];

/** 1.0.0.1:443 is kept direct. */
export const EXIT_EXCEPTED: Case[] = [
  {
    name: 'the exit: what the owner keeps direct is not counted',
    steps: [
      ...underWay(A, 5000, OTHER),
      known('skype_addr4', addressKey(OTHER)),
      lan(udp({ src: A, dst: OTHER, sport: 5000, dport: 443 }), DIRECT),
      ...underWay(A, P2P, OTHER),
    ],
  },
];
