// ruleset/compile/dns: DNS of the devices. A flow is DNS by its original destination port, whichever resolver
// answers and wherever DNAT leads. Queries are announced within the device's share. Answers are held until
// the addresses they teach are in the kernel, or only watched; those beyond the share go to a second queue.
// Part of the hooks prerouting, input, output and forward.

import { CROWD, markOf, WATCHED } from '../../policy/marks.ts';
import { FAMILIES } from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import { DNS_PORT } from '../../wire/ports.ts';
import type { Chain, LearnedSet, Rule, Statement, Verdict } from '../model.ts';
import {
  ANSWER_LIMIT_HOME,
  ANSWER_PREFIX,
  answerLimitSet,
  QUERY_LIMIT_HOME,
  QUERY_LIMIT_MACS,
  QUERY_LOG_LIMIT_MACS,
  QUERY_PREFIX,
  queryLimitSet,
} from '../names.ts';
import {
  accept,
  back,
  concat,
  ctDirection,
  ctMark,
  daddr,
  dispatch,
  dportKey,
  drop,
  ether,
  goTo,
  iifname,
  is,
  isMidConnection,
  isNot,
  l4proto,
  masked,
  oifname,
  oneOf,
  originalPort,
  pace,
  raw,
  rule,
  saddr,
  sport,
} from '../terms.ts';
import { type Context, logWhole, setMark } from './context.ts';
import { countOf, isOnEthernet } from './device-share.ts';

/**
 * Queries of one device, and of the home, whose answers go to the first queue: the agent of a small router
 * can process that many beside dnsmasq. The flow of a further query joins the crowd.
 */
const QUERIES = { rate: 20, per: 'second', burst: 100 } as const;
const HOME_QUERIES = { rate: 100, per: 'second', burst: 128 } as const;
/**
 * Queries of one device that are announced. Where answers are held, the host program notes them by itself: an answer
 * whose query nobody has noted is refused. Where they are not, the script reads each, and an answer beyond the share has
 * already passed and can only be learned.
 */
const TOLD = {
  held: { rate: 400, per: 'second', burst: 800 },
  watched: { rate: 100, per: 'second', burst: 400 },
} as const;
/** Answers to one flow of a device: some resolvers send all their queries from one port. */
const ANSWERS = { rate: 50, per: 'second', burst: 50 } as const;
/** Flows whose answers are counted; an element expires a second after the last answer. */
const ANSWERED_FLOWS = 2048;
const ANSWERED_MILLISECONDS = 1000;
/**
 * The header of a DNS message in a datagram (RFC 1035 section 4.1.1): one question, and the QR bit. Other
 * protocols on port 53, as of a VPN or a call, do not match.
 */
const QUESTIONS = raw(96, 16);
const ANSWER_BIT = masked(raw(80, 8), 0x80);
const IS_QUERY = [is(l4proto, UDP), is(QUESTIONS, 1), is(ANSWER_BIT, 0)];

/** NFQUEUE number, or NFLOG group, of the crowd's answers. ClientHellos have queue + 1. */
export function crowdQueue(queue: number): number {
  return queue + 2;
}

export function crowdGroup(group: number): number {
  return group + 1;
}

function asked(...when: Statement[]): (to: Verdict) => Statement[] {
  return (to) => [oneOf(l4proto, [TCP, UDP]), ...when, dispatch(originalPort, [[DNS_PORT, to]])];
}

/** A packet to a resolver, and one from a resolver, by the original destination port of the flow. */
const toResolver = asked(is(ctDirection, 'original'));
const fromResolver = asked(is(ctDirection, 'reply'));

/** In prerouting, before any rule that accepts a new flow. */
export function dnsRule(): Rule {
  return rule('DNS?', ...asked()({ verdict: 'jump', chain: 'dns' }));
}

/**
 * Sets the mark before the applications are judged: a resolver that is also an application's server gets the
 * mark of the application.
 */
export function dnsChains(context: Context): Chain[] {
  return [
    {
      name: 'dns',
      rules: [
        rule(
          'a stream whose beginning nobody saw begins anew',
          is(l4proto, TCP),
          isMidConnection,
          goTo('refuse'),
        ),
        rule(
          'its answers are looked at',
          setMark(context, 'ct', WATCHED),
          setMark(context, 'meta', 0),
        ),
      ],
    },
    ...queryLimitChains(context),
    ...answerChains(context),
  ];
}

/** At the input hook. For untracked packets the rules on port 53 in local.ts apply. */
export function ownQueryRules(): Rule[] {
  return [
    rule('DNS that was turned to another port', ...toResolver({ verdict: 'goto', chain: 'query' })),
  ];
}

/** Queries to the router's own resolver. */
export function queryChain(): Chain {
  return { name: 'query', rules: [rule('DNS request of a device', goTo('query_limit'))] };
}

/** At the output hook. */
export function ownAnswerRules(context: Context): Rule[] {
  const toDevice = oneOf(oifname, context.globals.lan);
  const to = { verdict: 'goto', chain: 'answer' } as const;
  return [
    rule(
      'DNS answer to a device',
      toDevice,
      oneOf(l4proto, [TCP, UDP]),
      is(sport, DNS_PORT),
      goTo('answer'),
    ),
    rule('DNS answer from another port', toDevice, ...fromResolver(to)),
  ];
}

/** Flows to a resolver other than the router's, and all DNS in a tunnel. */
export function watchChain(context: Context): Chain {
  const { lan } = context.globals;
  return {
    name: 'watch',
    rules: [
      rule(
        'DNS request of a device',
        oneOf(iifname, lan),
        ...toResolver({ verdict: 'jump', chain: 'query_limit' }),
      ),
      rule(
        'DNS answer to a device',
        oneOf(oifname, lan),
        ...fromResolver({ verdict: 'goto', chain: 'answer' }),
      ),
      rule('watched, not touched', accept),
    ],
  };
}

/**
 * Announces a query and counts it, by the device's MAC for all its addresses; by its address behind another
 * router or without Ethernet.
 */
function queryLimitChains(context: Context): Chain[] {
  const home = [
    oneOf(l4proto, [TCP, UDP]),
    pace(QUERY_LIMIT_HOME, originalPort, HOME_QUERIES),
    goTo('within_limit'),
  ];
  const { hold } = context.globals;
  const tell = logWhole(context, QUERY_PREFIX);
  const own = masked(ctMark, context.globals.mask);
  const isWatched = is(own, markOf(context.globals.mask, WATCHED));
  const isCrowd = is(own, markOf(context.globals.mask, CROWD));
  return [
    {
      name: 'query_limit',
      rules: [
        rule('by hardware address', isOnEthernet, goTo('query_limit_mac')),
        ...FAMILIES.map((family) => {
          const share = pace(queryLimitSet(family), saddr(family), QUERIES);
          return rule('within its share', share, tell, ...home);
        }),
        rule('beyond it', goTo('over_limit')),
      ],
    },
    {
      name: 'query_limit_mac',
      rules: [
        rule(
          'tell the agent',
          pace(QUERY_LOG_LIMIT_MACS, ether, TOLD[hold ? 'held' : 'watched']),
          tell,
        ),
        rule('within its share', pace(QUERY_LIMIT_MACS, ether, QUERIES), ...home),
        rule('beyond it', goTo('over_limit')),
      ],
    },
    {
      name: 'within_limit',
      rules: [rule('no longer of the crowd', isCrowd, setMark(context, 'ct', WATCHED))],
    },
    {
      name: 'over_limit',
      rules: [
        rule('its answers come behind all others', isWatched, setMark(context, 'ct', CROWD), back),
        rule('already there', isCrowd, back),
        rule('in a tunnel there is no behind: it is asked again', isNot(own, 0), ...IS_QUERY, drop),
      ],
    },
  ];
}

/**
 * Holds or watches an answer. Answers are rate-limited too, since a server on port 53 may send without a
 * query. A flow above its own rate joins the crowd; above the rate of the home only the surplus goes to the
 * second queue. In such numbers, packets that are no DNS message pass.
 */
function answerChains(context: Context): Chain[] {
  const { mask, hold, queue, group } = context.globals;
  const own = masked(ctMark, mask);
  const prefix = ANSWER_PREFIX;
  const behind: Statement[] = hold
    ? [{ kind: 'queue', number: crowdQueue(queue) }]
    : [{ kind: 'log', prefix, group: crowdGroup(group), snaplen: null }, accept];
  const first: Statement = hold ? { kind: 'queue', number: queue } : logWhole(context, prefix);
  const transport = oneOf(l4proto, [TCP, UDP]);
  const home = pace(ANSWER_LIMIT_HOME, originalPort, HOME_QUERIES);
  const noMessage = [isNot(QUESTIONS, 1), is(ANSWER_BIT, 0)].map((one) =>
    rule('no DNS message, as of a VPN or a call on port 53', is(l4proto, UDP), one, accept),
  );
  return [
    {
      name: 'answer',
      rules: [
        ...FAMILIES.map((family) => {
          const flow = pace(answerLimitSet(family), concat(daddr(family), dportKey), ANSWERS);
          const within = isNot(own, markOf(mask, CROWD));
          return rule('as many as a flow asks for', within, transport, flow, goTo('answer_home'));
        }),
        ...noMessage,
        rule(
          'more: its flow joins the crowd',
          is(own, markOf(mask, WATCHED)),
          setMark(context, 'ct', CROWD),
        ),
        rule('behind all others', ...behind),
      ],
    },
    {
      name: 'answer_home',
      rules: [
        rule('as many as the home asks for', transport, home, first, ...(hold ? [] : [accept])),
        ...noMessage,
        rule('behind all others', ...behind),
      ],
    },
  ];
}

/** Counter sets for the shares. */
export function dnsLimitSets(): LearnedSet[] {
  const flows = FAMILIES.map((family): LearnedSet => {
    const name = answerLimitSet(family);
    const key = [family === 4 ? 'ipv4' : 'ipv6', 'raw'] as const;
    const timeout = ANSWERED_MILLISECONDS;
    return { role: 'learned', name, key, size: ANSWERED_FLOWS, timeout, dynamic: true };
  });
  return [
    countOf(queryLimitSet(4), 'ipv4'),
    countOf(queryLimitSet(6), 'ipv6'),
    ...[QUERY_LOG_LIMIT_MACS, QUERY_LIMIT_MACS].map((name) => countOf(name, 'ether')),
    ...[QUERY_LIMIT_HOME, ANSWER_LIMIT_HOME].map((name) => ({ ...countOf(name, 'port'), size: 1 })),
    ...flows,
  ];
}
