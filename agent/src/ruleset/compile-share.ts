// ruleset/compile-share: what one device may take of what all share. A device that maps ports, opens
// peers or starts flows without end fills neither the sets nor the agent's ears: it has a burst and
// a rate of its own, counted by the kernel. Used by the compile files that teach and announce.
import type { App } from '../policy/policy.ts';
import type { Family } from '../wire/address.ts';
import { type Context, logHeaders } from './context.ts';
import type { Datatype, Expression, LearnedSet, Rule, Statement } from './model.ts';
import { type AppFeed, loudSet, querySet, setName } from './names.ts';
import { FAMILIES, inSet, notInSet, pace, rule, saddr, update } from './terms.ts';

/** Announced flows of one device: a page load opens some dozens, an honest peer some a second. */
const LOUD = { rate: 50, per: 'second', burst: 200 } as const;
/** DNS requests of one device that the agent is told of, to open its mapping window. */
const QUERIES = { rate: 100, per: 'second', burst: 400 } as const;
/** Devices whose announcements are counted; one more is not announced while they are all loud. */
const DEVICES = 1024;
const FORGET_MILLISECONDS = 10000;

export type Taught = 'udp' | 'tcp' | 'peer';

/**
 * An eighth of a set at once, and another eighth in the time that an entry lives: with what was
 * there before, a device can hold three eighths at most.
 */
function shareOf(app: App, kind: Taught, family: Family, device: Expression): Statement {
  const { caps, peers, ports } = app.profile;
  const cap = kind === 'peer' ? caps.peers : caps.ports;
  const lease = kind === 'peer' ? peers.leaseSeconds : ports.leaseSeconds;
  const burst = Math.max(2, cap >> 3);
  // Of a lease of days the rate an hour would be less than one, and one is too many.
  const [per, seconds] = lease > 86_400 ? (['week', 604_800] as const) : (['hour', 3600] as const);
  const rate = Math.max(1, Math.ceil((burst * seconds) / lease));
  return pace(setName(app.name, paceOf(kind), family), device, { rate, per, burst });
}

function paceOf(kind: Taught): 'ports' | 'peers' {
  return kind === 'peer' ? 'peers' : 'ports';
}

/**
 * Renews an element or adds it, the latter within the device's share; and says so when there is no
 * room for it. Each in a rule of its own: an update that fails ends its rule.
 */
export function teach(
  context: Context,
  app: App,
  what: { readonly kind: Taught; readonly family: Family; readonly element: Expression },
  why: string,
  when: readonly Statement[] = [],
): Rule[] {
  const { kind, family, element } = what;
  const set = setName(app.name, kind, family);
  const device = saddr(family);
  return [
    rule(why, ...when, inSet(element, set), update(set, element)),
    rule(
      `${why}: new, within its share`,
      ...when,
      notInSet(element, set),
      shareOf(app, kind, family, device),
      update(set, element),
    ),
    rule(
      `${set} is full, or the device's share of it`,
      ...when,
      notInSet(element, set),
      loud(family, device),
      logHeaders(context, 'full', app),
    ),
  ];
}

/** Lets a device's packet be announced, so many a second. */
export function loud(family: Family, device: Expression): Statement {
  return pace(loudSet(family), device, LOUD);
}

/** Tells the agent of a packet of `device`, unless it is too loud; the packet goes on in any case. */
export function announce(
  context: Context,
  feed: AppFeed,
  app: App,
  why: string,
  device: (family: Family) => Expression,
  families: readonly Family[] = FAMILIES,
): Rule[] {
  return families.map((family) =>
    rule(why, loud(family, device(family)), logHeaders(context, feed, app)),
  );
}

/** The condition under which the agent is told of a device's DNS request, by family. */
export function askable(): Statement[] {
  return FAMILIES.map((family) => pace(querySet(family), saddr(family), QUERIES));
}

/** The counts behind the shares of one app. */
export function shareSets(app: App, family: Family): LearnedSet[] {
  const { caps, peers, ports } = app.profile;
  const counts = (kind: 'ports' | 'peers', leaseSeconds: number): LearnedSet => ({
    role: 'learned',
    name: setName(app.name, kind, family),
    key: [addressType(family)],
    size: caps.devices,
    timeout: leaseSeconds * 1000,
    dynamic: true,
  });
  return [counts('ports', ports.leaseSeconds), counts('peers', peers.leaseSeconds)];
}

/** The counts that all apps share. */
export function loudSets(family: Family): LearnedSet[] {
  return [loudSet(family), querySet(family)].map((name) => ({
    role: 'learned',
    name,
    key: [addressType(family)],
    size: DEVICES,
    timeout: FORGET_MILLISECONDS,
    dynamic: true,
  }));
}

function addressType(family: Family): Datatype {
  return family === 4 ? 'ipv4' : 'ipv6';
}
