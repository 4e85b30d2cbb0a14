// ruleset/compile/forward: chains after routing: the kill switch (a proxied packet leaves by a tunnel or not
// at all), watching of DNS answers, MSS clamping, and source NAT into the tunnel.
import { CROWD, JUDGED, markOf, UNDECIDED, WATCHED } from '../../policy/marks.ts';
import type { App, Proxy as ProxyEntry } from '../../policy/policy.ts';
import { FAMILIES, parseAddress } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import type { Chain, Rule, Verdict } from '../model.ts';
import { gateName, proxiedCounter, rejectedCounter, tunnelDevice } from '../names.ts';
import {
  accept,
  concat,
  count,
  ctMark,
  daddr,
  dispatch,
  dportKey,
  drop,
  field,
  goTo,
  hasState,
  iifname,
  inSet,
  is,
  isNot,
  jump,
  l4proto,
  masked,
  metaMark,
  NFPROTO,
  nfproto,
  noneOf,
  oifname,
  oneOf,
  rule,
  saddr,
} from '../terms.ts';
import {
  appSet,
  type Context,
  receiverGuards,
  setMark,
  tunnelsOf,
  unlessPaused,
  whileWhole,
} from './context.ts';
import { announceBy } from './device-share.ts';
import { watchChain } from './dns.ts';
import { cutEntry } from './ended-flows.ts';
import { readsHello } from './tls-hello.ts';

/** Before fw4's filter chain (0), whose first rule adds flows to the flow table. */
export const BEFORE_FILTER = -5;
const SRCNAT = 100;

export function compileForward(context: Context): Chain[] {
  const { apps, globals } = context.policy;
  const own = masked(ctMark, globals.mask);
  const known: [number, Verdict][] = apps.map((app) => [
    markOf(globals.mask, app.slot),
    { verdict: 'goto', chain: `${app.name}_forward` },
  ]);
  for (const mark of [WATCHED, CROWD]) {
    known.push([markOf(globals.mask, mark), { verdict: 'goto', chain: 'watch' }]);
  }
  known.push(cutEntry(context, 'forward_cut'));
  if (readsHello(context)) {
    known.push([markOf(globals.mask, UNDECIDED), { verdict: 'goto', chain: 'undecided' }]);
  }
  const base: Chain = {
    name: 'forwarding',
    base: { type: 'filter', hook: 'forward', priority: BEFORE_FILTER },
    rules: [
      rule('unrelated flow', is(own, 0), hasState('established', 'related'), accept),
      rule('known flow', dispatch(own, known)),
      whileWhole('unknown'),
    ],
  };
  const unknown: Chain = {
    name: 'unknown',
    rules: [
      ...fromTunnels(context),
      rule(
        'judged, and none of ours: the mark has done its work',
        is(masked(metaMark, globals.mask), markOf(globals.mask, JUDGED)),
        setMark(context, 'meta', 0),
      ),
      rule(
        'our mark but no tracked flow: it would leave without NAT',
        isNot(masked(metaMark, globals.mask), 0),
        goTo('refuse'),
      ),
      ...apps.flatMap((app) => inboundRules(context, app)),
    ],
  };
  return [
    base,
    unknown,
    ...undecidedChains(context),
    watchChain(context),
    ...apps.flatMap((app) => [forwardChain(context, app), ...inboundChains(context, app)]),
    ...carryChains(context),
    refuseChain(context),
    ...natChain(context),
  ];
}

/** Drops new flows from a tunnel: a proxy must reach neither the home nor, through it, the Internet. */
function fromTunnels(context: Context): Rule[] {
  if (context.tunnels.length === 0) return [];
  return [rule('nothing new comes out of a tunnel', oneOf(iifname, context.tunnels), drop)];
}

/** Packets of flows whose ClientHello has not been seen yet. */
function undecidedChains(context: Context): Chain[] {
  if (!readsHello(context)) return [];
  return [{ name: 'undecided', rules: [rule('judged', setMark(context, 'meta', 0), accept)] }];
}

/**
 * The kill switch: outgoing packets use one of the application's tunnels, incoming ones any tunnel, others
 * are refused.
 */
function forwardChain(context: Context, app: App): Chain {
  const { lan } = context.globals;
  const mine = tunnelsOf(context, app);
  const rules: Rule[] = [];
  const proxied = count(proxiedCounter(app.name));
  if (mine.length > 0) {
    rules.push(
      rule('out', oneOf(iifname, lan), oneOf(oifname, mine), proxied, goTo('carry')),
      rule('back', oneOf(iifname, context.tunnels), oneOf(oifname, lan), proxied, goTo('carry')),
    );
  }
  rules.push(
    rule("direct by the owner's choice", inSet(nfproto, gateName(app.name, 'direct')), accept),
  );
  rules.push(rule('no tunnel, no way', count(rejectedCounter(app.name)), goTo('refuse')));
  return { name: `${app.name}_forward`, rules };
}

/** Packets in a tunnel: the MSS is clamped, and DNS is watched. */
function carryChains(context: Context): Chain[] {
  if (context.tunnels.length === 0) return [];
  const syn = masked(field('tcp flags'), 0x06);
  return [
    {
      name: 'carry',
      rules: [
        rule('segments that fit the tunnel', is(l4proto, TCP), is(syn, 0x02), jump('mss_clamp')),
        rule('DNS', goTo('watch')),
      ],
    },
    { name: 'mss_clamp', rules: context.policy.proxies.flatMap(clampRules) },
  ];
}

/**
 * Towards the tunnel `rt mtu` is the tunnel's MTU. On the way back `rt mtu` would use routes without the
 * mark, so the WAN's MTU, and the size has to be explicit. Without a configured MTU only the proxy clamps
 * that direction.
 */
function clampRules(proxy: ProxyEntry): Rule[] {
  const device = tunnelDevice(proxy.name);
  const out = rule('towards the proxy', is(oifname, device), { kind: 'clamp', size: 'route' });
  const { mtu } = proxy;
  if (mtu === null) return [out];
  return FAMILIES.flatMap((family) => {
    const size = mtu - (family === 4 ? 40 : 60);
    const when = is(nfproto, NFPROTO[family]);
    return [
      rule('towards the proxy', is(oifname, device), when, { kind: 'clamp', size }),
      rule('from the proxy', is(iifname, device), when, { kind: 'clamp', size }),
    ];
  });
}

/**
 * An error for devices of the home; for others a silent drop, since an error would reveal the home's address.
 */
function refuseChain(context: Context): Chain {
  return {
    name: 'refuse',
    rules: [
      rule('silence', noneOf(iifname, context.globals.lan), drop),
      rule('at once', is(l4proto, TCP), { kind: 'reject', answer: 'tcp reset' }),
      rule('at once', { kind: 'reject', answer: 'admin-prohibited' }),
    ],
  };
}

/**
 * Flows from the WAN that a port forward admits, to a P2P port or from a known peer: the device's answers
 * would leave by the WAN and reveal the home's address.
 */
function inboundRules(context: Context, app: App): Rule[] {
  const { lan } = context.globals;
  return FAMILIES.flatMap((family) =>
    receiverGuards(app, daddr(family), family).map((guard) =>
      rule(
        `from outside to ${app.profile.name}?`,
        noneOf(iifname, lan),
        oneOf(oifname, lan),
        is(nfproto, NFPROTO[family]),
        ...guard,
        unlessPaused(app),
        jump(`${app.name}_inbound${family}`),
      ),
    ),
  );
}

function inboundChains(context: Context, app: App): Chain[] {
  const { name } = app;
  const refuse = goTo(`${name}_unsolicited`);
  const chains: Chain[] = FAMILIES.map((family) => {
    const port = concat(daddr(family), dportKey);
    const pair = concat(daddr(family), saddr(family));
    const rules = [
      rule('to a P2P port', is(l4proto, UDP), inSet(port, appSet(app, 'udp', family)), refuse),
      rule('to a P2P port', is(l4proto, TCP), inSet(port, appSet(app, 'tcp', family)), refuse),
    ];
    rules.push(rule('from a peer', inSet(pair, appSet(app, 'peer', family)), refuse));
    return { name: `${name}_inbound${family}`, rules };
  });
  chains.push({
    name: `${name}_unsolicited`,
    rules: [
      ...announceBy(context, 'inbound', app, daddr),
      rule('silence', count(rejectedCounter(name)), drop),
    ],
  });
  return chains;
}

function natChain(context: Context): Chain[] {
  if (context.tunnels.length === 0) return [];
  return [
    {
      name: 'postrouting',
      base: { type: 'nat', hook: 'postrouting', priority: SRCNAT },
      rules: [rule('inner address', oneOf(oifname, context.tunnels), { kind: 'masquerade' })],
    },
  ];
}

/** Family of an inner address, which the policy has checked. */
export function innerFamily(address: string): 4 | 6 {
  return parseAddress(address)?.length === 16 ? 6 : 4;
}
