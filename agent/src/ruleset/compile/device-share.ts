// ruleset/compile/device-share: limits, counted by the kernel, for what one device may use of shared
// resources: new set elements, announced packets and DNS queries, each as burst and rate. Keyed by the
// device's MAC, or by its address behind another router or without Ethernet.
import type { App, Policy } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import type {
  Chain,
  Datatype,
  Expression,
  LearnedSet,
  LimitRate,
  Rule,
  Statement,
} from '../model.ts';
import { type AppFeed, GATEWAYS, logLimitSet, type ShareKind, setName } from '../names.ts';
import {
  accept,
  back,
  ether,
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

/** Announced flows of one device: a page load opens some dozens, a normal peer-to-peer call some a second. */
const LOG_LIMIT: LimitRate = { rate: 50, per: 'second', burst: 200 };
/** Devices with a counter; devices beyond share one counter. */
const DEVICES = 1024;
const FORGET_MILLISECONDS = 10000;

/** Kinds of new elements: P2P ports, peers, and servers learned from DNS or a TLS hello. */
export type Share = 'ports' | 'peers' | 'servers';

/** Kinds of the counter sets of a share. */
const OF_ADDRESS = { ports: 'port_limit', peers: 'peer_limit', servers: 'server_limit' } as const;
const OF_MAC = {
  ports: 'port_limit_mac',
  peers: 'peer_limit_mac',
  servers: 'server_limit_mac',
} as const;

/** Condition: the source MAC is present and identifies the device, since it is not another router's. */
export const isOnEthernet = notInSet(ether, GATEWAYS);

/**
 * Matches new elements beyond the share of a device: an eighth of the set's cap at once, and another eighth
 * within the lifetime of an element. With older elements a device holds three eighths at most. If the counter
 * set is full the statement does not match: then the cap of the set applies, and the agent evicts elements of
 * the device with the most.
 */
export function moreThanShare(app: App, share: Share, by: Family | 'mac') {
  const { caps } = app.profile;
  const cap = share === 'ports' ? caps.ports : caps.peers;
  const burst = Math.max(2, cap >> 3);
  const lease = leaseOf(app, share);
  // For a lease of days the rate for an hour would be below one, and rounding it up would allow too many.
  const [per, seconds] = lease > 86_400 ? (['week', 604_800] as const) : (['hour', 3600] as const);
  const rate = Math.max(1, Math.ceil((burst * seconds) / lease));
  const limit = { rate, per, burst };
  return by === 'mac'
    ? over(setName(app.name, OF_MAC[share], 4), ether, limit)
    : over(setName(app.name, OF_ADDRESS[share], by), saddr(by), limit);
}

function leaseOf(app: App, share: Share): number {
  const { peers, ports } = app.profile;
  return share === 'ports' ? ports.leaseSeconds : peers.leaseSeconds;
}

/**
 * Continues with a packet that may be announced, and accepts the packet of a device beyond its share. For
 * chains that end in accept anyway.
 */
export function unlessOverLogLimit(): Rule {
  return rule('told of so many of a device, no more', jump('log_limit'));
}

/** Limits announced packets of a device, by its address. */
export function withinLogLimit(family: Family, device: Expression): Statement {
  return pace(logLimitSet(family), device, LOG_LIMIT);
}

/**
 * Announces a packet of a device within the limit, by its address; for chains that do not accept the packet.
 */
export function announceBy(
  context: Context,
  feed: AppFeed,
  app: App,
  device: (family: Family) => Expression,
): Rule[] {
  return FAMILIES.map((family) =>
    rule('tell the agent', withinLogLimit(family, device(family)), logHeaders(context, feed, app)),
  );
}

/** Chains `log_limit` and `log_limit_mac`: limit announcements of all apps together. */
export function logLimitChains(): Chain[] {
  const counted = (by: Family | '_mac', device: Expression): Rule[] => [
    rule('too many', over(logLimitSet(by), device, LOG_LIMIT), accept),
    rule('counted', inSet(device, logLimitSet(by)), back),
  ];
  const rest = rule(
    'cannot be counted: all of them together',
    over(logLimitSet('_rest'), nfproto, LOG_LIMIT),
    accept,
  );
  return [
    { name: 'log_limit_mac', rules: [...counted('_mac', ether), rest] },
    {
      name: 'log_limit',
      rules: [
        rule('on Ethernet', isOnEthernet, goTo('log_limit_mac')),
        ...FAMILIES.flatMap((family) => counted(family, saddr(family))),
        rest,
      ],
    },
  ];
}

/** Condition on the family, for rules that test nothing else of it. */
export function isOf(family: Family) {
  return is(nfproto, NFPROTO[family]);
}

/** Counter sets for the shares of one app. */
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
    ...FAMILIES.map((family) => counts(OF_ADDRESS[share], share, family)),
    counts(OF_MAC[share], share, 'mac'),
  ]);
}

/** Counter sets shared by all apps, and the MACs of other routers. */
export function commonSets(): LearnedSet[] {
  return [
    countOf(logLimitSet(4), 'ipv4'),
    countOf(logLimitSet(6), 'ipv6'),
    countOf(logLimitSet('_mac'), 'ether'),
    { ...countOf(logLimitSet('_rest'), 'family'), size: FAMILIES.length },
    { ...countOf(GATEWAYS, 'ether'), size: MOST_GATEWAYS, timeout: null, dynamic: false },
  ];
}

/** A counter set whose elements expire ten seconds after the last packet. */
export function countOf(name: string, key: Datatype): LearnedSet {
  const timeout = FORGET_MILLISECONDS;
  return { role: 'learned', name, key: [key], size: DEVICES, timeout, dynamic: true };
}

/** Other routers of one home. */
export const MOST_GATEWAYS = 64;

/**
 * Milliseconds during which a flow that has renewed its elements does not renew them again: an eighth of the
 * shortest lease, at most ten seconds.
 */
export function renewedMilliseconds({ apps }: Policy): number {
  const leases = apps.flatMap(({ profile: { ports, peers } }) => [
    ports.leaseSeconds,
    peers.leaseSeconds,
  ]);
  return Math.min(10000, Math.floor((Math.min(...leases) * 1000) / 8));
}
