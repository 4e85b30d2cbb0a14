// The cases of the trace comparison, each group with the policy it is about.
import type { Policy } from '../../agent/src/policy/policy.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import {
  BESIDE,
  BYPASS,
  CASES,
  type Case,
  CONFINED,
  DOWN,
  FULL,
  HELLO,
  LEASE,
  LIMITED,
} from './cases.ts';
import { CUTS, TAKEN } from './cut-cases.ts';
import { DEVICE, ENDPOINT, RENEWED, SHARE_OF_DEVICE, UNCOUNTED, USE } from './device-cases.ts';
import { DNS_FLOWS } from './dns-cases.ts';
import { EXIT, EXIT_EXCEPTED, EXIT_LIMITED } from './exit-cases.ts';
import {
  BY_BOTH,
  BY_MAC,
  BY_NOBODY,
  EXCEPTED,
  LAPTOP,
  PAUSED,
  PINNED,
  PINS,
} from './owner-cases.ts';
import { SHARE } from './share-cases.ts';
import { INCOMING, INCOMING_RANGE } from './wait-cases.ts';

export interface Group {
  readonly cases: readonly Case[];
  readonly policy: Policy;
  /** Whether the tunnel is up. */
  readonly up: boolean;
}

const range = profile.ranges[0]!;
const other = {
  ...profile,
  name: 'other',
  ranges: [{ ...range, addresses: ['1.0.0.0/24'], ports: [443] }],
};

const except = [
  { ...range, addresses: ['91.190.216.0/21'], protocols: ['tcp' as const], ports: [12350] },
  { ...range, addresses: ['1.0.0.1'], ports: [443] },
];

const group = (cases: readonly Case[], policy: Policy, up = true): Group => ({ cases, policy, up });

export const GROUPS: readonly Group[] = [
  group([...CASES, ...CUTS], policyFrom({})),
  group(DNS_FLOWS, policyFrom({})),
  group(
    TAKEN,
    policyFrom({
      app: { except: [{ ...range, addresses: ['10.8.0.0/24'], protocols: ['udp'], ports: [443] }] },
    }),
  ),
  group(FULL, policyFrom({ profile: { caps: { endpoints: 2, ports: 2, peers: 2, devices: 2 } } })),
  group([...DEVICE, ...USE], policyFrom({})),
  group(
    [...ENDPOINT, ...INCOMING],
    policyFrom({ profile: { endpoints: { ...profile.endpoints, learn: ['udp'] } } }),
  ),
  group(INCOMING_RANGE, policyFrom({})),
  group(
    RENEWED,
    policyFrom({
      profile: { ports: { leaseSeconds: 1 }, peers: { enabled: true, leaseSeconds: 1 } },
    }),
  ),
  group(
    SHARE_OF_DEVICE,
    policyFrom({ profile: { caps: { endpoints: 16, ports: 16, peers: 16, devices: 16 } } }),
  ),
  group(
    UNCOUNTED,
    policyFrom({ profile: { caps: { endpoints: 16, ports: 64, peers: 64, devices: 2 } } }),
  ),
  group(
    LEASE,
    policyFrom({
      profile: { ports: { leaseSeconds: 1 }, peers: { enabled: true, leaseSeconds: 1 } },
    }),
  ),
  group(
    SHARE,
    policyFrom({ profile: { caps: { endpoints: 16, ports: 16, peers: 16, devices: 16 } } }),
  ),
  group(LIMITED, policyFrom({ app: { devices: ['192.168.1.10'] } })),
  group(BESIDE, policyFrom({ apps: [{}, { name: 'other', slot: 2, profile: other }] })),
  group(DOWN, policyFrom({}), false),
  group(HELLO, policyFrom({ resolverBypass: { hello: 'watch' } })),
  group(BYPASS, policyFrom({ resolverBypass: {} })),
  group(
    CONFINED,
    policyFrom({
      resolverBypass: {
        redirect: true,
        rejectDot: true,
        rejectDoh: true,
        devices: ['192.168.1.10', 'fd00:1::10'],
      },
    }),
  ),
  group(BY_MAC, policyFrom({ app: { macs: [LAPTOP] } })),
  group(BY_BOTH, policyFrom({ app: { macs: [LAPTOP], devices: ['192.168.1.11'] } })),
  group(BY_NOBODY, policyFrom({ app: { macs: [] } })),
  group(EXCEPTED, policyFrom({ app: { except } })),
  group(EXIT, policyFrom({})),
  group(EXIT_LIMITED, policyFrom({ app: { macs: [LAPTOP], devices: ['192.168.1.11'] } })),
  group(
    EXIT_EXCEPTED,
    policyFrom({
      app: { except: [{ ...range, addresses: ['1.0.0.1'], protocols: ['udp'], ports: [443] }] },
    }),
  ),
  group(PAUSED, policyFrom({})),
  group(PAUSED, policyFrom({ app: { macs: [LAPTOP] } })),
  group(
    PINS,
    policyFrom({ app: { pins: { ...range, addresses: PINNED, ports: [[0, 65535]], learn: [] } } }),
  ),
];
