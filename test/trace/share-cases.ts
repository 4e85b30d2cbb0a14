// Cases of the trace comparison about a device's share of the dynamic sets: a flood of ports, peers or mappings
// costs only that device. Caps of 16 ports and 16 peers: a share is two.
import { addressKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { natPmp, udp } from '../fixtures/packets.ts';
import {
  A,
  A6,
  B,
  B6,
  type Case,
  DIRECT,
  NODE,
  NODE6,
  P2P,
  PEER,
  proxied,
  ROUTER,
  type Step,
  type Want,
} from './cases.ts';

function lan(src: string, sport: number, dst: string, dport: number, want: Want): Step {
  return {
    send: { from: 'lan', bytes: udp({ src, dst, sport, dport }, new Uint8Array(20)), want },
  };
}

function mapping(src: string, port: number, ...logs: string[]): Step {
  const bytes = udp({ src, dst: ROUTER, sport: 6000, dport: 5351 }, natPmp(1, port, 3600));
  return { send: { from: 'lan', bytes, want: { ...DIRECT, logs } } };
}

export const SHARE: Case[] = [
  {
    name: 'ports beyond a device’s share are not learned; the flow is proxied, others learn',
    steps: [
      lan(A, 1, NODE, 40011, proxied('range')),
      lan(A, 2, NODE, 40011, proxied('range')),
      lan(A, 3, NODE, 40011, proxied('full', 'range')),
      lan(B, 1, NODE, 40011, proxied('range')),
      { set: 'skype_udp4', holds: [`${A} 1`, `${A} 2`, `${B} 1`] },
    ],
  },
  {
    name: 'a port that is known is renewed whatever the share',
    steps: [
      lan(A, 1, NODE, 40011, proxied('range')),
      lan(A, 2, NODE, 40011, proxied('range')),
      lan(A, 1, NODE, 40012, proxied('range')),
      lan(A, 2, NODE, 40012, proxied('range')),
      lan(A, 3, NODE, 40012, proxied('full', 'range')),
    ],
  },
  {
    name: 'peers beyond a device’s share are not learned; another’s are',
    steps: [
      { add: { set: 'skype_udp4', key: portKey(A, P2P)! } },
      { add: { set: 'skype_udp4', key: portKey(B, P2P)! } },
      lan(A, P2P, '93.184.216.1', 1, proxied('port')),
      lan(A, P2P, '93.184.216.2', 1, proxied('port')),
      lan(A, P2P, '93.184.216.3', 1, proxied('full', 'port')),
      lan(B, P2P, PEER, 1, proxied('port')),
      {
        set: 'skype_peer4',
        holds: [`${A} 93.184.216.1`, `${A} 93.184.216.2`, `${B} ${PEER}`],
      },
    ],
  },
  {
    name: 'mappings beyond a device’s share teach nothing; another’s do',
    steps: [
      { add: { set: 'skype_portmap4', key: addressKey(A)! } },
      { add: { set: 'skype_portmap4', key: addressKey(B)! } },
      mapping(A, 101, 'mapping'),
      mapping(A, 102, 'mapping'),
      mapping(A, 103, 'full', 'mapping'),
      mapping(B, 101, 'mapping'),
      { set: 'skype_udp4', holds: [`${A} 101`, `${A} 102`, `${B} 101`] },
    ],
  },
  {
    name: 'the shares of IPv6 devices',
    steps: [
      lan(A6, 1, NODE6, 40011, proxied('range')),
      lan(A6, 2, NODE6, 40011, proxied('range')),
      lan(A6, 3, NODE6, 40011, proxied('full', 'range')),
      lan(B6, 1, NODE6, 40011, proxied('range')),
      { set: 'skype_udp6', holds: [`${A6} 1`, `${A6} 2`, `${B6} 1`] },
    ],
  },
];
