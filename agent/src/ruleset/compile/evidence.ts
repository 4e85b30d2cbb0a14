// ruleset/compile/evidence: chains for a new flow that matches an evidence: the flow is marked, and its port,
// peer or server is added to the sets. Reached from prerouting.

import type { App } from '../../policy/policy.ts';
import type { Family } from '../../wire/address.ts';
import { TCP } from '../../wire/packet.ts';
import type { Chain, Rule } from '../model.ts';
import { type Evidence, gateName, rejectedCounter } from '../names.ts';
import {
  accept,
  count,
  ctStatus,
  goTo,
  inSet,
  is,
  isMidConnection,
  jump,
  l4proto,
  nfproto,
  rule,
  saddr,
  TRANSPORTS,
} from '../terms.ts';
import { type Context, logHeaders, setMark } from './context.ts';
import { announceBy, unlessOverLogLimit } from './device-share.ts';
import { clientRules } from './ended-flows.ts';
import { endpointLessons, pairLesson, portLesson, teachChains } from './teach.ts';
import { readsHello } from './tls-hello.ts';
import { sessionRules } from './wait.ts';

/** One chain for each kind of evidence, with the elements it teaches: P2P port, peer, server. */
export function evidenceChains(context: Context, app: App, family: Family): Chain[] {
  const { name, profile } = app;
  const learn = TRANSPORTS.filter(([transport]) =>
    profile.ranges.some((range) => range.learn.includes(transport)),
  ).map(([transport, number]) =>
    rule(
      'the P2P port of this device',
      is(l4proto, number),
      jump(`${name}_own_${transport}${family}`),
    ),
  );
  const peers = profile.peers.enabled
    ? [rule('a peer of this device', jump(`${name}_peer${family}`))]
    : [];
  const servers = [rule('a server of this device', jump(`${name}_server${family}`))];
  const why = 'address learned from a DNS answer';
  const named = 'server named by a TLS hello of this device';
  return [
    evidence(context, app, `learn${family}`, 'range', 'supernode', learn),
    evidence(context, app, `addr${family}`, 'addr', why, [
      ...servers,
      ...endpointLessons(app, family),
    ]),
    ...(readsHello(context)
      ? [evidence(context, app, `hello${family}`, 'hello', named, servers)]
      : []),
    ...TRANSPORTS.map(([transport]) => {
      const own = rule('the port is in use', jump(`${name}_own_${transport}${family}`));
      return evidence(context, app, `${transport}${family}`, 'port', 'P2P port', [own, ...peers]);
    }),
    evidence(context, app, `peer${family}`, 'peer', 'known peer', peers),
  ];
}

/**
 * The chains that add elements for one family. Servers have a share of their own, so peers of a device never
 * take the room of its servers.
 */
export function lessonChains(app: App, family: Family): Chain[] {
  const { name, profile } = app;
  const pair = pairLesson(app, family);
  return [
    ...TRANSPORTS.flatMap(([transport]) => {
      const lesson = portLesson(app, transport, family);
      return teachChains(app, `${name}_own_${transport}${family}`, lesson, 'ports', family);
    }),
    ...(profile.peers.enabled
      ? teachChains(app, `${name}_peer${family}`, pair, 'peers', family)
      : []),
    ...teachChains(app, `${name}_server${family}`, pair, 'servers', family),
  ];
}

/** Marks first: if a later statement fails (a full set ends its rule), the flow is already on its path. */
export function evidence(
  context: Context,
  app: App,
  suffix: string,
  kind: Evidence,
  why: string,
  teaching: readonly Rule[] = [],
): Chain {
  return {
    name: `${app.name}_mark_${suffix}`,
    rules: [
      rule('mark before anything can fail', jump(`${app.name}_take`)),
      ...teaching,
      unlessOverLogLimit(),
      rule(why, logHeaders(context, kind, app)),
      rule('on its way', accept),
    ],
  };
}

export function takeChain(context: Context, app: App): Chain {
  return {
    name: `${app.name}_take`,
    rules: [
      rule(
        'late: the flow has a direct NAT binding and cannot move',
        { kind: 'flags', left: ctStatus, any: ['confirmed'] },
        goTo(`${app.name}_late`),
      ),
      rule(
        'no proxy is up: say so at once',
        inSet(nfproto, gateName(app.name, 'blocked')),
        count(rejectedCounter(app.name)),
        goTo('refuse'),
      ),
      rule(
        'began on another way: it cannot go on here, it has to begin anew',
        is(l4proto, TCP),
        isMidConnection,
        count(rejectedCounter(app.name)),
        goTo('refuse'),
      ),
      rule('path of the flow', setMark(context, 'ct', app.slot)),
      rule('path of this packet', setMark(context, 'meta', app.slot)),
      ...clientRules(),
      ...sessionRules(app),
    ],
  };
}

/**
 * For a flow with evidence that is already direct: the agent deletes the conntrack entry when it reads this
 * log, so the device's retry is a new flow. Limited by address: the packet must be rejected even if it is not
 * announced.
 */
export function lateChain(context: Context, app: App): Chain {
  return {
    name: `${app.name}_late`,
    rules: [
      ...announceBy(context, 'late', app, saddr),
      rule('retry at once', is(l4proto, TCP), { kind: 'reject', answer: 'tcp reset' }),
      rule('retry at once', { kind: 'reject', answer: 'admin-prohibited' }),
    ],
  };
}
