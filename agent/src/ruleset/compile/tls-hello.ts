// ruleset/compile/tls-hello: reads the server name in the ClientHello of a TLS flow without evidence. The
// flow has the mark UNDECIDED from its SYN until its first data has passed. Only that data, if it is a
// ClientHello, goes to the agent (held, or as a copy).

import { UNDECIDED } from '../../policy/marks.ts';
import type { App } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import { TCP } from '../../wire/packet.ts';
import { HTTPS_PORT } from '../../wire/ports.ts';
import type { Chain, LearnedSet, Rule, Statement } from '../model.ts';
import { HELLO_PREFIX, helloSegmentSet } from '../names.ts';
import {
  accept,
  atLeast,
  concat,
  daddr,
  dport,
  goTo,
  hasState,
  iifname,
  inSet,
  is,
  jump,
  l4proto,
  noneOf,
  payload,
  rule,
  saddr,
  sportKey,
  update,
} from '../terms.ts';
import { appSet, type Context, deviceGuards, logWhole, setMark, unlessPaused } from './context.ts';

/** Bytes: a ClientHello from this length on may need a second segment (an IPv6 path with MTU 1280). */
const LONG_HELLO = 1100;
/** Flows whose second segment is expected, and for how long. */
const SEGMENTS = 256;
const SEGMENT_MILLISECONDS = 3000;

/** RFC 8446 sections 4 and 5.1: a handshake record whose first message is a ClientHello. */
const CLIENT_HELLO: readonly Statement[] = [is(payload(0, 8), 22), is(payload(40, 8), 1)];
/** Any payload: the comparison is always true, but the load fails without payload and ends the rule. */
const HAS_DATA: Statement = atLeast(payload(0, 8), 0);

export function readsHello(context: Context): boolean {
  return (context.policy.resolverBypass?.hello ?? 'off') !== 'off';
}

/** NFQUEUE number of ClientHellos: a queue of their own, so that they never take the room of DNS answers. */
export function helloQueue(queue: number): number {
  return queue + 1;
}

/** Last rule of prerouting: no evidence has matched the flow. */
export function helloRules(context: Context): Rule[] {
  if (!readsHello(context)) return [];
  return [
    rule(
      'a TLS flow that nobody knows: its first words name the server',
      hasState('new'),
      is(l4proto, TCP),
      is(dport, HTTPS_PORT),
      setMark(context, 'ct', UNDECIDED),
      accept,
    ),
  ];
}

/** `judge`: the rules for a new flow, run again while the flow is unanswered. */
export function helloChains(context: Context, judge: readonly Rule[]): Chain[] {
  if (!readsHello(context)) return [];
  const { apps, globals } = context.policy;
  const holds = context.policy.resolverBypass?.hello === 'hold';
  const toAgent: Statement = holds
    ? { kind: 'queue', number: helloQueue(globals.queue) }
    : logWhole(context, HELLO_PREFIX);
  const decided = setMark(context, 'ct', 0);
  const continued = (family: Family): Rule => {
    const flow = concat(saddr(family), sportKey);
    const set = helloSegmentSet(family);
    return rule('its second part, until the agent knows', HAS_DATA, inSet(flow, set), toAgent);
  };
  return [
    {
      name: 'hello',
      rules: [
        rule('answers', noneOf(iifname, globals.lan), accept),
        rule('unanswered: evidence may have come', hasState('new'), goTo('hello_new')),
        ...apps.flatMap(named),
        ...FAMILIES.map((family) =>
          rule(
            'more may follow',
            ...CLIENT_HELLO,
            atLeast(payload(24, 16), LONG_HELLO),
            update(helloSegmentSet(family), concat(saddr(family), sportKey)),
          ),
        ),
        rule('a ClientHello', ...CLIENT_HELLO, toAgent, ...(holds ? [] : [accept])),
        ...FAMILIES.map(continued),
        rule('data: the flow is as unrelated as any other', HAS_DATA, decided, accept),
        rule('no data yet', accept),
      ],
    },
    { name: 'hello_new', rules: [...judge, rule('still unknown', accept)] },
    ...apps.flatMap((app) => FAMILIES.map((family) => namedChain(app, family))),
  ];
}

/** A held ClientHello is repeated after the agent has learned from it; these rules look the result up. */
function named(app: App): Rule[] {
  return FAMILIES.flatMap((family) =>
    deviceGuards(app, saddr(family), family).map((guard) =>
      rule('just named', ...guard, unlessPaused(app), jump(`${app.name}_named${family}`)),
    ),
  );
}

function namedChain(app: App, family: Family): Chain {
  return { name: `${app.name}_named${family}`, rules: [namedRule(app, family)] };
}

/** Matches the pair of device and server that the device's ClientHello has named. */
export function namedRule(app: App, family: Family): Rule {
  const pair = concat(saddr(family), daddr(family));
  const set = appSet(app, 'hello', family);
  return rule('named by its TLS hello', inSet(pair, set), goTo(`${app.name}_mark_hello${family}`));
}

export function helloSets(policy: Context['policy']): LearnedSet[] {
  if ((policy.resolverBypass?.hello ?? 'off') === 'off') return [];
  return FAMILIES.map((family) => ({
    role: 'learned',
    name: helloSegmentSet(family),
    key: [family === 4 ? 'ipv4' : 'ipv6', 'raw'],
    size: SEGMENTS,
    timeout: SEGMENT_MILLISECONDS,
    dynamic: true,
  }));
}
