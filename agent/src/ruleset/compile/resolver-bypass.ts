// ruleset/compile/resolver-bypass: devices that use another resolver than the router's. New flows to port 53
// outside, to 853 and to known DoH services are recorded by device and port for status; by option they are
// redirected to the router or rejected.
import { markOf, WATCHED } from '../../policy/marks.ts';
import type { Policy } from '../../policy/policy.ts';
import { type Family, parseCidr } from '../../wire/address.ts';
import type { Chain, Datatype, NamedSet, Rule, Span, Statement, Verdict } from '../model.ts';
import { dohSet, ESCAPING_MACS, escapeSet, escapingSet, neverSet } from '../names.ts';
import {
  concat,
  ctMark,
  daddr,
  dispatch,
  dport,
  dportKey,
  ether,
  FAMILIES,
  goTo,
  hasState,
  iifname,
  inSet,
  is,
  l4proto,
  masked,
  NFPROTO,
  nfproto,
  noneOf,
  notInSet,
  oneOf,
  rule,
  saddr,
  TCP,
  UDP,
  update,
} from '../terms.ts';
import type { Context } from './context.ts';
import { keptElements } from './ranges.ts';

const DSTNAT = -100;
/** Devices recorded, each with up to three ports. */
const ESCAPES = 256;
const DAY = 86_400_000;
const DNS = 53;
/** RFC 7858 (DoT) and RFC 9250 (DoQ). */
const DOT = 853;
const HTTPS = 443;

/** In prerouting, before a flow is judged: a rejected flow needs no path. */
export function escapeRules(context: Context): Rule[] {
  if (context.policy.escape === undefined) return [];
  const ports: [number, Verdict][] = [DNS, DOT, HTTPS].map((port) => [
    port,
    { verdict: 'jump', chain: `escape${port}` },
  ]);
  return [rule('DNS past the router?', oneOf(l4proto, [TCP, UDP]), dispatch(dport, ports))];
}

/** At the input hook: DoT and DoQ to the router itself are unreadable too. */
export function ownDotRules(context: Context): Rule[] {
  if (context.policy.escape === undefined) return [];
  const started = hasState('new');
  const chain = goTo(`escape${DOT}`);
  return [
    rule('DoT or DoQ to the router', oneOf(l4proto, [TCP, UDP]), is(dport, DOT), started, chain),
  ];
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

/** An update of a full set ends the rule, so it has a rule of its own. */
function noted(family: Family, ...when: Statement[]): Rule {
  const device = concat(saddr(family), dportKey);
  return rule('for status', ...when, update(escapeSet(family), device));
}

function refused(context: Context, what: string, only?: Family, ...when: Statement[]): Rule[] {
  return FAMILIES.filter((family) => only === undefined || only === family).flatMap((family) =>
    escapeGuards(context.policy, family).map((guard) =>
      rule(`${what} is refused`, ...when, ...guard, goTo('refuse')),
    ),
  );
}

/** Alternative conditions under which the sender is a device of the options, like deviceGuards. */
function escapeGuards(policy: Policy, family: Family): Statement[][] {
  const { devices = [], macs } = policy.escape ?? {};
  const ours = is(nfproto, NFPROTO[family]);
  if (devices.length === 0 && macs === undefined) return [[ours]];
  const guards: Statement[][] = [];
  if (macs !== undefined && macs.length > 0) guards.push([ours, inSet(ether, ESCAPING_MACS)]);
  const some = devices.some((block) => parseCidr(block)?.family === family);
  if (some) guards.push([inSet(saddr(family), escapingSet(family))]);
  return guards;
}

/** Redirects flows that prerouting has marked as DNS, if their resolver is outside. */
function redirectChain(context: Context): Chain[] {
  const { globals, policy } = context;
  if (policy.escape?.redirect !== true) return [];
  const watched = is(masked(ctMark, globals.mask), markOf(globals.mask, WATCHED));
  const outside = [
    noneOf({ kind: 'fib', result: 'type' }, ['local']),
    noneOf({ kind: 'fib', result: 'oifname' }, globals.lan),
  ];
  const rules = FAMILIES.flatMap((family) =>
    escapeGuards(policy, family).map((guard) =>
      rule(
        "DNS to the router's own resolver",
        oneOf(iifname, globals.lan),
        watched,
        ...guard,
        oneOf(l4proto, [TCP, UDP]),
        is(dport, DNS),
        ...outside,
        notInSet(daddr(family), neverSet(family)),
        { kind: 'redirect', port: DNS },
      ),
    ),
  );
  const base = { type: 'nat', hook: 'prerouting', priority: DSTNAT } as const;
  return [{ name: 'to_router', base, rules }];
}

export function escapeSets(policy: Policy): NamedSet[] {
  const { escape } = policy;
  if (escape === undefined) return [];
  const macs = (escape.macs ?? []).map((mac): Span[] => [[mac, mac]]);
  const named: NamedSet[] =
    macs.length === 0
      ? []
      : [{ role: 'static', name: ESCAPING_MACS, key: ['ether'], elements: macs }];
  const sets = FAMILIES.flatMap((family): NamedSet[] => {
    const address: Datatype = family === 4 ? 'ipv4' : 'ipv6';
    const fixed = (name: string, list: readonly string[]): NamedSet => ({
      role: 'static',
      name,
      key: [address],
      elements: keptElements(name, list, family),
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
  return [...sets, ...named];
}
