// Cases of the trace comparison about which flows are DNS: those whose first packet went to port 53, wherever
// the resolver is.
import { addressKey } from '../../agent/src/ruleset/elements.ts';
import { echo, icmpError, tcp, udp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B6,
  type Case,
  DIRECT,
  OTHER,
  OTHER6,
  proxied,
  ROUTER,
  ROUTER6,
  type Step,
  type Want,
} from './cases.ts';

const WATCH = 0x0f000000;
const ASKED: Want = { verdict: 'accept', mark: 0, ctmark: WATCH, logs: ['query'] };
const ANSWERED: Want = { verdict: 'accept', mark: 0, ctmark: WATCH, logs: ['answer'] };
const RESET: Want = { verdict: 'reject', logs: [] };

function lan(bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'lan', bytes, want } };
}

function wan(bytes: Uint8Array, want: Want): Step {
  return { send: { from: 'wan', bytes, want } };
}

function u(src: string, sport: number, dst: string, dport: number): Uint8Array {
  return udp({ src, dst, sport, dport });
}

function t(src: string, sport: number, dst: string, dport: number, flags: string): Uint8Array {
  return tcp({ src, dst, sport, dport }, flags);
}

/** Resolvers beyond the WAN at addresses that are not public. */
const BEHIND = ['10.20.0.53', '100.64.0.53', '172.16.9.53', '169.254.7.53'];

export const DNS_FLOWS: Case[] = [
  ...BEHIND.map((resolver) => ({
    name: `a resolver at ${resolver} behind the WAN is watched`,
    steps: [
      lan(u(A, 5353, resolver, 53), ASKED),
      wan(u(resolver, 53, A, 5353), ANSWERED),
      lan(t(A, 5354, resolver, 53, 'S'), ASKED),
      wan(t(resolver, 53, A, 5354, 'SA'), ANSWERED),
      lan(u(A, 5355, resolver, 54), DIRECT),
    ],
  })),
  {
    name: 'a resolver with a unique local IPv6 address behind the WAN is watched',
    steps: [
      lan(u(A6, 5353, 'fd00:9::53', 53), ASKED),
      wan(u('fd00:9::53', 53, A6, 5353), ANSWERED),
    ],
  },
  {
    name: 'a resolver in another network of the home is watched, its answers as well',
    steps: [
      lan(u(A, 5353, '192.168.2.53', 53), ASKED),
      lan(u('192.168.2.53', 53, A, 5353), ANSWERED),
      lan(u(A6, 5353, B6, 53), ASKED),
      lan(u(B6, 53, A6, 5353), ANSWERED),
    ],
  },
  {
    name: 'a flow to the router’s own resolver is known for what it is',
    steps: [
      lan(u(A, 5353, ROUTER, 53), ASKED),
      lan(u(A6, 5353, ROUTER6, 53), ASKED),
      lan(u(A, 5355, ROUTER, 54), DIRECT),
    ],
  },
  {
    name: 'from port 53 to another port is no DNS',
    steps: [
      lan(u(A, 53, OTHER, 4000), DIRECT),
      wan(u(OTHER, 4000, A, 53), DIRECT),
      wan(u(OTHER, 53, A, 4001), DIRECT),
    ],
  },
  {
    name: 'a resolver among an application’s servers stays proxied, and is watched',
    steps: [
      { add: { set: 'skype_addr4', key: addressKey(OTHER)!, timeout: 60000 } },
      lan(u(A, 5353, OTHER, 53), proxied('addr', 'query')),
    ],
  },
  {
    name: 'a DNS stream whose beginning nobody saw is reset',
    steps: [
      lan(t(A, 5353, OTHER, 53, 'A'), RESET),
      lan(t(A6, 5353, OTHER6, 53, 'A'), RESET),
      lan(t(A, 5354, ROUTER, 53, 'PA'), RESET),
      lan(t(A, 5355, '10.20.0.53', 53, 'A'), RESET),
      lan(t(A, 5356, OTHER, 54, 'A'), DIRECT),
    ],
  },
  {
    name: 'what has no ports is no DNS',
    steps: [
      lan(echo({ src: A, dst: OTHER, sport: 53 }), DIRECT),
      lan(u(A, 5353, '10.20.0.53', 53), ASKED),
      wan(icmpError({ src: '10.20.0.53', dst: A }, u(A, 5353, '10.20.0.53', 53)), {
        verdict: 'accept',
        ctmark: WATCH,
        logs: [],
      }),
    ],
  },
];
