// ruleset/compile-dns: DNS of the devices. A flow is DNS by the port that the device sent it to, whoever
// answers: the router on any port, a resolver in the home or outside, turned there or not. Queries are
// announced within the device's share; the answers are held until what they teach is in the kernel, or
// only watched, those of a device beyond its share behind all others. Part of the hooks prerouting,
// input, output and forward.
import { CROWD, markOf, WATCHED } from '../policy/marks.ts';
import { countOf, isOnEthernet } from './compile-share.ts';
import { type Context, logWhole, setMark } from './context.ts';
import type { Chain, LearnedSet, Rule, Statement, Verdict } from './model.ts';
import {
  ANSWER_PREFIX,
  ASKING_HOME,
  ASKING_MACS,
  QUERY_PREFIX,
  querySet,
  TOLD_MACS,
} from './names.ts';
import {
  accept,
  back,
  ctDirection,
  ctMark,
  dispatch,
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
  rule,
  saddr,
  sport,
  TCP,
  UDP,
} from './terms.ts';

export const DNS = 53;
/** Queries of one device that the agent is told of. */
const TOLD = { rate: 100, per: 'second', burst: 400 } as const;
/** Queries of one device, and of all: what the agent reads on a small router (docs/benchmarks.md), with
 * answers to all of them held at once at most. One more is asked by the crowd. */
export const QUERIES = { rate: 100, per: 'second', burst: 100 } as const;
export const HOME_QUERIES = { rate: 200, per: 'second', burst: 128 } as const;
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
    answerChain(context),
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
  const home = [oneOf(l4proto, [TCP, UDP]), pace(ASKING_HOME, originalPort, HOME_QUERIES), back];
  const tell = logWhole(context, QUERY_PREFIX);
  const own = masked(ctMark, context.globals.mask);
  const isWatched = is(own, markOf(context.globals.mask, WATCHED));
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
        rule('tell the agent', pace(TOLD_MACS, ether, TOLD), tell),
        rule('within its share', pace(ASKING_MACS, ether, QUERIES), ...home),
        rule('beyond it', goTo('crowd')),
      ],
    },
    {
      name: 'crowd',
      rules: [
        rule('its answers come behind all others', isWatched, setMark(context, 'ct', CROWD), back),
        rule('already there', is(own, markOf(context.globals.mask, CROWD)), back),
        rule('in a tunnel there is no behind: it is asked again', isNot(own, 0), drop),
      ],
    },
  ];
}

/** Held until what it teaches is in the kernel, or only watched. */
function answerChain(context: Context): Chain {
  const { mask, hold, queue, group } = context.globals;
  const isCrowd = is(masked(ctMark, mask), markOf(mask, CROWD));
  const prefix = ANSWER_PREFIX;
  const behind: Statement[] = hold
    ? [{ kind: 'queue', number: crowdQueue(queue) }]
    : [{ kind: 'log', prefix, group: crowdGroup(group), snaplen: null }, accept];
  const first: Statement = hold ? { kind: 'queue', number: queue } : logWhole(context, prefix);
  return {
    name: 'answer',
    rules: [rule('of a device beyond its share', isCrowd, ...behind), rule('of all others', first)],
  };
}

/** The counts behind the shares. */
export function askingSets(): LearnedSet[] {
  return [
    countOf(querySet(4), 'ipv4'),
    countOf(querySet(6), 'ipv6'),
    ...[TOLD_MACS, ASKING_MACS].map((name) => countOf(name, 'ether')),
    { ...countOf(ASKING_HOME, 'port'), size: 1 },
  ];
}
