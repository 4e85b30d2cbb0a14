// Cases of the trace comparison about the owner's choices: devices by MAC, destinations kept direct, a paused
// app.
import { addressKey, familyKey } from '../../agent/src/ruleset/elements.ts';
import { echo, natPmp, tcp, udp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B,
  type Case,
  DIRECT,
  LOGIN,
  NODE,
  NODE6,
  OTHER,
  P2P,
  PEER,
  proxied,
  ROUTER,
  type Step,
  type Want,
} from './cases.ts';

export const LAPTOP = '02:00:00:00:00:0a';
const PHONE = '02:00:00:00:00:0b';

function from(mac: string, bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'lan', bytes, want, mac } };
}

function u(src: string, sport: number, dst: string, dport: number, payload?: Uint8Array) {
  return udp({ src, dst, sport, dport }, payload);
}

function asked(device: string): Step {
  return { add: { set: 'skype_portmap4', key: addressKey(device)! } };
}

function fromOutside(dst: string, want: Want): Step {
  return { send: { from: 'wan', bytes: u(PEER, 40000, dst, P2P), want } };
}

/** The app is limited to LAPTOP. */
export const BY_MAC: Case[] = [
  {
    name: 'a device told by its MAC, whatever its address, over both families',
    steps: [
      from(LAPTOP, u(A, P2P, NODE, 40011), proxied('range')),
      from(PHONE, u(B, P2P, NODE, 40011), DIRECT),
      // IPv6 of a proxied application is refused, so that it falls back to IPv4.
      from(LAPTOP, u(A6, P2P, NODE6, 40011), { ...proxied('range') }),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
      fromOutside(A, { verdict: 'drop', logs: ['inbound'] }),
      fromOutside(B, DIRECT),
    ],
  },
  {
    name: 'another device at the same address is not it',
    steps: [from(PHONE, u(A, P2P, NODE, 40011), DIRECT)],
  },
  {
    name: 'port mappings count from that device only',
    steps: [
      asked(A),
      asked(B),
      from(PHONE, u(B, 6000, ROUTER, 5351, natPmp(1, P2P, 3600)), DIRECT),
      { set: 'skype_udp4', holds: [] },
      from(LAPTOP, u(A, 6000, ROUTER, 5351, natPmp(1, P2P, 3600)), {
        ...DIRECT,
        logs: ['mapping'],
      }),
      { set: 'skype_udp4', holds: [`${A} ${P2P}`] },
    ],
  },
];

/** The app is limited to device B by its address, and to LAPTOP by its MAC. */
export const BY_BOTH: Case[] = [
  {
    name: 'by MAC or by address: either is enough',
    steps: [
      from(LAPTOP, u(A, P2P, NODE, 40011), proxied('range')),
      from(PHONE, u(B, P2P, NODE, 40011), proxied('range')),
      from(PHONE, u(A, 5000, NODE, 40011), DIRECT),
    ],
  },
];

/** The app is limited to a host name that no device has. */
export const BY_NOBODY: Case[] = [
  {
    name: 'limited to a device that is not known yet: nobody is looked at',
    steps: [from(LAPTOP, u(A, P2P, NODE, 40011), DIRECT)],
  },
];

/** The login range, TCP, is kept direct. */
export const EXCEPTED: Case[] = [
  {
    name: 'a destination that the owner keeps direct, and nothing beside it',
    steps: [
      from(LAPTOP, tcp({ src: A, dst: LOGIN, sport: 50000, dport: 12350 }, 'S'), DIRECT),
      from(LAPTOP, u(A, P2P, NODE, 40011), proxied('range')),
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      from(LAPTOP, u(A, 5000, OTHER, 443), DIRECT),
      from(LAPTOP, u(A, 5000, OTHER, 444), proxied('addr')),
    ],
  },
];

function paused(family: 4 | 6): Step {
  return { add: { set: 'skype_paused', key: familyKey(family) } };
}

/** Paused and resumed by elements of the standing table. */
export const PAUSED: Case[] = [
  {
    name: 'a paused app: new flows are not looked at, nor those from outside',
    steps: [
      paused(4),
      from(LAPTOP, u(A, P2P, NODE, 40011), DIRECT),
      { set: 'skype_udp4', holds: [] },
      asked(A),
      from(LAPTOP, u(A, 6000, ROUTER, 5351, natPmp(1, P2P, 3600)), {
        ...DIRECT,
        logs: ['mapping'],
      }),
      fromOutside(A, DIRECT),
      // The gate of one family does not affect the other.
      from(LAPTOP, u(A6, P2P, NODE6, 40011), proxied('range')),
    ],
  },
  {
    name: 'a flow that is in the tunnel stays there while its app is paused',
    steps: [
      from(LAPTOP, u(A, P2P, NODE, 40011), proxied('range')),
      paused(4),
      from(LAPTOP, u(A, P2P, NODE, 40011), proxied()),
      from(LAPTOP, u(A, P2P, NODE, 40012), DIRECT),
    ],
  },
];

const PIN = '198.51.100.77';
const PIN6 = '2001:db8:77::1';
export const PINNED: readonly string[] = [PIN, PIN6];

/** PINNED is pinned. */
export const PINS: Case[] = [
  {
    name: "a pinned address is the app's on every port of TCP and UDP, and its neighbour is not",
    steps: [
      from(LAPTOP, u(A, 5000, PIN, 1), proxied('range')),
      from(PHONE, tcp({ src: B, dst: PIN, sport: 50000, dport: 65535 }, 'S'), proxied('range')),
      from(LAPTOP, u(A6, 5000, PIN6, 443), proxied('range')),
      from(LAPTOP, echo({ src: A, dst: PIN, sport: 77 }), DIRECT),
      from(LAPTOP, u(A, 5001, '198.51.100.78', 1), DIRECT),
    ],
  },
];
