// ruleset/compile/known-flow: prerouting chains for packets of marked flows: set the packet mark, renew the
// elements the flow uses, and open the request window on a supernode's packet.
import type { App } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import type { Chain, Expression, Statement, Verdict } from '../model.ts';
import { gateName, RENEWED } from '../names.ts';
import {
  accept,
  between,
  concat,
  ctId,
  daddr,
  dispatch,
  drop,
  field,
  goTo,
  iifname,
  inSet,
  ipLength,
  is,
  jump,
  l4proto,
  NFPROTO,
  nfproto,
  notInSet,
  oneOf,
  rule,
  saddr,
  sport,
  TRANSPORTS,
  update,
} from '../terms.ts';
import { appSet, type Context, logHeaders, setMark } from './context.ts';
import { pairLesson, portLesson, renewals } from './teach.ts';
import { sessionRules } from './wait.ts';

/** `<app>_flow` and the chains it jumps to. */
export function flowChains(context: Context, app: App): Chain[] {
  return [
    flowChain(context, app),
    ...FAMILIES.flatMap((family) => [
      ...renewPortChains(app, family),
      renewChain(app, family),
      ...requestChain(context, app, family),
    ]),
  ];
}

/** Both directions of a flow. */
function flowChain(context: Context, app: App): Chain {
  const { name } = app;
  const { lan } = context.globals;
  const families = (chain: string): [number, Verdict][] =>
    FAMILIES.map((family) => [NFPROTO[family], { verdict: 'goto', chain: `${chain}${family}` }]);
  const rules = [
    rule('out: the tunnel', oneOf(iifname, lan), setMark(context, 'meta', app.slot)),
    rule(
      'what is used lives on',
      oneOf(iifname, lan),
      dispatch(nfproto, families(`${name}_renew`)),
    ),
  ];
  if (context.tunnels.length > 0) {
    const back = app.profile.request.enabled
      ? dispatch(nfproto, families(`${name}_request`))
      : accept;
    rules.push(rule('back: from the tunnel', oneOf(iifname, context.tunnels), back));
  }
  rules.push(
    rule("direct by the owner's choice", inSet(nfproto, gateName(name, 'direct')), accept),
    rule('a proxied flow has no packets on other devices', drop),
  );
  return { name: `${name}_flow`, rules };
}

/**
 * Renews the elements that a live flow uses, at most once in renewedMilliseconds. Adds no port and no peer,
 * since the flow may not come from the P2P port, but adds its endpoint as a server.
 */
function renewPortChains(app: App, family: Family): Chain[] {
  return TRANSPORTS.map(([transport]) => ({
    name: `${app.name}_renew_${transport}${family}`,
    rules: renewals(portLesson(app, transport, family), 'renew the port'),
  }));
}

function renewChain(app: App, family: Family): Chain {
  const rules = [
    rule('renewed a moment ago', inSet(ctId, RENEWED), accept),
    ...TRANSPORTS.map(([transport, number]) =>
      rule('the port', is(l4proto, number), jump(`${app.name}_renew_${transport}${family}`)),
    ),
    ...renewals(pairLesson(app, family), 'renew the pair'),
    ...sessionRules(app),
    rule('not again for a moment', update(RENEWED, ctId)),
    rule(
      'an endpoint in use is a server of this device for longer than its name says',
      inSet(daddr(family), appSet(app, 'addr', family)),
      jump(`${app.name}_server${family}`),
    ),
    rule('on its way', accept),
  ];
  return { name: `${app.name}_renew${family}`, rules };
}

/**
 * A packet of the announced length from a supernode opens the request window of its device. At this priority
 * the NAT of the answer is not reversed yet: the device is the original source of the flow.
 */
function requestChain(context: Context, app: App, family: Family): Chain[] {
  if (!app.profile.request.enabled) return [];
  const original: Expression = { kind: 'original', family };
  const from = inSet(concat(saddr(family), l4proto, sport), appSet(app, 'supernode', family));
  const window = appSet(app, 'request', family);
  return [
    {
      name: `${app.name}_request${family}`,
      rules: [
        rule(
          "a stranger's request",
          from,
          ...requestLength(app),
          goTo(`${app.name}_open${family}`),
        ),
        rule('any other packet', accept),
      ],
    },
    {
      name: `${app.name}_open${family}`,
      rules: [
        rule('open the window', update(window, original)),
        rule(`${window} is full`, notInSet(original, window), logHeaders(context, 'full', app)),
        rule('tell the agent', logHeaders(context, 'request', app), accept),
      ],
    },
  ];
}

/** No header field has TCP's payload length: with l4-payload only UDP packets can announce. */
function requestLength(app: App): Statement[] {
  const { field: measured, minimum, maximum } = app.profile.request;
  if (measured === 'ip-length') return [between(ipLength, minimum, maximum)];
  const header = 8;
  return [between(field('udp length'), minimum + header, maximum + header)];
}
