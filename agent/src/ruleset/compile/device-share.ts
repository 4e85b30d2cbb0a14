// ruleset/compile/device-share: what one device may take of what all share, counted by the kernel: a burst and a
// rate of new entries, of announced packets and of DNS requests. A device is counted by its MAC; one that
// has none here (another router in between, no Ethernet) by its address. Used by the compile files that
// teach and announce.
import type { App, Policy } from '../../policy/policy.ts';
import type { Family } from '../../wire/address.ts';
import type { Chain, Datatype, Expression, LearnedSet, Rate, Rule, Statement } from '../model.ts';
import { type AppFeed, GATEWAYS, loudSet, type ShareKind, setName } from '../names.ts';
import {
  accept,
  back,
  ether,
  FAMILIES,
  goTo,
  inSet,
  is,
  jump,
  NFPROTO,
  nfproto,
  notInSet,
  over,
  pace,
  rule,
  saddr,
} from '../terms.ts';
import { type Context, logHeaders } from './context.ts';

/** Announced flows of one device: a page load opens some dozens, an honest peer some a second. */
const LOUD: Rate = { rate: 50, per: 'second', burst: 200 };
/** Devices whose announcements are counted; those beyond have one count together. */
const DEVICES = 1024;
const FORGET_MILLISECONDS = 10000;

/** What new entries are counted for: P2P ports, peers, and servers that DNS or a TLS hello has told. */
export type Share = 'ports' | 'peers' | 'servers';

const OF_MAC = { ports: 'portsmac', peers: 'peersmac', servers: 'serversmac' } as const;

/** The hardware address tells the device: no other router sends by it, and there is one. */
export const isOnEthernet = notInSet(ether, GATEWAYS);

/**
 * More than an eighth of a set at once, and another eighth in the time that an entry lives: with what
 * was there before, a device can hold three eighths at most. Where no more devices can be counted it is
 * not "more": the set's own cap holds then, and the agent makes room by who holds most.
 */
export function moreThanShare(app: App, share: Share, by: Family | 'mac') {
  const { caps } = app.profile;
  const cap = share === 'ports' ? caps.ports : caps.peers;
  const burst = Math.max(2, cap >> 3);
  const lease = leaseOf(app, share);
  // Of a lease of days the rate an hour would be less than one, and one is too many.
  const [per, seconds] = lease > 86_400 ? (['week', 604_800] as const) : (['hour', 3600] as const);
  const rate = Math.max(1, Math.ceil((burst * seconds) / lease));
  const limit = { rate, per, burst };
  return by === 'mac'
    ? over(setName(app.name, OF_MAC[share], 4), ether, limit)
    : over(setName(app.name, share, by), saddr(by), limit);
}

function leaseOf(app: App, share: Share): number {
  const { peers, ports } = app.profile;
  return share === 'ports' ? ports.leaseSeconds : peers.leaseSeconds;
}

/** Goes on with a packet that the agent may be told of, and accepts one of a device that is announced too
 * often. For chains that end in accept in any case. */
export function unlessLoud(): Rule {
  return rule('told of so many of a device, no more', jump('loud'));
}

/** Lets a packet be announced, so many of a device, by its address. */
export function loud(family: Family, device: Expression): Statement {
  return pace(loudSet(family), device, LOUD);
}

/** Tells the agent of a packet of a device, by its address, unless there are too many of it; for chains
 * that do not let the packet pass. */
export function announceBy(
  context: Context,
  feed: AppFeed,
  app: App,
  device: (family: Family) => Expression,
): Rule[] {
  return FAMILIES.map((family) =>
    rule('tell the agent', loud(family, device(family)), logHeaders(context, feed, app)),
  );
}

/** `loud`, of all apps together. */
export function countChains(): Chain[] {
  const counted = (by: Family | 'mac', device: Expression): Rule[] => [
    rule('too many', over(loudSet(by), device, LOUD), accept),
    rule('counted', inSet(device, loudSet(by)), back),
  ];
  const rest = rule(
    'cannot be counted: all of them together',
    over(loudSet('rest'), nfproto, LOUD),
    accept,
  );
  return [
    { name: 'loud_mac', rules: [...counted('mac', ether), rest] },
    {
      name: 'loud',
      rules: [
        rule('on Ethernet', isOnEthernet, goTo('loud_mac')),
        ...FAMILIES.flatMap((family) => counted(family, saddr(family))),
        rest,
      ],
    },
  ];
}

/** Whether the packet is one of this family: for rules that look at nothing of it but the MAC. */
export function isOf(family: Family) {
  return is(nfproto, NFPROTO[family]);
}

/** The counts behind the shares of one app. */
export function shareSets(app: App): LearnedSet[] {
  const counts = (kind: ShareKind, share: Share, by: Family | 'mac'): LearnedSet => ({
    role: 'learned',
    name: setName(app.name, kind, by === 6 ? 6 : 4),
    key: [by === 'mac' ? 'ether' : by === 4 ? 'ipv4' : 'ipv6'],
    size: app.profile.caps.devices,
    timeout: leaseOf(app, share) * 1000,
    dynamic: true,
  });
  return (['ports', 'peers', 'servers'] as const).flatMap((share) => [
    ...FAMILIES.map((family) => counts(share, share, family)),
    counts(OF_MAC[share], share, 'mac'),
  ]);
}

/** The counts that all apps share, and the other routers of the home. */
export function commonSets(): LearnedSet[] {
  return [
    countOf(loudSet(4), 'ipv4'),
    countOf(loudSet(6), 'ipv6'),
    countOf(loudSet('mac'), 'ether'),
    { ...countOf(loudSet('rest'), 'family'), size: FAMILIES.length },
    { ...countOf(GATEWAYS, 'ether'), size: MOST_GATEWAYS, timeout: null, dynamic: false },
  ];
}

/** Who is counted, each for ten seconds after the last packet. */
export function countOf(name: string, key: Datatype): LearnedSet {
  const timeout = FORGET_MILLISECONDS;
  return { role: 'learned', name, key: [key], size: DEVICES, timeout, dynamic: true };
}

/** Other routers of one home. */
export const MOST_GATEWAYS = 64;

/** Milliseconds for which a flow that has renewed what it uses is let alone: an eighth of the shortest
 * lease, ten seconds at most. */
export function freshMilliseconds({ apps }: Policy): number {
  const leases = apps.flatMap(({ profile: { ports, peers } }) => [
    ports.leaseSeconds,
    peers.leaseSeconds,
  ]);
  return Math.min(10000, Math.floor((Math.min(...leases) * 1000) / 8));
}
