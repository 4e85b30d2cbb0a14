// ruleset/compile/teach: chains that add what a packet of an application teaches: the P2P port of its device,
// a peer or a server. Each is added twice: by the device's MAC, which outlives address changes, and by its
// address, for packets to it and for devices without a usable MAC. Reached by jump; the chains return.
import type { App } from '../../policy/policy.ts';
import type { Family } from '../../wire/address.ts';
import { UDP } from '../../wire/packet.ts';
import type { Chain, Expression, Rule, Statement } from '../model.ts';
import type { FilledKind } from '../names.ts';
import {
  back,
  concat,
  daddr,
  dport,
  ether,
  goTo,
  hasMac,
  inSet,
  is,
  jump,
  l4proto,
  macParts,
  noneOf,
  oneOf,
  raw,
  rule,
  saddr,
  sportKey,
  update,
} from '../terms.ts';
import { appSet, type Context, logHeaders } from './context.ts';
import { isOnEthernet, moreThanShare, type Share, unlessOverLogLimit } from './device-share.ts';

export const KNOWN_BY_MAC = { udp: 'udpmac', tcp: 'tcpmac', peer: 'peermac' } as const;
type Taught = keyof typeof KNOWN_BY_MAC;

/** The elements for a device, in a set by its address and in one by its MAC. */
export interface ElementPair {
  readonly set: string;
  readonly element: Expression;
  readonly setMac: string;
  readonly elementMac: Expression;
  /** Conditions under which a packet has a MAC, where `elementMac` does not have them itself. */
  readonly whenMac: readonly Statement[];
}

/** `of`: the second field of the key: port or remote address. */
export function lessonOf(app: App, kind: Taught, family: Family, of: Expression): ElementPair {
  const byMac: FilledKind = KNOWN_BY_MAC[kind];
  return {
    set: appSet(app, kind, family),
    element: concat(saddr(family), of),
    setMac: appSet(app, byMac, family),
    elementMac: kind === 'peer' ? concat(...macParts, of) : concat(ether, of),
    whenMac: kind === 'peer' ? [hasMac] : [],
  };
}

/** The P2P port a packet is sent from. */
export function portLesson(app: App, transport: 'udp' | 'tcp', family: Family): ElementPair {
  return lessonOf(app, transport, family, sportKey);
}

/** The pair of a device and its remote address. */
export function pairLesson(app: App, family: Family): ElementPair {
  return lessonOf(app, 'peer', family, daddr(family));
}

/** Renews existing elements, each in a rule of its own, and never adds one. */
export function renewals(
  { set, element, setMac, elementMac, whenMac }: ElementPair,
  why: string,
  when: readonly Statement[] = [],
): Rule[] {
  return [
    rule(why, ...when, inSet(element, set), update(set, element)),
    rule(why, ...when, ...whenMac, inSet(elementMac, setMac), update(setMac, elementMac)),
  ];
}

/** The chains that add `lesson` within a device's share; the first to jump to is `name`. */
export function teachChains(
  app: App,
  name: string,
  lesson: ElementPair,
  share: Share,
  family: Family,
): Chain[] {
  const { set, element, setMac, elementMac } = lesson;
  const full = goTo(`${app.name}_full`);
  const learn = update(set, element);
  const learnMac = update(setMac, elementMac);
  const surplus = (by: Family | 'mac') =>
    rule('more than the share of a device', moreThanShare(app, share, by), full);
  return [
    {
      name: `${name}_mac`,
      rules: [
        rule('known', inSet(elementMac, setMac), learnMac, inSet(element, set), learn, back),
        surplus('mac'),
        rule('new, or at a new address', learnMac, learn, back),
        rule('no room in the set', full),
      ],
    },
    {
      name,
      rules: [
        rule('on Ethernet', isOnEthernet, goTo(`${name}_mac`)),
        rule('known', inSet(element, set), learn, back),
        surplus(family),
        rule('new', learn, back),
        rule('no room in the set', full),
      ],
    },
  ];
}

/**
 * Destination ports of DNS, NTP, QUIC and DNS over QUIC: source ports of such flows are no P2P ports, except
 * with STUN.
 */
export const OTHERS_PORTS: readonly number[] = [53, 123, 443, 853];
/** RFC 8489 section 5: the magic cookie, in the second word of the UDP payload. */
export const STUN_COOKIE = 0x2112a442;
/** Bit offset of that word from the UDP header. */
export const STUN_COOKIE_AT = 96;

/** Rules that learn the P2P port from a flow to an endpoint known by DNS, if the profile allows it. */
export function endpointLessons(app: App, family: Family): Rule[] {
  if (!(app.profile.endpoints.learn ?? []).includes('udp')) return [];
  const learn = jump(`${app.name}_own_udp${family}`);
  const udp = is(l4proto, UDP);
  return [
    rule('the P2P port of this device', udp, noneOf(dport, OTHERS_PORTS), learn),
    rule(
      'the P2P port of this device: STUN',
      udp,
      oneOf(dport, OTHERS_PORTS),
      is(raw(STUN_COOKIE_AT, 32), STUN_COOKIE),
      learn,
    ),
  ];
}

/** Announces that an element was not added, before the evidence of the packet is announced: the agent evicts elements,
 * and does not note this one as added (step/evidence). */
export function fullChain(context: Context, app: App): Chain {
  return {
    name: `${app.name}_full`,
    rules: [unlessOverLogLimit(), rule('no room', logHeaders(context, 'full', app))],
  };
}
