// preflight/forward-chain: runs a packet of a flow, mostly the first, through the forward chains of a loaded
// firewall, to find whether it passes from one device to another. Zone names do not matter. A rule that also
// tests addresses, ports or the like matches only some flows. Pure.

import type { LoadedChain } from './firewall.ts';
import { DEEPEST, LIST } from './listing.ts';

export interface NewFlow {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  /** A packet of a flow that has been answered; absent: the first packet of a new one. */
  readonly isOpen?: true | undefined;
}

export interface Fate {
  readonly passes: boolean;
  /** The chain with the deciding rule or policy. */
  readonly chain: string;
  /** Rules that accept some of these flows, in order. */
  readonly some: readonly string[];
}

type Chains = ReadonlyMap<string, LoadedChain>;

/** Rules judged for one flow: a small router needs a fraction of a millisecond for each. */
const MOST_RULES = 1000;
const IDLE_COST = 0.05;
const TOO_MANY = `more than ${MOST_RULES} rules`;

/** Results by listing: the chains do not change until the next listing. */
const known = new WeakMap<Chains, Map<string, Fate>>();

interface Walk {
  readonly chains: Chains;
  readonly flow: NewFlow;
  readonly some: string[];
  left: number;
}

type Ending = { readonly kind: 'accept' | 'refuse' | 'end'; readonly chain: string };

export function fateOf(chains: Chains, flow: NewFlow): Fate {
  const fates = known.get(chains) ?? new Map<string, Fate>();
  known.set(chains, fates);
  const key = JSON.stringify(flow);
  const fate = fates.get(key) ?? findFate(chains, flow);
  fates.set(key, fate);
  return fate;
}

/** Every base chain at the hook must accept the packet, in any order. */
function findFate(chains: Chains, flow: NewFlow): Fate {
  const walk: Walk = { chains, flow, some: [], left: MOST_RULES };
  const bases = Array.from(chains).filter(([, { hook }]) => hook === 'forward');
  let last = '';
  for (const [name, { policy }] of bases) {
    const ending = run(walk, name, 0);
    last = ending.chain;
    const isEnd = ending.kind === 'end';
    if (ending.kind === 'refuse' || (isEnd && policy === 'drop'))
      return { passes: false, chain: isEnd ? `${name}, policy drop` : last, some: walk.some };
  }
  return { passes: true, chain: last, some: walk.some };
}

function run(walk: Walk, name: string, depth: number): Ending {
  for (const rule of walk.chains.get(name)?.rules ?? []) {
    const idle = isIdle(rule, walk.some.length > 0);
    walk.left -= idle ? IDLE_COST : 1;
    if (walk.left <= 0 && !walk.some.includes(TOO_MANY)) walk.some.unshift(TOO_MANY);
    if (walk.left <= 0 || depth > DEEPEST) break;
    if (idle) continue;
    const { does, fits } = judge(rule, walk.flow);
    if (fits === 'no' || does === '') continue;
    const [verb = '', target = ''] = does.split(' ');
    if (verb === 'jump' || verb === 'goto') {
      const ending = run(walk, target, depth + 1);
      if (fits === 'some') {
        if (ending.kind === 'accept') walk.some.push(rule);
      } else if (ending.kind !== 'end') return ending;
      else if (verb === 'goto') break;
    } else if (fits === 'some') {
      // A partial match that drops or returns some flows does not end the walk for the others.
      if (verb === 'accept' || verb === 'queue') walk.some.push(rule);
    } else if (verb === 'accept' || verb === 'queue') return { kind: 'accept', chain: name };
    else if (verb === 'drop' || verb === 'reject') return { kind: 'refuse', chain: name };
    else if (verb === 'return') break;
  }
  return { kind: 'end', chain: name };
}

const ADDRESSES_OR_PORTS = /\b[sd](?:addr|port)\b/;
const LETS_PASS = /\b(?:accept|jump|goto|queue)\b/;

/**
 * Whether a rule cannot change the result, tested without parsing it: most rules of a long table match single
 * addresses and ports. `isSome`: a rule that accepts some flows is already known.
 */
function isIdle(rule: string, isSome: boolean): boolean {
  return ADDRESSES_OR_PORTS.test(rule) && (isSome || !LETS_PASS.test(rule));
}

type Fits = 'yes' | 'no' | 'some';

const VERDICT =
  /(?:^| )((?:jump|goto) \S+|accept|drop|return|reject|queue)(?: (?:with|num|to|flags|bypass) .*)?$/;
const MATCH = new RegExp(
  `(iifname|oifname|iif|oif|meta nfproto|meta l4proto|ct state) (!= |vmap )?${LIST}`,
  'g',
);
/** Statements that match every packet. */
const IDLE =
  / ?(?:counter(?: packets \d+ bytes \d+| name \S+)?|log(?: (?:prefix "[^"]*"|level \S+|flags \S+|group \S+|snaplen \S+|queue-threshold \S+))*|comment ".*")/g;

/** The verdict of the rule, and whether the rule matches this flow. */
function judge(rule: string, flow: NewFlow): { does: string; fits: Fits } {
  let text = rule.replace(IDLE, '').trim();
  let does = VERDICT.exec(text)?.[1] ?? '';
  if (does !== '') text = text.replace(VERDICT, '').trim();
  let isOut = false;
  const rest = text.replace(MATCH, (_whole, key: string, how: string | undefined, list: string) => {
    const value = valueOf(flow, key);
    if (how === 'vmap ') {
      const found = mapped(list, value);
      if (found === null) isOut = true;
      else does = found;
    } else if (isListed(list, value) === (how === '!= ')) isOut = true;
    return '';
  });
  // A port forwarded from outside is no outgoing flow of an application.
  if (/ct status dnat/.test(rest)) return { does, fits: 'no' };
  if (isOut || rest.trim() === '') return { does, fits: isOut ? 'no' : 'yes' };
  const other = flow.family === 4 ? /\b(?:ip6|icmpv6)\b/ : /\b(?:ip|icmp)\b/;
  const protocol = flow.protocol === 'tcp' ? /\b(?:udp|icmp|icmpv6) / : /\b(?:tcp|icmp|icmpv6) /;
  if (other.test(rest) || protocol.test(rest)) return { does, fits: 'no' };
  // A verdict map keyed by a value that is unknown here.
  const inMap = / vmap \{ .*\b(accept|jump \S+|goto \S+)/.exec(` ${rest}`)?.[1];
  return {
    does: does === '' && inMap !== undefined ? inMap.replace(/,$/, '') : does,
    fits: 'some',
  };
}

function valueOf({ from, to, family, protocol, isOpen }: NewFlow, key: string): string {
  switch (key) {
    case 'iifname':
    case 'iif':
      return from;
    case 'oifname':
    case 'oif':
      return to;
    case 'meta nfproto':
      return `ipv${family}`;
    case 'meta l4proto':
      return protocol;
    default:
      return isOpen ? 'established' : 'new';
  }
}

/** Whether `value` is in a list as nft prints it: `"br-lan"`, `{ "a", "whp-*" }`, `established,related`. */
export function isListed(list: string, value: string): boolean {
  return list
    .replace(/^\{ | \}$/g, '')
    .split(/, ?/)
    .some((one) => isSame(one, value));
}

function isSame(one: string, value: string): boolean {
  const plain = one.trim().replace(/^"|"$/g, '');
  return plain.endsWith('*') ? value.startsWith(plain.slice(0, -1)) : plain === value;
}

/** `{ established : accept, new : jump x }`: the verdict for `value`; null: none. */
function mapped(list: string, value: string): string | null {
  const entries = list.replace(/^\{ | \}$/g, '').split(/, ?/);
  for (const entry of entries) {
    const [key = '', does = ''] = entry.split(/ : /);
    if (isSame(key, value)) return does.trim();
  }
  return null;
}
