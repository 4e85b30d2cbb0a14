// ruleset/compile/resolver-bypass: devices that use another resolver than the router's. New flows to port 53
// outside, to 853 and to known DoH services are recorded by device and port for status; by option they are
// redirected to the router or rejected.

import { markOf, WATCHED } from '../../policy/marks.ts';
import type { Policy } from '../../policy/policy.ts';
import { FAMILIES, type Family, parseCidr } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import { DNS_PORT, DOT_PORT, HTTPS_PORT } from '../../wire/ports.ts';
import type { Chain, Datatype, NamedSet, Rule, Span, Statement, Verdict } from '../model.ts';
import { bogonSet, bypassSet, dohSet, FORCE_DNS_MACS, forceDnsSet } from '../names.ts';
import {
  concat,
  ctMark,
  daddr,
  dispatch,
  dport,
  dportKey,
  ether,
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
  update,
} from '../terms.ts';
import type { Context } from './context.ts';
import { keptElements } from './ranges.ts';

const DSTNAT = -100;
/** Devices recorded, each with up to three ports. */
const BYPASSES = 256;
const DAY = 86_400_000;

/** In prerouting, before a flow is judged: a rejected flow needs no path. */
export function bypassRules(context: Context): Rule[] {
  if (context.policy.resolverBypass === undefined) return [];
  const ports: [number, Verdict][] = [DNS_PORT, DOT_PORT, HTTPS_PORT].map((port) => [
    port,
    { verdict: 'jump', chain: `dns_bypass${port}` },
  ]);
  return [rule('DNS past the router?', oneOf(l4proto, [TCP, UDP]), dispatch(dport, ports))];
}

/** At the input hook: DoT and DoQ to the router itself are unreadable too. */
export function ownDotRules(context: Context): Rule[] {
  if (context.policy.resolverBypass === undefined) return [];
  const started = hasState('new');
  const chain = goTo(`dns_bypass${DOT_PORT}`);
  return [
    rule(
      'DoT or DoQ to the router',
      oneOf(l4proto, [TCP, UDP]),
      is(dport, DOT_PORT),
      started,
      chain,
    ),
  ];
}

export function bypassChains(context: Context): Chain[] {
  const { resolverBypass } = context.policy;
  if (resolverBypass === undefined) return [];
  const known = (family: Family) => inSet(daddr(family), dohSet(family));
  return [
    { name: `dns_bypass${DNS_PORT}`, rules: FAMILIES.map((family) => noted(family)) },
    {
      name: `dns_bypass${DOT_PORT}`,
      rules: [
        ...FAMILIES.map((family) => noted(family)),
        ...(resolverBypass.rejectDot ? refused(context, 'DoT or DoQ') : []),
      ],
    },
    {
      name: `dns_bypass${HTTPS_PORT}`,
      rules: FAMILIES.flatMap((family) => [
        noted(family, known(family)),
        ...(resolverBypass.rejectDoh ? refused(context, 'DoH', family, known(family)) : []),
      ]),
    },
    ...redirectChain(context),
  ];
}

/** An update of a full set ends the rule, so it has a rule of its own. */
function noted(family: Family, ...when: Statement[]): Rule {
  const device = concat(saddr(family), dportKey);
  return rule('for status', ...when, update(bypassSet(family), device));
}

function refused(context: Context, what: string, only?: Family, ...when: Statement[]): Rule[] {
  return FAMILIES.filter((family) => only === undefined || only === family).flatMap((family) =>
    forceDnsGuards(context.policy, family).map((guard) =>
      rule(`${what} is refused`, ...when, ...guard, goTo('refuse')),
    ),
  );
}

/** Alternative conditions under which the sender is a device of the options, like deviceGuards. */
function forceDnsGuards(policy: Policy, family: Family): Statement[][] {
  const { devices = [], macs } = policy.resolverBypass ?? {};
  const ours = is(nfproto, NFPROTO[family]);
  if (devices.length === 0 && macs === undefined) return [[ours]];
  const guards: Statement[][] = [];
  if (macs !== undefined && macs.length > 0) guards.push([ours, inSet(ether, FORCE_DNS_MACS)]);
  const some = devices.some((block) => parseCidr(block)?.family === family);
  if (some) guards.push([inSet(saddr(family), forceDnsSet(family))]);
  return guards;
}

/** Redirects flows that prerouting has marked as DNS, if their resolver is outside. */
function redirectChain(context: Context): Chain[] {
  const { globals, policy } = context;
  if (policy.resolverBypass?.redirect !== true) return [];
  const watched = is(masked(ctMark, globals.mask), markOf(globals.mask, WATCHED));
  const outside = [
    noneOf({ kind: 'fib', result: 'type' }, ['local']),
    noneOf({ kind: 'fib', result: 'oifname' }, globals.lan),
  ];
  const rules = FAMILIES.flatMap((family) =>
    forceDnsGuards(policy, family).map((guard) =>
      rule(
        "DNS to the router's own resolver",
        oneOf(iifname, globals.lan),
        watched,
        ...guard,
        oneOf(l4proto, [TCP, UDP]),
        is(dport, DNS_PORT),
        ...outside,
        notInSet(daddr(family), bogonSet(family)),
        { kind: 'redirect', port: DNS_PORT },
      ),
    ),
  );
  const base = { type: 'nat', hook: 'prerouting', priority: DSTNAT } as const;
  return [{ name: 'dns_redirect', base, rules }];
}

export function bypassSets(policy: Policy): NamedSet[] {
  const { resolverBypass } = policy;
  if (resolverBypass === undefined) return [];
  const macs = (resolverBypass.macs ?? []).map((mac): Span[] => [[mac, mac]]);
  const named: NamedSet[] =
    macs.length === 0
      ? []
      : [{ role: 'static', name: FORCE_DNS_MACS, key: ['ether'], elements: macs }];
  const sets = FAMILIES.flatMap((family): NamedSet[] => {
    const address: Datatype = family === 4 ? 'ipv4' : 'ipv6';
    const fixed = (name: string, list: readonly string[]): NamedSet => ({
      role: 'static',
      name,
      key: [address],
      elements: keptElements(name, list, family),
    });
    return [
      fixed(dohSet(family), resolverBypass.doh),
      ...(resolverBypass.devices.length === 0
        ? []
        : [fixed(forceDnsSet(family), resolverBypass.devices)]),
      {
        role: 'learned',
        name: bypassSet(family),
        key: [address, 'raw'],
        size: BYPASSES,
        timeout: DAY,
        dynamic: true,
      },
    ];
  });
  return [...sets, ...named];
}
