// ruleset/render: renders the table model as nft text, by one function for each kind of expression and
// statement. Accepted by nft 1.0.6 (Debian 12) and newer. Text of the model is written only by the functions of
// render-words, so it can never end the token that contains it.
import { datatypeOf } from './fields.ts';
import type {
  BaseHook,
  Chain,
  Constant,
  Datatype,
  Expression,
  NamedSet,
  Rule,
  Ruleset,
  Statement,
  Verdict,
} from './model.ts';
import {
  bare,
  constantText,
  elementList,
  forgetWords,
  hex,
  LONGEST,
  quoted,
  UNQUOTED,
  word,
} from './render-words.ts';
import {
  type ChainParts,
  duration,
  loadText,
  type SetParts,
  type TableParts,
} from './transaction.ts';

type Renderers<Kind extends { kind: string }> = {
  readonly [K in Kind['kind']]: (one: Extract<Kind, { kind: K }>) => string;
};

const META_TEXT = {
  mark: 'meta mark',
  l4proto: 'meta l4proto',
  nfproto: 'meta nfproto',
  iiftype: 'meta iiftype',
  iifname: 'iifname',
  oifname: 'oifname',
  length: 'meta length',
};

const EXPRESSIONS: Renderers<Expression> = {
  meta: (one) => META_TEXT[one.key],
  ct: (one) => `ct ${one.key}`,
  sent: () => 'ct original packets',
  original: (one) => `ct original ${one.family === 4 ? 'ip' : 'ip6'} saddr`,
  // nft 1.0.6 lists a compared constant wrongly, but the key of a verdict map correctly: use `dispatch`.
  originalPort: () => 'ct original proto-dst',
  field: (one) => one.name,
  raw: (one) => `@th,${one.offset},${one.bits}`,
  payload: (one) => `@ih,${one.offset},${one.bits}`,
  ether: () => 'ether saddr',
  mac: (one) => SET_FIELDS[one.part]!,
  fib: (one) => `fib daddr ${one.result}`,
  masked: (one) => `${expression(one.of)} & ${hex(one.mask)}`,
  concat: (one) => one.parts.map(expression).join(' . '),
};

const STATEMENTS: Renderers<Statement> = {
  compare: (one) => {
    const operator = one.operator === '==' && one.left.kind !== 'masked' ? '' : `${one.operator} `;
    return `${expression(one.left)} ${operator}${constant(one.left, one.right)}`;
  },
  between: (one) => `${expression(one.left)} ${one.from}-${one.to}`,
  oneof: (one) => {
    const list = one.right.map((value) => constant(one.left, value)).join(', ');
    return `${expression(one.left)} ${one.not ? '!= ' : ''}{ ${list} }`;
  },
  flags: (one) => `${expression(one.left)} ${one.any.map(bare).join(',')}`,
  lookup: (one) => `${expression(one.left)} ${one.not ? '!= ' : ''}@${word(one.set)}`,
  update: (one) => {
    const timeout = one.timeout === undefined ? '' : ` timeout ${duration(one.timeout)}`;
    return `update @${word(one.set)} { ${expression(one.element)}${timeout} }`;
  },
  pace: (one) => {
    const limit = `limit rate ${one.over ? 'over ' : ''}${one.rate}/${one.per} burst ${one.burst} packets`;
    return `update @${word(one.set)} { ${expression(one.element)} ${limit} }`;
  },
  dispatch: (one) => {
    const entries = one.entries.map(
      ([value, to]) => `${constant(one.left, value)} : ${verdict(to)}`,
    );
    return `${expression(one.left)} vmap { ${entries.join(', ')} }`;
  },
  mark: (one) => {
    const left = `${one.target} mark`;
    const value = one.value === 0 ? '' : ` | ${hex(one.value)}`;
    return `${left} set ${left} & ${hex(one.keep)}${value}`;
  },
  count: (one) => `counter name "${word(one.counter)}"`,
  log: (one) => {
    const snaplen = one.snaplen === null ? '' : ` snaplen ${one.snaplen}`;
    return `log prefix ${quoted(one.prefix)} group ${one.group}${snaplen}`;
  },
  queue: (one) => `queue ${one.isStrict ? '' : 'flags bypass '}to ${one.number}`,
  reject: (one) => `reject with ${one.answer === 'tcp reset' ? one.answer : `icmpx ${one.answer}`}`,
  // RST (1 << 2) and ACK (1 << 4), RFC 9293 section 3.1; the kernel corrects the checksum.
  end: () => 'tcp flags set 0x14',
  untracked: () => 'notrack',
  clamp: (one) => `tcp option maxseg size set ${one.size === 'route' ? 'rt mtu' : one.size}`,
  masquerade: () => 'masquerade',
  redirect: (one) => `redirect to :${one.port}`,
  verdict: (one) => verdict(one.verdict),
};

function expression(one: Expression): string {
  return (EXPRESSIONS[one.kind] as (expression: Expression) => string)(one);
}

function statement(one: Statement): string {
  return (STATEMENTS[one.kind] as (statement: Statement) => string)(one);
}

function verdict(one: Verdict): string {
  return 'chain' in one ? `${one.verdict} ${word(one.chain)}` : one.verdict;
}

function constant(left: Expression, value: Constant): string {
  return constantText(datatypeOf(left), value);
}

/** The text of one rule without its comment. */
function renderStatements(rule: Rule): string {
  return rule.statements.map(statement).join(' ');
}

/** The text of the rules of one chain. Their comments are checked together: hundreds of searches take a slow router
 * long. */
function renderRules(rules: readonly Rule[]): string[] {
  const comments = rules.map(({ comment }) => `!whp: ${comment}`);
  const isPlain =
    comments.join('').search(UNQUOTED) < 0 && comments.every((one) => one.length <= LONGEST.text);
  return rules.map((rule, i) => {
    const comment = isPlain ? `"${comments[i]}"` : quoted(comments[i]!);
    return `${renderStatements(rule)} comment ${comment}`;
  });
}

const SET_TYPES: { readonly [type in Datatype]?: string } = {
  ipv4: 'ipv4_addr',
  ipv6: 'ipv6_addr',
  protocol: 'inet_proto',
  port: 'inet_service',
  family: 'nf_proto',
  ether: 'ether_addr',
};

const SET_FIELDS: { readonly [type in Datatype]?: string } = {
  ipv4: 'ip saddr',
  ipv6: 'ip6 saddr',
  // Any raw 32 bits define the type; these are the port field of NAT-PMP.
  raw: '@th,96,32',
  ether: 'ether saddr',
  // The source MAC is at byte 6 of an Ethernet header.
  mac32: '@ll,48,32',
  mac16: '@ll,80,16',
  flow: 'ct id',
};

/** Fields without a name as a type. */
const RAW_FIELDS: readonly Datatype[] = ['raw', 'mac32', 'mac16', 'flow'];

/** Declaration of a set without its elements, one property a line. */
function setProperties(set: NamedSet): string[] {
  const key = set.key.some((type) => RAW_FIELDS.includes(type))
    ? `typeof ${set.key.map((type) => SET_FIELDS[type]).join(' . ')}`
    : `type ${set.key.map((type) => SET_TYPES[type]).join(' . ')}`;
  if (set.role === 'static') return [key, set.size ? `size ${set.size}` : 'flags interval'];
  const lines = [key, `size ${set.size}`, `flags ${set.dynamic ? 'dynamic,' : ''}timeout`];
  if (set.timeout !== null) lines.push(`timeout ${duration(set.timeout)}`);
  return lines;
}

function baseText({ type, hook, priority }: BaseHook): string {
  return `type ${type} hook ${hook} priority ${priority}; policy accept;`;
}

/** nft 1.0.6 resolves jumps while parsing: target chains come first. */
export function chainsInOrder(chains: readonly Chain[]): Chain[] {
  return [...chains.filter((one) => !one.base), ...chains.filter((one) => one.base)];
}

/** The parts of the table as text: the input of a load, and of the comparison in a reload. */
export function renderParts(ruleset: Ruleset): TableParts {
  forgetWords();
  return {
    table: word(ruleset.table),
    counters: ruleset.counters.map(word),
    sets: ruleset.sets.map(renderSet),
    chains: chainsInOrder(ruleset.chains).map(renderChain),
  };
}

export function renderSet(set: NamedSet): SetParts {
  return {
    name: word(set.name),
    shape: setProperties(set),
    key: set.key,
    elements: elementList(set),
    timeout: set.role === 'static' ? null : set.timeout,
    size: set.role === 'static' ? 0 : set.size,
  };
}

export function renderChain(chain: Chain): ChainParts {
  return {
    name: word(chain.name),
    base: chain.base === undefined ? '' : baseText(chain.base),
    rules: renderRules(chain.rules),
  };
}

/** The first load: replaces the table of our name, learned elements included. */
export function renderLoad(ruleset: Ruleset): string {
  return loadText(renderParts(ruleset));
}
