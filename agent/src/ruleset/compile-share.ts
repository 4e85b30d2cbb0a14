// ruleset/compile-share: what one device may take of what all share, counted by the kernel: a burst and a
// rate of new entries, of announced packets and of DNS requests. A device is counted by its MAC; one that
// has none here (another router in between, no Ethernet) by its address. Used by the compile files that
// teach and announce.
import type { App, Policy } from '../policy/policy.ts';
import type { Family } from '../wire/address.ts';
import { type Context, logHeaders } from './context.ts';
import type { Chain, Expression, LearnedSet, Rate, Rule } from './model.ts';
import {
  type AppFeed,
  COUNTS,
  type Counted,
  countSet,
  GATEWAYS,
  type ShareKind,
  setName,
} from './names.ts';
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
} from './terms.ts';

/** Announced flows of one device: a page load opens some dozens, an honest peer some a second. DNS
 * requests of one device that the agent is told of, to open its mapping window. */
const RATES: { readonly [what in Counted]: Rate } = {
  loud: { rate: 50, per: 'second', burst: 200 },
  asking: { rate: 100, per: 'second', burst: 400 },
};
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
  const rate = Math.max(1, Math.ceil((burst * 3600) / leaseOf(app, share)));
  const limit = { rate, per: 'hour', burst } as const;
  return by === 'mac'
    ? over(setName(app.name, OF_MAC[share], 4), ether, limit)
    : over(setName(app.name, share, by), saddr(by), limit);
}

function leaseOf(app: App, share: Share): number {
  const { peers, ports } = app.profile;
  return share === 'ports' ? ports.leaseSeconds : peers.leaseSeconds;
}

/** Goes on with a packet that the agent may be told of, and accepts one of a device that is announced,
 * or asks, too often. For chains that end in accept in any case. */
export function unlessLoud(what: Counted): Rule {
  return rule('told of so many of a device, no more', jump(what));
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
    rule(
      'tell the agent',
      pace(countSet('loud', family), device(family), RATES.loud),
      logHeaders(context, feed, app),
    ),
  );
}

/** `loud` and `asking`, of all apps together. */
export function countChains(): Chain[] {
  return COUNTS.flatMap((what) => {
    const rate = RATES[what];
    const counted = (by: Family | 'mac', device: Expression): Rule[] => [
      rule('too many', over(countSet(what, by), device, rate), accept),
      rule('counted', inSet(device, countSet(what, by)), back),
    ];
    const rest = rule(
      'cannot be counted: all of them together',
      over(countSet(what, 'rest'), nfproto, rate),
      accept,
    );
    return [
      { name: `${what}_mac`, rules: [...counted('mac', ether), rest] },
      {
        name: what,
        rules: [
          rule('on Ethernet', isOnEthernet, goTo(`${what}_mac`)),
          ...FAMILIES.flatMap((family) => counted(family, saddr(family))),
          rest,
        ],
      },
    ];
  });
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
  const counted = (name: string, key: LearnedSet['key'], size: number): LearnedSet => ({
    role: 'learned',
    name,
    key,
    size,
    timeout: FORGET_MILLISECONDS,
    dynamic: true,
  });
  return [
    ...COUNTS.flatMap((what) => [
      counted(countSet(what, 4), ['ipv4'], DEVICES),
      counted(countSet(what, 6), ['ipv6'], DEVICES),
      counted(countSet(what, 'mac'), ['ether'], DEVICES),
      counted(countSet(what, 'rest'), ['family'], FAMILIES.length),
    ]),
    { ...counted(GATEWAYS, ['ether'], MOST_GATEWAYS), timeout: null, dynamic: false },
  ];
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
