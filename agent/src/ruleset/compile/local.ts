// ruleset/compile/local: packets from and to the router itself: packets from a tunnel, and the router's own
// ICMP errors about proxied flows. DNS and port mappings are in files of their own.

import { foreignBits, JUDGED, markOf } from '../../policy/marks.ts';
import type { App } from '../../policy/policy.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import { PORTMAP_PORT } from '../../wire/ports.ts';
import type { Chain, Verdict } from '../model.ts';
import {
  accept,
  ctMark,
  dispatch,
  dport,
  drop,
  field,
  goTo,
  hasState,
  iifname,
  is,
  isNot,
  l4proto,
  masked,
  metaMark,
  noneOf,
  oifname,
  oneOf,
  rule,
  saddr,
} from '../terms.ts';
import { type Context, MANGLE, setMark } from './context.ts';
import { dnsChains, ownAnswerRules, ownQueryRules, queryChain } from './dns.ts';
import { cutEntry, questionRule } from './ended-flows.ts';
import { BEFORE_FILTER, innerFamily } from './forward.ts';
import { mappingChains } from './port-mapping.ts';
import { ownDotRules } from './resolver-bypass.ts';

const RAW = -300;

export function compileLocal(context: Context): Chain[] {
  return [
    inputChain(context),
    ...dnsChains(context),
    queryChain(),
    ...mappingChains(context),
    ...fromTunnelChain(context),
    ...outputChains(context),
  ];
}

function inputChain(context: Context): Chain {
  const { lan, mask } = context.globals;
  const tunnels =
    context.tunnels.length === 0
      ? []
      : [rule('through a tunnel', oneOf(iifname, context.tunnels), goTo('from_tunnel'))];
  return {
    name: 'input',
    base: { type: 'filter', hook: 'input', priority: BEFORE_FILTER },
    rules: [
      ...tunnels,
      rule('only home devices teach', noneOf(iifname, lan), accept),
      rule(
        'judged, and for the router: nobody else sees the mark',
        is(masked(metaMark, mask), markOf(mask, JUDGED)),
        setMark(context, 'meta', 0),
      ),
      rule(
        'DNS and port mapping',
        is(l4proto, UDP),
        dispatch(dport, [
          [53, { verdict: 'goto', chain: 'query' }],
          [PORTMAP_PORT, { verdict: 'goto', chain: 'mapping' }],
        ]),
      ),
      rule('DNS over TCP', is(l4proto, TCP), is(dport, 53), goTo('query')),
      ...ownQueryRules(),
      ...ownDotRules(context),
    ],
  };
}

/** Through a tunnel only the proxy may send echo requests to the router. */
function fromTunnelChain(context: Context): Chain[] {
  if (context.tunnels.length === 0) return [];
  const echo = context.policy.proxies.map((proxy) => {
    const family = innerFamily(proxy.remote);
    const request = family === 4 ? is(field('icmp type'), 8) : is(field('icmpv6 type'), 128);
    return rule('the proxy asks', is(saddr(family), proxy.remote), request, accept);
  });
  return [
    {
      name: 'from_tunnel',
      rules: [
        rule('answers to the router', hasState('established', 'related'), accept),
        ...echo,
        rule('nothing new comes out of a tunnel', drop),
      ],
    },
  ];
}

function outputChains(context: Context): Chain[] {
  const { globals, policy } = context;
  const ownMark = masked(metaMark, globals.mask);
  const flows: [number, Verdict][] = policy.apps.map((app) => [
    markOf(globals.mask, app.slot),
    { verdict: 'goto', chain: `${app.name}_icmp_error` },
  ]);
  const chains: Chain[] = [
    {
      name: 'outer',
      base: { type: 'filter', hook: 'output', priority: RAW },
      rules: [
        questionRule(context),
        rule(
          'the tunnel packet around a proxied one inherits its mark: it must not be routed by it',
          isNot(ownMark, 0),
          { kind: 'mark', target: 'meta', keep: foreignBits(globals.mask), value: 0 },
        ),
      ],
    },
    {
      name: 'output',
      base: { type: 'filter', hook: 'output', priority: BEFORE_FILTER },
      rules: ownAnswerRules(context),
    },
  ];
  if (flows.length > 0) {
    chains.push(reflectChain(context, [...flows, cutEntry(context, 'icmp_error_cut')]));
  }
  return [...chains, ...policy.apps.map((app) => reflection(context, app))];
}

/**
 * The router's own ICMP errors about proxied flows (a peer can provoke them with a short TTL) would leave by
 * the WAN. Conntrack relates them to the flow; a chain of type route reroutes them into the tunnel.
 */
function reflectChain(context: Context, flows: [number, Verdict][]): Chain {
  return {
    name: 'icmp_error',
    base: { type: 'route', hook: 'output', priority: MANGLE },
    rules: [
      rule(
        "the router's errors about proxied flows",
        dispatch(masked(ctMark, context.globals.mask), flows),
      ),
    ],
  };
}

function reflection(context: Context, app: App): Chain {
  return {
    name: `${app.name}_icmp_error`,
    rules: [
      rule('to the device', oneOf(oifname, [...context.globals.lan, 'lo']), accept),
      rule('to the peer: by its path', setMark(context, 'meta', app.slot)),
    ],
  };
}
