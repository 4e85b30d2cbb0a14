// ruleset/compile-local: packets from and to the router itself: DNS requests and answers of its
// resolver, port mappings that teach P2P ports, what may reach it through a tunnel, and its own
// ICMP errors about proxied flows.
import { foreignBits, JUDGED, markOf } from '../policy/marks.ts';
import type { App } from '../policy/policy.ts';
import type { Family } from '../wire/address.ts';
import { ownDotRules } from './compile-escape.ts';
import { answerStatement, BEFORE_FILTER, innerFamily } from './compile-forward.ts';
import { announce, askable, teach } from './compile-share.ts';
import { appSet, type Context, deviceGuards, logWhole, setMark } from './context.ts';
import type { Chain, Expression, Statement, Verdict } from './model.ts';
import { QUERY_PREFIX } from './names.ts';
import {
  accept,
  atLeast,
  concat,
  ctMark,
  dispatch,
  dport,
  drop,
  FAMILIES,
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
  noneOf,
  oifname,
  oneOf,
  raw,
  rule,
  saddr,
  sport,
  TCP,
  TRANSPORTS,
  UDP,
} from './terms.ts';

const RAW = -300;
const MANGLE = -150;
const PORTMAP_PORT = 5351;

export function compileLocal(context: Context): Chain[] {
  const { apps } = context.policy;
  return [
    inputChain(context),
    {
      name: 'query',
      rules: [
        ...askable().map((some) =>
          rule('DNS request of a device', some, logWhole(context, QUERY_PREFIX)),
        ),
      ],
    },
    mappingChain(apps),
    ...apps.flatMap((app) => FAMILIES.flatMap((family) => mappingChains(context, app, family))),
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
      ...ownDotRules(context),
    ],
  };
}

/** The window: only a device that asked for the application's names a moment ago is believed. */
function mappingChain(apps: readonly App[]): Chain {
  const rules = apps.flatMap((app) =>
    FAMILIES.flatMap((family) => {
      if (!mapsIn(app, family)) return [];
      const asked = inSet(saddr(family), appSet(app, 'asked', family));
      return deviceGuards(app, saddr(family), family).map((guard) =>
        rule('asked just before', asked, ...guard, jump(`${app.name}_mapping${family}`)),
      );
    }),
  );
  return { name: 'mapping', rules };
}

/** NAT-PMP (RFC 6886) is IPv4 only. */
function mapsIn(app: App, family: Family): boolean {
  const { protocols } = app.profile.portmap;
  return protocols.includes('pcp') || (family === 4 && protocols.includes('nat-pmp'));
}

interface PortmapForm {
  readonly chain: string;
  readonly why: string;
  /** Bit offset of the internal port, from the UDP header. */
  readonly port: number;
  /** A request to map, not to unmap; long enough that every field read is inside. */
  readonly request: readonly Statement[];
  /** What says udp or tcp, and how. */
  readonly transport: Expression;
  readonly udp: number;
  readonly tcp: number;
}

/** RFC 6886 section 3.3: version 0, opcode 1 or 2, internal port, lifetime; 12 bytes. */
const NAT_PMP: PortmapForm = {
  chain: 'natpmp',
  why: 'NAT-PMP request',
  port: 96,
  request: [
    atLeast(field('udp length'), 20),
    is(raw(64, 8), 0),
    oneOf(raw(72, 8), [1, 2]),
    isNot(raw(128, 32), 0),
    isNot(raw(96, 16), 0),
  ],
  transport: raw(72, 8),
  udp: 1,
  tcp: 2,
};

/** RFC 6887 sections 7.1 and 11.1: version 2, MAP request, lifetime, protocol, port; 60 bytes. */
const PCP: PortmapForm = {
  chain: 'pcp',
  why: 'PCP MAP request',
  port: 384,
  request: [
    atLeast(field('udp length'), 68),
    is(raw(64, 8), 2),
    is(raw(72, 8), 1),
    isNot(raw(96, 32), 0),
    oneOf(raw(352, 8), [UDP, TCP]),
    isNot(raw(384, 16), 0),
  ],
  transport: raw(352, 8),
  udp: UDP,
  tcp: TCP,
};

function mappingChains(context: Context, app: App, family: Family): Chain[] {
  if (!mapsIn(app, family) || deviceGuards(app, saddr(family), family).length === 0) return [];
  const { protocols } = app.profile.portmap;
  const forms: PortmapForm[] = [];
  if (family === 4 && protocols.includes('nat-pmp')) forms.push(NAT_PMP);
  if (protocols.includes('pcp')) forms.push(PCP);
  const chain = (form: PortmapForm) => `${app.name}_${form.chain}${family}`;
  return [
    {
      name: `${app.name}_mapping${family}`,
      rules: forms.map((form) => rule(form.why, ...form.request, goTo(chain(form)))),
    },
    ...forms.map((form) => ({
      name: chain(form),
      rules: [
        ...TRANSPORTS.flatMap(([transport]) => {
          const element = concat(saddr(family), masked(raw(form.port, 32), 0xffff0000));
          const when = [is(form.transport, form[transport])];
          const why = 'its internal port is the P2P port';
          return teach(context, app, { kind: transport, family, element }, why, when);
        }),
        ...announce(context, 'mapping', app, 'tell the agent', saddr, [family]),
        rule('done', accept),
      ],
    })),
  ];
}

/** Only the proxy itself may ask the router whether it is there. */
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
    { verdict: 'goto', chain: `${app.name}_reflect` },
  ]);
  const chains: Chain[] = [
    {
      name: 'outer',
      base: { type: 'filter', hook: 'output', priority: RAW },
      rules: [
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
      rules: [
        rule(
          'DNS answer to a device',
          oneOf(oifname, globals.lan),
          oneOf(l4proto, [TCP, UDP]),
          is(sport, 53),
          answerStatement(context),
        ),
      ],
    },
  ];
  if (flows.length > 0) chains.push(reflectChain(context, flows));
  return [...chains, ...policy.apps.map((app) => reflection(context, app))];
}

/**
 * ICMP errors the router itself sends about proxied flows (a peer can provoke them with a short
 * TTL) would leave by the WAN. Conntrack relates them to the flow; a route chain turns them round.
 */
function reflectChain(context: Context, flows: [number, Verdict][]): Chain {
  return {
    name: 'reflect',
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
    name: `${app.name}_reflect`,
    rules: [
      rule('to the device', oneOf(oifname, [...context.globals.lan, 'lo']), accept),
      rule('to the peer: by its path', setMark(context, 'meta', app.slot)),
    ],
  };
}
