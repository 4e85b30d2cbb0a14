// Cases of the trace comparison about incoming calls: during a session the first ICE check of a new socket is
// dropped until the socket is known to be the app's.
import { addressKey, macKey } from '../../agent/src/ruleset/elements.ts';
import { fromHex } from '../fixtures/bytes.ts';
import { udp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B,
  type Case,
  DIRECT,
  lan,
  MAC_A,
  NODE,
  OTHER,
  OTHER6,
  P2P,
  PEER,
  PEER2,
  PEER6,
  proxied,
  type Step,
  t,
  type Want,
} from './cases.ts';

const BINDING = fromHex('00010000 2112a442 000000000000000000000000');
const WAITS: Want = { verdict: 'drop', logs: [] };
const PRIVACY = 'fd00:1::a5a5:77';
const MAC_ROUTER = '02:00:00:00:00:99';
/** A device behind another router. */
const FAR = '192.168.1.201';

function stun(src: string, sport: number, dst: string, dport = 40000) {
  return udp({ src, dst, sport, dport }, BINDING);
}

function known(address: string): Step {
  const set = `skype_addr${address.includes(':') ? 6 : 4}`;
  return { add: { set, key: addressKey(address)!, timeout: 60_000 } };
}

function from(mac: string, bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'lan', bytes, want, mac } };
}

/** A profile whose STUN servers are known by name. */
export const INCOMING: Case[] = [
  {
    name: 'a call that comes in: the first check waits for the STUN request of its socket',
    steps: [
      known(OTHER),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      lan(stun(A, P2P, PEER), WAITS),
      lan(stun(A, P2P, PEER2, 40001), WAITS),
      lan(stun(A, P2P, OTHER, 3478), proxied('addr')),
      lan(stun(A, P2P, PEER), proxied('port')),
      lan(stun(A, P2P, PEER2, 40001), proxied('port')),
    ],
  },
  {
    name: 'signalling over IPv4, the call from a new IPv6 address of the device',
    steps: [
      known(OTHER),
      known(OTHER6),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      from(MAC_A, stun(PRIVACY, P2P, PEER6), WAITS),
      from(MAC_A, stun(PRIVACY, P2P, OTHER6, 3478), proxied('addr')),
      from(MAC_A, stun(PRIVACY, P2P, PEER6), proxied('port')),
      lan(stun(A6, 4711, '2600:1f18::77'), WAITS),
    ],
  },
  {
    name: "another program's check passes with its next repetition",
    steps: [
      known(OTHER),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      lan(stun(A, 4711, PEER), WAITS),
      lan(stun(A, 4711, PEER), WAITS),
      { wait: 400 },
      lan(stun(A, 4711, PEER), DIRECT),
      lan(stun(A, 4711, PEER2), DIRECT),
      // Other packets of the same device do not wait, nor does TCP.
      lan(udp({ src: A, dst: PEER, sport: 4712, dport: 40000 }, new Uint8Array(20)), DIRECT),
      lan(t(A, 4713, PEER, 40000), DIRECT),
    ],
  },
  {
    name: 'a device without a session does not wait, nor does a flow that is under way',
    steps: [
      known(OTHER),
      lan(stun(A, 4711, PEER), DIRECT),
      lan(t(A, 51000, OTHER, 443), proxied('addr')),
      lan(stun(A, 4711, PEER), DIRECT),
      lan(stun(B, 4711, PEER), DIRECT),
    ],
  },
  {
    name: 'behind another router a session is one of the address',
    steps: [
      { add: { set: 'gateways', key: macKey(MAC_ROUTER)! } },
      known(OTHER),
      from(MAC_ROUTER, t(FAR, 51000, OTHER, 443), proxied('addr')),
      from(MAC_ROUTER, stun(FAR, P2P, PEER), WAITS),
      from(MAC_ROUTER, stun('192.168.1.202', P2P, PEER), DIRECT),
    ],
  },
];

/** A profile whose ranges show the port. */
export const INCOMING_RANGE: Case[] = [
  {
    name: 'a session that an operator range has begun',
    steps: [
      lan(stun(A, P2P, PEER), DIRECT),
      lan(t(A, 51000, NODE, 40011), proxied('range')),
      lan(stun(A, 4711, PEER), WAITS),
      lan(stun(A, 4711, NODE, 40011), proxied('range')),
      lan(stun(A, 4711, PEER), proxied('port')),
    ],
  },
];
