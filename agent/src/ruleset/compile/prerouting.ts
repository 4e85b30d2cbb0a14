// ruleset/compile/prerouting: the chain that classifies packets before routing. One rule accepts unrelated
// flows, the second dispatches known flows; the first packet of any other flow is tested against the
// evidence, and the packet that teaches already takes the right path.

import { CROWD, JUDGED, markOf, UNDECIDED, WATCHED } from '../../policy/marks.ts';
import type { App } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import type { Chain, Rule, Verdict } from '../model.ts';
import {
  accept,
  back,
  concat,
  ctMark,
  daddr,
  dispatch,
  dport,
  ether,
  goTo,
  hasState,
  iifname,
  inSet,
  is,
  isFirst,
  jump,
  l4proto,
  macParts,
  masked,
  NFPROTO,
  nfproto,
  noneOf,
  oneOf,
  rule,
  saddr,
  sportKey,
  TRANSPORTS,
} from '../terms.ts';
import {
  appSet,
  type Context,
  deviceGuards,
  isLimited,
  MANGLE,
  setMark,
  unlessPaused,
  whileWhole,
} from './context.ts';
import { isOnEthernet, logLimitChains } from './device-share.ts';
import { dnsRule } from './dns.ts';
import { bogonEntries, cutEntry, staleRules } from './ended-flows.ts';
import { evidence, evidenceChains, lateChain, lessonChains, takeChain } from './evidence.ts';
import { flowChains } from './known-flow.ts';
import { bypassRules } from './resolver-bypass.ts';
import { fullChain, KNOWN_BY_MAC } from './teach.ts';
import { helloChains, helloRules, namedRule, readsHello } from './tls-hello.ts';
import { waitRules } from './wait.ts';

/** The base chain and all chains that only it reaches. */
export function compilePrerouting(context: Context): Chain[] {
  const { apps, globals } = context.policy;
  const own = masked(ctMark, globals.mask);
  const known: [number, Verdict][] = apps.map((app) => [
    markOf(globals.mask, app.slot),
    { verdict: 'goto', chain: `${app.name}_flow` },
  ]);
  for (const mark of [WATCHED, CROWD]) {
    known.push([markOf(globals.mask, mark), { verdict: 'accept' }]);
  }
  known.push(cutEntry(context, 'cut'));
  if (readsHello(context)) {
    known.push([markOf(globals.mask, UNDECIDED), { verdict: 'goto', chain: 'hello' }]);
  }
  const admissions = apps.flatMap((app) => admission(app));
  const base: Chain = {
    name: 'prerouting',
    base: { type: 'filter', hook: 'prerouting', priority: MANGLE },
    rules: [
      rule('unrelated flow', is(own, 0), hasState('established', 'related'), accept),
      rule('known flow', dispatch(own, known)),
      rule('from elsewhere', noneOf(iifname, globals.lan), goTo('outside')),
      whileWhole('judge'),
    ],
  };
  const judging: Chain = {
    name: 'judge',
    rules: [
      // Also packets to the router or to multicast groups: port forwarding back into the home (NAT loopback)
      // and multicast routing forward such packets.
      rule('judged here: the guard lets it pass', setMark(context, 'meta', JUDGED)),
      dnsRule(),
      rule(
        'to the router or to many',
        oneOf({ kind: 'fib', result: 'type' }, ['local', 'broadcast', 'multicast', 'anycast']),
        accept,
      ),
      rule('home to home', oneOf({ kind: 'fib', result: 'oifname' }, globals.lan), accept),
      ...bogonEntries(),
      ...bypassRules(context),
      ...admissions,
      ...waitRules(context.policy),
      ...staleRules(context),
      ...helloRules(context),
    ],
  };
  return [
    base,
    judging,
    ...logLimitChains(),
    ...apps.flatMap((app) => appChains(context, app)),
    ...helloChains(context, admissions),
  ];
}

/** Rules that pass a new flow to an application, limited to its devices, unless it is paused. */
function admission(app: App): Rule[] {
  const why = `is it ${app.profile.name}?`;
  if (!isLimited(app)) {
    const entries: [number, Verdict][] = FAMILIES.map((family) => [
      NFPROTO[family],
      { verdict: 'jump', chain: `${app.name}_new${family}` },
    ]);
    return [rule(why, unlessPaused(app), dispatch(nfproto, entries))];
  }
  return FAMILIES.flatMap((family) =>
    deviceGuards(app, saddr(family), family).map((guard) =>
      rule(why, ...guard, unlessPaused(app), jump(`${app.name}_new${family}`)),
    ),
  );
}

function appChains(context: Context, app: App): Chain[] {
  return [
    ...FAMILIES.flatMap((family) => [
      newChain(context, app, family),
      byMacChain(app, family),
      ...evidenceChains(context, app, family),
      ...lessonChains(app, family),
    ]),
    fullChain(context, app),
    evidence(context, app, 'range', 'range', 'address and port of the operator'),
    evidence(context, app, 'window', 'window', "a stranger's request came just before"),
    takeChain(context, app),
    lateChain(context, app),
    ...flowChains(context, app),
  ];
}

/** Tests the first packet of a flow, from the surest evidence to the weakest. */
function newChain(context: Context, app: App, family: Family): Chain {
  const { name, profile } = app;
  const target = concat(daddr(family), l4proto, dport);
  const rules = [
    ...((app.except ?? []).length > 0
      ? [rule('the owner keeps it direct', inSet(target, appSet(app, 'except', family)), back)]
      : []),
    rule(
      'operator range that shows the P2P port',
      inSet(target, appSet(app, 'learn', family)),
      goTo(`${name}_mark_learn${family}`),
    ),
    rule('operator range', inSet(target, appSet(app, 'range', family)), goTo(`${name}_mark_range`)),
    rule(
      'pinned by the owner',
      inSet(daddr(family), appSet(app, 'pin', family)),
      oneOf(l4proto, [TCP, UDP]),
      goTo(`${name}_mark_range`),
    ),
    rule(
      'endpoint by DNS',
      inSet(daddr(family), appSet(app, 'addr', family)),
      goTo(`${name}_mark_addr${family}`),
    ),
    ...(readsHello(context) ? [namedRule(app, family)] : []),
    rule(
      'what is known of the device, at whatever address',
      isOnEthernet,
      jump(`${name}_mac${family}`),
    ),
    ...TRANSPORTS.map(([transport, number]) =>
      rule(
        'from the P2P port',
        is(l4proto, number),
        inSet(concat(saddr(family), sportKey), appSet(app, transport, family)),
        goTo(`${name}_mark_${transport}${family}`),
      ),
    ),
  ];
  // Needed even if the profile teaches no peers: the agent adds flows that it moves to this set.
  const pair = concat(saddr(family), daddr(family));
  const peers = appSet(app, 'peer', family);
  rules.push(rule('device and its peer', inSet(pair, peers), goTo(`${name}_mark_peer${family}`)));
  if (profile.request.enabled) {
    const window = appSet(app, 'request', family);
    // Only for the first packet of a flow: an older unanswered flow is still "new" to conntrack, and probably
    // not the application's.
    rules.push(
      rule('request window', inSet(saddr(family), window), isFirst, goTo(`${name}_mark_window`)),
    );
  }
  return { name: `${name}_new${family}`, rules };
}

/** The same tests as by address, keyed by the device's MAC. */
function byMacChain(app: App, family: Family): Chain {
  const { name } = app;
  const pair = concat(...macParts, daddr(family));
  const rules = TRANSPORTS.map(([transport, number]) =>
    rule(
      'from the P2P port',
      is(l4proto, number),
      inSet(concat(ether, sportKey), appSet(app, KNOWN_BY_MAC[transport], family)),
      goTo(`${name}_mark_${transport}${family}`),
    ),
  );
  const known = inSet(pair, appSet(app, 'peermac', family));
  rules.push(rule('device and its peer', known, goTo(`${name}_mark_peer${family}`)));
  return { name: `${name}_mac${family}`, rules };
}
