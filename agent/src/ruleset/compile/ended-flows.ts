// ruleset/compile/ended-flows: packets of flows that have ended. A flow that the agent ends is reset towards
// the device only; later packets from outside are dropped silently; a device's packets without a flow do not
// leave; an application's port sends nothing to private networks by the WAN.
import { CUT, markOf } from '../../policy/marks.ts';
import type { App, Policy } from '../../policy/policy.ts';
import { FAMILIES, type Family, parseAddress } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import type { Chain, LearnedSet, Rule, Statement, Verdict } from '../model.ts';
import { bogonSet, clientSet, cutSet, gateName, rejectedCounter } from '../names.ts';
import {
  accept,
  concat,
  count,
  daddr,
  dport,
  drop,
  goTo,
  hasState,
  iifname,
  inSet,
  is,
  l4proto,
  masked,
  metaMark,
  nfproto,
  notInSet,
  oifname,
  oneOf,
  raw,
  rule,
  saddr,
  TRANSPORTS,
  update,
} from '../terms.ts';
import { appSet, type Context, deviceGuards, unlessPaused } from './context.ts';
import { portLesson } from './teach.ts';

/** For each family. The agent's own list holds half as many (learn/silence), so there is always room. */
export const SILENT = 2048;
/** Milliseconds; longer than a TCP end waits between two retransmissions (RFC 6298: 60 s and more). */
export const SILENT_MILLISECONDS = 300_000;
/** Addresses of devices. */
const CLIENTS = 1024;
/** Linux keeps an idle TCP connection for five days. */
export const CLIENT_MILLISECONDS = 7 * 86_400_000;

/** Verdict map entry in prerouting for flows that the agent is ending. */
export function cutEntry({ globals }: Context, chain: string): [number, Verdict] {
  return [markOf(globals.mask, CUT), { verdict: 'goto', chain }];
}

/** In the judgement of a new flow, after all evidence. */
export function staleRules({ policy }: Context): Rule[] {
  if (policy.apps.length === 0) return [];
  return FAMILIES.map((family) =>
    rule(
      "of no flow, from an application's device: it may be of one that is over",
      hasState('invalid'),
      inSet(saddr(family), clientSet(family)),
      drop,
    ),
  );
}

/** In the chain that marks a new flow. */
export function clientRules(): Rule[] {
  return FAMILIES.map((family) =>
    rule('its device uses an application', update(clientSet(family), saddr(family))),
  );
}

/** At the raw priority of the output hook: the agent's question to a device (runtime/cuts). */
export function questionRule({ globals }: Context): Rule {
  const { mask } = globals;
  return rule(
    "the agent's question to a device in another's name: no flow of its own",
    is(masked(metaMark, mask), markOf(mask, CUT)),
    { kind: 'untracked' },
  );
}

export function cutChains(context: Context): Chain[] {
  const { lan } = context.globals;
  const fromHome = oneOf(iifname, lan);
  return [
    {
      name: 'cut',
      rules: [
        rule('over: told to the device at once', fromHome, is(l4proto, TCP), {
          kind: 'reject',
          answer: 'tcp reset',
        }),
        rule('nothing of it leaves', fromHome, drop),
        rule("over: the server's next packet tells the device", { kind: 'end' }, accept),
        rule('silence', drop),
      ],
    },
    {
      name: 'forward_cut',
      rules: [rule('to the device alone', oneOf(oifname, lan), accept), rule('silence', drop)],
    },
    {
      name: 'icmp_error_cut',
      rules: [
        rule('to the device alone', oneOf(oifname, [...lan, 'lo']), accept),
        rule('silence', drop),
      ],
    },
    outsideChain(context),
    ...FAMILIES.map((family) => bogonChain(context, family)),
  ];
}

/** Prerouting, packets from outside the home that belong to no known flow. */
function outsideChain({ policy }: Context): Chain {
  const families = policy.apps.length === 0 ? [] : FAMILIES;
  const silence = families.map((family) => {
    const ends = concat(saddr(family), raw(0, 32));
    const set = cutSet(family);
    return rule(
      'of a flow that was cut: silence, for as long as it comes',
      oneOf(l4proto, [TCP, UDP]),
      inSet(ends, set),
      update(set, ends),
      drop,
    );
  });
  return {
    name: 'outside',
    rules: [...silence, rule('only home devices start proxied flows', accept)],
  };
}

/**
 * Packets to non-public addresses outside the home, or to a proxy. A packet from an application's port to a
 * private address is a connectivity check to a peer's own network (RFC 8445 section 2.1). By the WAN it would
 * show the home's address to a host that has this address there.
 */
function bogonChain(context: Context, family: Family): Chain {
  const { apps, proxies } = context.policy;
  const own = proxies
    .map(({ address }) => address)
    .filter((one) => parseAddress(one)?.length === (family === 4 ? 4 : 16));
  return {
    name: `to_bogon${family}`,
    rules: [
      ...(own.length === 0 ? [] : [rule('to a proxy', oneOf(daddr(family), own), accept)]),
      ...apps.flatMap((app) => bogonRules(app, family)),
      rule('not the public Internet', accept),
    ],
  };
}

function bogonRules(app: App, family: Family): Rule[] {
  const target = concat(daddr(family), l4proto, dport);
  const wanted: Statement[] =
    (app.except ?? []).length > 0 ? [notInSet(target, appSet(app, 'except', family))] : [];
  return deviceGuards(app, saddr(family), family).flatMap((guard) =>
    TRANSPORTS.flatMap(([transport, number]) => {
      const { set, element, setMac, elementMac } = portLesson(app, transport, family);
      return [inSet(element, set), inSet(elementMac, setMac)].map((known) =>
        rule(
          "a private address, from the application's port",
          is(l4proto, number),
          known,
          ...guard,
          ...wanted,
          unlessPaused(app),
          notInSet(nfproto, gateName(app.name, 'direct')),
          count(rejectedCounter(app.name)),
          goTo('refuse'),
        ),
      );
    }),
  );
}

/** In prerouting: private addresses and proxies are not judged further. */
export function bogonEntries(): Rule[] {
  return FAMILIES.map((family) =>
    rule(
      'not the public Internet, or a proxy',
      inSet(daddr(family), bogonSet(family)),
      goTo(`to_bogon${family}`),
    ),
  );
}

/** Remote ends of flows that were cut (address, port, our port); devices that use an application. */
export function cutSets({ apps }: Policy): LearnedSet[] {
  if (apps.length === 0) return [];
  return FAMILIES.flatMap((family): LearnedSet[] => {
    const address = family === 4 ? 'ipv4' : 'ipv6';
    const shape = { role: 'learned', dynamic: true } as const;
    return [
      {
        ...shape,
        name: cutSet(family),
        key: [address, 'raw'],
        size: SILENT,
        timeout: SILENT_MILLISECONDS,
      },
      {
        ...shape,
        name: clientSet(family),
        key: [address],
        size: CLIENTS,
        timeout: CLIENT_MILLISECONDS,
      },
    ];
  });
}
