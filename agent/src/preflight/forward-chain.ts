// Runs the first packet of a new flow through the forward chains of a loaded firewall (firewall.ts):
// does it get from one device to another? Names of zones do not matter, only what the rules do. What
// a rule asks of addresses, ports and the like is not known here: such a rule concerns some flows, not
// all. Pure.
import type { Chain } from './firewall.ts';

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
}

export interface Fate {
  readonly passes: boolean;
  /** The chain that ended it. */
  readonly chain: string;
  /** Of the rules that let some of such flows pass all the same, the first ones. */
  readonly some: readonly string[];
}

type Chains = ReadonlyMap<string, Chain>;

/** Jumps deeper than the kernel takes (NFT_JUMP_STACK_SIZE). */
const DEEPEST = 16;
/** Rules looked at for one flow: a small router takes a fraction of a millisecond for each. */
const MOST_RULES = 1000;
const IDLE_COST = 0.05;
const TOO_MANY = `more than ${MOST_RULES} rules`;

/** What was found of a table is not looked for again: a listing lasts until the next one. */
const known = new WeakMap<Chains, Map<string, Fate>>();

interface Walk {
  readonly chains: Chains;
  readonly flow: Flow;
  readonly some: string[];
  left: number;
}

type Ending = { readonly kind: 'accept' | 'refuse' | 'end'; readonly chain: string };

export function fateOf(chains: Chains, flow: Flow): Fate {
  const fates = known.get(chains) ?? new Map<string, Fate>();
  known.set(chains, fates);
  const key = JSON.stringify(flow);
  const fate = fates.get(key) ?? findFate(chains, flow);
  fates.set(key, fate);
  return fate;
}

/** Each of the chains at the hook has to let it pass, in whatever order. */
function findFate(chains: Chains, flow: Flow): Fate {
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
      // Of those that a rule refuses or sends back the others go on.
      if (verb === 'accept' || verb === 'queue') walk.some.push(rule);
    } else if (verb === 'accept' || verb === 'queue') return { kind: 'accept', chain: name };
    else if (verb === 'drop' || verb === 'reject') return { kind: 'refuse', chain: name };
    else if (verb === 'return') break;
  }
  return { kind: 'end', chain: name };
}

const ADDRESSES_OR_PORTS = /\b[sd](?:addr|port)\b/;
const LETS_PASS = /\b(?:accept|jump|goto|queue)\b/;

/** Whether a rule changes nothing of what is found: seen without taking it apart, since most rules of a
 * long table are for single addresses and ports. `isSome`: that some flows pass is known already. */
function isIdle(rule: string, isSome: boolean): boolean {
  return ADDRESSES_OR_PORTS.test(rule) && (isSome || !LETS_PASS.test(rule));
}

type Fits = 'yes' | 'no' | 'some';

const VERDICT =
  /(?:^| )((?:jump|goto) \S+|accept|drop|return|reject|queue)(?: (?:with|num|to|flags|bypass) .*)?$/;
const LIST = '(\\{ [^}]* \\}|"[^"]*"|\\S+)';
const MATCH = new RegExp(
  `(iifname|oifname|iif|oif|meta nfproto|meta l4proto|ct state) (!= |vmap )?${LIST}`,
  'g',
);
/** Says nothing of the packet. */
const IDLE =
  / ?(?:counter(?: packets \d+ bytes \d+| name \S+)?|log(?: (?:prefix "[^"]*"|level \S+|flags \S+|group \S+|snaplen \S+|queue-threshold \S+))*|comment ".*")/g;

/** What the rule does with the packets that it fits, and whether that is this one. */
function judge(rule: string, flow: Flow): { does: string; fits: Fits } {
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
  // A forwarded port is no flow of an application that goes out.
  if (/ct status dnat/.test(rest)) return { does, fits: 'no' };
  if (isOut || rest.trim() === '') return { does, fits: isOut ? 'no' : 'yes' };
  const other = flow.family === 4 ? /\b(?:ip6|icmpv6)\b/ : /\b(?:ip|icmp)\b/;
  const protocol = flow.protocol === 'tcp' ? /\b(?:udp|icmp|icmpv6) / : /\b(?:tcp|icmp|icmpv6) /;
  if (other.test(rest) || protocol.test(rest)) return { does, fits: 'no' };
  // A verdict map over something that is not known here.
  const inMap = / vmap \{ .*\b(accept|jump \S+|goto \S+)/.exec(` ${rest}`)?.[1];
  return {
    does: does === '' && inMap !== undefined ? inMap.replace(/,$/, '') : does,
    fits: 'some',
  };
}

function valueOf({ from, to, family, protocol }: Flow, key: string): string {
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
      return 'new';
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

/** `{ established : accept, new : jump x }`: what stands for `value`, or null. */
function mapped(list: string, value: string): string | null {
  const entries = list.replace(/^\{ | \}$/g, '').split(/, ?/);
  for (const entry of entries) {
    const [key = '', does = ''] = entry.split(/ : /);
    if (isSame(key, value)) return does.trim();
  }
  return null;
}
