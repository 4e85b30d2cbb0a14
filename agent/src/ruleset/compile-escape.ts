// ruleset/compile-escape: devices that ask other resolvers than the router's. New flows to port 53
// outside, to 853 and to known DoH services are noted by device and port, for status; where the
// owner wants it they are turned round to the router or refused.
import { markOf, WATCHED } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import { type Family, parseCidr } from '../wire/address.ts';
import type { Context } from './context.ts';
import type { Chain, Datatype, Expression, NamedSet, Rule, Statement, Verdict } from './model.ts';
import { dohSet, escapeSet, escapingSet } from './names.ts';
import { addressElements } from './ranges.ts';
import {
  concat,
  ctMark,
  daddr,
  dispatch,
  dport,
  dportKey,
  FAMILIES,
  goTo,
  iifname,
  inSet,
  is,
  l4proto,
  masked,
  NFPROTO,
  nfproto,
  oneOf,
  rule,
  saddr,
  TCP,
  UDP,
  update,
} from './terms.ts';

const DSTNAT = -100;
/** Devices remembered; each with up to three ports. */
const ESCAPES = 256;
const DAY = 86_400_000;
const DNS = 53;
/** RFC 7858 (DoT) and RFC 9250 (DoQ). */
const DOT = 853;
const HTTPS = 443;

/** In prerouting, before a flow is judged: what is refused needs no path. */
export function escapeRules(context: Context): Rule[] {
  if (context.policy.escape === undefined) return [];
  const ports: [number, Verdict][] = [DNS, DOT, HTTPS].map((port) => [
    port,
    { verdict: 'jump', chain: `escape${port}` },
  ]);
  return [rule('DNS past the router?', oneOf(l4proto, [TCP, UDP]), dispatch(dport, ports))];
}

export function escapeChains(context: Context): Chain[] {
  const { escape } = context.policy;
  if (escape === undefined) return [];
  const known = (family: Family) => inSet(daddr(family), dohSet(family));
  return [
    { name: `escape${DNS}`, rules: FAMILIES.map((family) => noted(family)) },
    {
      name: `escape${DOT}`,
      rules: [
        ...FAMILIES.map((family) => noted(family)),
        ...(escape.rejectDot ? refused(context, 'DoT or DoQ') : []),
      ],
    },
    {
      name: `escape${HTTPS}`,
      rules: FAMILIES.flatMap((family) => [
        noted(family, known(family)),
        ...(escape.rejectDoh ? refused(context, 'DoH', family, known(family)) : []),
      ]),
    },
    ...redirectChain(context),
  ];
}

/** An update of a full set ends the rule: it stands alone. */
function noted(family: Family, ...when: Statement[]): Rule {
  const device = concat(saddr(family), dportKey);
  return rule('for status', ...when, update(escapeSet(family), device));
}

function refused(context: Context, what: string, only?: Family, ...when: Statement[]): Rule[] {
  return FAMILIES.filter((family) => only === undefined || only === family).flatMap((family) => {
    const guard = escapeGuard(context.policy, saddr(family), family);
    return guard === null ? [] : [rule(`${what} is refused`, ...when, ...guard, goTo('refuse'))];
  });
}

/** That `address` is a device the options apply to; null when they apply to none of the family. */
function escapeGuard(policy: Policy, address: Expression, family: Family): Statement[] | null {
  const devices = policy.escape?.devices ?? [];
  if (devices.length === 0) return [is(nfproto, NFPROTO[family])];
  const some = devices.some((block) => parseCidr(block)?.family === family);
  return some ? [inSet(address, escapingSet(family))] : null;
}

/** Prerouting has marked what goes to a resolver outside, and nothing else. */
function redirectChain(context: Context): Chain[] {
  const { globals, policy } = context;
  if (policy.escape?.redirect !== true) return [];
  const outside = is(masked(ctMark, globals.mask), markOf(globals.mask, WATCHED));
  const rules = FAMILIES.flatMap((family) => {
    const guard = escapeGuard(policy, saddr(family), family);
    if (guard === null) return [];
    const which = [oneOf(l4proto, [TCP, UDP]), is(dport, DNS)];
    return [
      rule(
        "DNS to the router's own resolver",
        oneOf(iifname, globals.lan),
        outside,
        ...guard,
        ...which,
        { kind: 'redirect', port: DNS },
      ),
    ];
  });
  const base = { type: 'nat', hook: 'prerouting', priority: DSTNAT } as const;
  return [{ name: 'to_router', base, rules }];
}

export function escapeSets(policy: Policy): NamedSet[] {
  const { escape } = policy;
  if (escape === undefined) return [];
  return FAMILIES.flatMap((family): NamedSet[] => {
    const address: Datatype = family === 4 ? 'ipv4' : 'ipv6';
    const fixed = (name: string, list: readonly string[]): NamedSet => ({
      role: 'static',
      name,
      key: [address],
      elements: addressElements(list, family),
    });
    return [
      fixed(dohSet(family), escape.doh),
      ...(escape.devices.length === 0 ? [] : [fixed(escapingSet(family), escape.devices)]),
      {
        role: 'learned',
        name: escapeSet(family),
        key: [address, 'raw'],
        size: ESCAPES,
        timeout: DAY,
        dynamic: true,
      },
    ];
  });
}
