// ruleset/compile/exit-meter: counts application packets that leave beside the tunnels. The chain runs before
// the source NAT of the WAN and tests packets from the home against the sets again, independent of earlier
// decisions. It counts and announces, and changes nothing.
import { markOf } from '../../policy/marks.ts';
import type { App } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import type { Chain, Rule, Statement, Verdict } from '../model.ts';
import {
  bogonSet,
  GROUNDS,
  type Ground,
  gateName,
  outsideCounter,
  outsidePrefix,
} from '../names.ts';
import {
  accept,
  back,
  concat,
  count,
  ctMark,
  daddr,
  dispatch,
  dport,
  goTo,
  hasState,
  iifname,
  inSet,
  is,
  isNot,
  jump,
  l4proto,
  masked,
  NFPROTO,
  nfproto,
  noneOf,
  notInSet,
  oifname,
  oneOf,
  rule,
  saddr,
  sent,
  sportKey,
  TRANSPORTS,
} from '../terms.ts';
import { appSet, type Context, deviceGuards, logEvidence, unlessPaused } from './context.ts';
import { withinLogLimit } from './device-share.ts';
import { readsHello } from './tls-hello.ts';

/** After all filter chains (fw4: 0) and before source NAT (100): devices still have their own addresses. */
const BEFORE_SRCNAT = 99;
/**
 * Of an unmarked established flow only packets 2 and 3 of each 256 are tested; the others cost one rule. Not
 * packets 0 and 1: without conntrack accounting the kernel reports 0 for every packet.
 */
const LOOK_MASK = 0xfe;
const LOOK_AT = 2;

export function exitChains(context: Context): Chain[] {
  const { apps, globals } = context.policy;
  if (apps.length === 0) return [];
  const own = masked(ctMark, globals.mask);
  const ours: [number, Verdict][] = apps.map(({ name, slot }) => [
    markOf(globals.mask, slot),
    { verdict: 'goto', chain: `${name}_misrouted` },
  ]);
  return [
    {
      name: 'exit',
      base: { type: 'filter', hook: 'postrouting', priority: BEFORE_SRCNAT },
      rules: [
        rule(
          'unrelated flow',
          is(own, 0),
          hasState('established', 'related'),
          isNot(masked(sent, LOOK_MASK), LOOK_AT),
          accept,
        ),
        rule(
          'from home, by none of our ways',
          oneOf(iifname, globals.lan),
          noneOf(oifname, [...globals.lan, ...context.tunnels]),
          goTo('exit_home'),
        ),
      ],
    },
    {
      name: 'exit_home',
      rules: [
        rule('a flow of ours', dispatch(own, ours)),
        ...FAMILIES.map((family) =>
          rule(
            'not the public Internet, or a proxy',
            inSet(daddr(family), bogonSet(family)),
            accept,
          ),
        ),
        ...apps.flatMap(judged),
      ],
    },
    ...apps.flatMap((app) => [
      ...FAMILIES.map((family) => groundsChain(context, app, family)),
      ...GROUNDS.filter((ground) => ground !== 'hello' || readsHello(context)).map((ground) =>
        countedChain(context, app, ground),
      ),
      misroutedChain(app),
    ]),
  ];
}

/** Not while a pause, the schedule or `fallback direct` lets the app pass. */
function judged(app: App): Rule[] {
  return FAMILIES.flatMap((family) =>
    deviceGuards(app, saddr(family), family).map((guard) =>
      rule(
        `is it ${app.profile.name}?`,
        ...(guard.length === 0 ? [is(nfproto, NFPROTO[family])] : guard),
        unlessPaused(app),
        notInSet(nfproto, gateName(app.name, 'direct')),
        jump(`${app.name}_outside${family}`),
      ),
    ),
  );
}

/** Those conditions of prerouting that last: a packet that matches one is the application's. */
function groundsChain(context: Context, app: App, family: Family): Chain {
  const { name } = app;
  const target = concat(daddr(family), l4proto, dport);
  const pair = concat(saddr(family), daddr(family));
  const to = (ground: Ground): Statement => goTo(`${name}_outside_${ground}`);
  const set = (kind: Parameters<typeof appSet>[1]): string => appSet(app, kind, family);
  return {
    name: `${name}_outside${family}`,
    rules: [
      ...((app.except ?? []).length > 0
        ? [rule('the owner keeps it direct', inSet(target, set('except')), back)]
        : []),
      rule('operator range', inSet(target, set('learn')), to('range')),
      rule('operator range', inSet(target, set('range')), to('range')),
      rule(
        'pinned by the owner',
        inSet(daddr(family), set('pin')),
        oneOf(l4proto, [TCP, UDP]),
        to('range'),
      ),
      rule('endpoint by DNS', inSet(daddr(family), set('addr')), to('addr')),
      ...(readsHello(context)
        ? [rule('named by its TLS hello', inSet(pair, set('hello')), to('hello'))]
        : []),
      ...TRANSPORTS.map(([transport, number]) =>
        rule(
          'from the P2P port',
          is(l4proto, number),
          inSet(concat(saddr(family), sportKey), set(transport)),
          to('port'),
        ),
      ),
      rule('device and its peer', inSet(pair, set('peer')), to('peer')),
    ],
  };
}

function countedChain(context: Context, app: App, ground: Ground): Chain {
  const log = logEvidence(context, outsidePrefix(app.name, ground));
  return {
    name: `${app.name}_outside_${ground}`,
    rules: [
      rule('counted', count(outsideCounter(app.name))),
      ...FAMILIES.map((family) =>
        rule('tell the agent', withinLogLimit(family, saddr(family)), log),
      ),
      rule('on its way', accept),
    ],
  };
}

/** Flows with our mark: a foreign rule rerouted the packet, and the forward chain did not refuse it. */
function misroutedChain({ name }: App): Chain {
  return {
    name: `${name}_misrouted`,
    rules: [
      rule("direct by the owner's choice", inSet(nfproto, gateName(name, 'direct')), accept),
      rule('a way that is none of ours', goTo(`${name}_outside_mark`)),
    ],
  };
}
