// ruleset/compile/dns: DNS of the devices. A flow is DNS by the port that the device sent it to, whoever
// answers: the router on any port, a resolver in the home or outside, turned there or not. Queries are
// announced within the device's share; the answers are held until what they teach is in the kernel, or
// only watched, those of a device beyond its share behind all others. Part of the hooks prerouting,
// input, output and forward.
import { CROWD, markOf, WATCHED } from '../../policy/marks.ts';
import type { Chain, LearnedSet, Rule, Statement, Verdict } from '../model.ts';
import {
  ANSWER_PREFIX,
  ANSWERED_HOME,
  ASKING_HOME,
  ASKING_MACS,
  answeredSet,
  QUERY_PREFIX,
  querySet,
  TOLD_MACS,
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
  FAMILIES,
  field,
  goTo,
  iifname,
  is,
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
  TCP,
  UDP,
} from '../terms.ts';
import { type Context, logWhole, setMark } from './context.ts';
import { countOf, isOnEthernet } from './device-share.ts';

const DNS = 53;
/** Queries of one device, and of all, whose answers are read before others: what the agent of a small router has
 * time for beside dnsmasq, with answers to all of them held at once at most. One more is asked by the crowd. */
const QUERIES = { rate: 20, per: 'second', burst: 100 } as const;
const HOME_QUERIES = { rate: 100, per: 'second', burst: 128 } as const;
/** Queries of one device that the agent is told of where nothing is held: an answer beyond the share has passed
 * there, and can only be learned. */
const TOLD = { rate: 100, per: 'second', burst: 400 } as const;
/** Answers to one flow of a device: some resolvers ask all they ask from one port. */
const ANSWERS = { rate: 50, per: 'second', burst: 50 } as const;
/** Flows whose answers are counted, each for a second after the last. */
const ANSWERED_FLOWS = 2048;
const ANSWERED_MILLISECONDS = 1000;
/** The header of a DNS message in a datagram (RFC 1035 section 4.1.1): one question, and a query or an
 * answer. What else uses port 53, a VPN or a call, is no resolver's. */
const QUESTIONS = raw(96, 16);
const ANSWER_BIT = masked(raw(80, 8), 0x80);
const IS_QUERY = [is(l4proto, UDP), is(QUESTIONS, 1), is(ANSWER_BIT, 0)];
/** SYN, FIN and RST. */
const TCP_BEGIN_MASK = 0x07;

/** NFQUEUE number, or NFLOG group, of the crowd's answers: behind that of ClientHellos. */
export function crowdQueue(queue: number): number {
  return (queue + 2) & 0xffff;
}

export function crowdGroup(group: number): number {
  return (group + 1) & 0xffff;
}

function asked(...when: Statement[]): (to: Verdict) => Statement[] {
  return (to) => [oneOf(l4proto, [TCP, UDP]), ...when, dispatch(originalPort, [[DNS, to]])];
}

/** A packet of the device, and one of its resolver, on whatever port that listens. */
const toResolver = asked(is(ctDirection, 'original'));
const fromResolver = asked(is(ctDirection, 'reply'));

/** In prerouting, before anything lets a new flow pass. */
export function dnsRule(): Rule {
  return rule('DNS?', ...asked()({ verdict: 'jump', chain: 'dns' }));
}

/** The mark comes before the applications' own: a resolver among their servers stays theirs. */
export function dnsChains(context: Context): Chain[] {
  const isMiddle = is(masked(field('tcp flags'), TCP_BEGIN_MASK), 0);
  return [
    {
      name: 'dns',
      rules: [
        rule(
          'a stream whose beginning nobody saw begins anew',
          is(l4proto, TCP),
          isMiddle,
          goTo('refuse'),
        ),
        rule(
          'its answers are looked at',
          setMark(context, 'ct', WATCHED),
          setMark(context, 'meta', 0),
        ),
      ],
    },
    ...askedChains(context),
    ...answerChains(context),
  ];
}

/** At the input hook; what is not tracked is known by the router's port. */
export function ownQueryRules(): Rule[] {
  return [
    rule('DNS that was turned to another port', ...toResolver({ verdict: 'goto', chain: 'query' })),
  ];
}

/** Requests to the router's own resolver. */
export function queryChain(): Chain {
  return { name: 'query', rules: [rule('DNS request of a device', goTo('asked'))] };
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
      is(sport, DNS),
      goTo('answer'),
    ),
    rule('DNS answer from another port', toDevice, ...fromResolver(to)),
  ];
}

/** Flows to another resolver than the router's, and all that are in a tunnel. */
export function watchChain(context: Context): Chain {
  const { lan } = context.globals;
  return {
    name: 'watch',
    rules: [
      rule(
        'DNS request of a device',
        oneOf(iifname, lan),
        ...toResolver({ verdict: 'jump', chain: 'asked' }),
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
 * Announces a query and counts it: by the device's hardware address, whatever addresses it takes; by its
 * address where another router is in between, or no Ethernet.
 */
function askedChains(context: Context): Chain[] {
  const home = [
    oneOf(l4proto, [TCP, UDP]),
    pace(ASKING_HOME, originalPort, HOME_QUERIES),
    goTo('within'),
  ];
  const { hold } = context.globals;
  const tell = logWhole(context, QUERY_PREFIX);
  const own = masked(ctMark, context.globals.mask);
  const isWatched = is(own, markOf(context.globals.mask, WATCHED));
  const isCrowd = is(own, markOf(context.globals.mask, CROWD));
  return [
    {
      name: 'asked',
      rules: [
        rule('by hardware address', isOnEthernet, goTo('asked_mac')),
        ...FAMILIES.map((family) => {
          const share = pace(querySet(family), saddr(family), QUERIES);
          return rule('within its share', share, tell, ...home);
        }),
        rule('beyond it', goTo('crowd')),
      ],
    },
    {
      name: 'asked_mac',
      rules: [
        ...(hold ? [] : [rule('tell the agent', pace(TOLD_MACS, ether, TOLD), tell)]),
        rule(
          'within its share',
          pace(ASKING_MACS, ether, QUERIES),
          ...(hold ? [tell] : []),
          ...home,
        ),
        rule('beyond it', goTo('crowd')),
      ],
    },
    {
      name: 'within',
      rules: [rule('no longer of the crowd', isCrowd, setMark(context, 'ct', WATCHED))],
    },
    {
      name: 'crowd',
      rules: [
        rule('its answers come behind all others', isWatched, setMark(context, 'ct', CROWD), back),
        rule('already there', isCrowd, back),
        rule('in a tunnel there is no behind: it is asked again', isNot(own, 0), ...IS_QUERY, drop),
      ],
    },
  ];
}

/**
 * Held until what it teaches is in the kernel, or only watched. Answers are counted as well: a server on
 * port 53 that sends without being asked takes the room of nobody. A flow that gets more than a resolver
 * says joins the crowd; what is more than the home asks for goes behind the others, its flow does not. What
 * comes in such numbers and is no DNS message passes.
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
  const home = pace(ANSWERED_HOME, originalPort, HOME_QUERIES);
  const noMessage = [isNot(QUESTIONS, 1), is(ANSWER_BIT, 0)].map((one) =>
    rule('no DNS message, as of a VPN or a call on port 53', is(l4proto, UDP), one, accept),
  );
  return [
    {
      name: 'answer',
      rules: [
        ...FAMILIES.map((family) => {
          const flow = pace(answeredSet(family), concat(daddr(family), dportKey), ANSWERS);
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

/** The counts behind the shares. */
export function askingSets(hold: boolean): LearnedSet[] {
  const flows = FAMILIES.map((family): LearnedSet => {
    const name = answeredSet(family);
    const key = [family === 4 ? 'ipv4' : 'ipv6', 'raw'] as const;
    const timeout = ANSWERED_MILLISECONDS;
    return { role: 'learned', name, key, size: ANSWERED_FLOWS, timeout, dynamic: true };
  });
  return [
    countOf(querySet(4), 'ipv4'),
    countOf(querySet(6), 'ipv6'),
    ...(hold ? [ASKING_MACS] : [TOLD_MACS, ASKING_MACS]).map((name) => countOf(name, 'ether')),
    ...[ASKING_HOME, ANSWERED_HOME].map((name) => ({ ...countOf(name, 'port'), size: 1 })),
    ...flows,
  ];
}
