// ruleset/render: renders the table model as nft text, by one function for each kind of expression and
// statement. Accepted by nft 1.0.6 (Debian 12) and newer. Text of the model is written only by `bare` and by the
// functions of ruleset/plain, so it can never end the token that contains it.
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
  Span,
  Statement,
  StaticSet,
  Verdict,
} from './model.ts';
import type { TableParts } from './parts.ts';
import { commentText, deviceText, plainText, word } from './plain.ts';
import { duration, loadText } from './transaction.ts';

function quoted(text: string): string {
  return `"${plainText(text)}"`;
}

/** A value in nft's form: an address, a MAC, a state. Anything else becomes a word that nft refuses. */
function bare(text: string): string {
  return /^[A-Za-z0-9.:_-]+$/.test(text) ? text : 'no-such-value';
}

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
  masked: (one) => `${expressionText(one.of)} & ${hex(one.mask)}`,
  concat: (one) => one.parts.map(expressionText).join(' . '),
};

const STATEMENTS: Renderers<Statement> = {
  compare: (one) => {
    const operator = one.operator === '==' && one.left.kind !== 'masked' ? '' : `${one.operator} `;
    return `${expressionText(one.left)} ${operator}${constant(one.left, one.right)}`;
  },
  between: (one) => `${expressionText(one.left)} ${one.from}-${one.to}`,
  oneof: (one) => {
    const list = one.right.map((value) => constant(one.left, value)).join(', ');
    return `${expressionText(one.left)} ${one.not ? '!= ' : ''}{ ${list} }`;
  },
  flags: (one) => `${expressionText(one.left)} ${one.any.map(bare).join(',')}`,
  lookup: (one) => `${expressionText(one.left)} ${one.not ? '!= ' : ''}@${word(one.set)}`,
  update: (one) => {
    const timeout = one.timeout === undefined ? '' : ` timeout ${duration(one.timeout)}`;
    return `update @${word(one.set)} { ${expressionText(one.element)}${timeout} }`;
  },
  pace: (one) => {
    const limit = `limit rate ${one.over ? 'over ' : ''}${one.rate}/${one.per} burst ${one.burst} packets`;
    return `update @${word(one.set)} { ${expressionText(one.element)} ${limit} }`;
  },
  dispatch: (one) => {
    const entries = one.entries.map(
      ([value, to]) => `${constant(one.left, value)} : ${verdict(to)}`,
    );
    return `${expressionText(one.left)} vmap { ${entries.join(', ')} }`;
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

function expressionText(one: Expression): string {
  return (EXPRESSIONS[one.kind] as (expression: Expression) => string)(one);
}

/** Each statement is written in the text of its rule and is the key of its messages (ruleset/encode/rule). */
const texts = new WeakMap<Statement, string>();

export function statementText(one: Statement): string {
  let text = texts.get(one);
  if (text === undefined) {
    text = (STATEMENTS[one.kind] as (statement: Statement) => string)(one);
    texts.set(one, text);
  }
  return text;
}

function verdict(one: Verdict): string {
  return 'chain' in one ? `${one.verdict} ${word(one.chain)}` : one.verdict;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

const PROTOCOLS = new Map([
  [6, 'tcp'],
  [17, 'udp'],
]);

function constant(left: Expression, value: Constant): string {
  return constantText(datatypeOf(left), value);
}

function constantText(type: Datatype, value: Constant): string {
  switch (type) {
    case 'device':
      return `"${deviceText(String(value))}"`;
    case 'mark':
    case 'status':
      return hex(Number(value));
    case 'protocol':
      return PROTOCOLS.get(Number(value)) ?? bare(String(value));
    case 'family':
      return value === 2 ? 'ipv4' : 'ipv6';
    default:
      return bare(String(value));
  }
}

/** The text of one rule, without its comment. */
function renderStatements(rule: Rule): string {
  return rule.statements.map(statementText).join(' ');
}

function renderRule(rule: Rule): string {
  return `${renderStatements(rule)} comment "${commentText(rule)}"`;
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

function elementText(key: readonly Datatype[], element: readonly Span[]): string {
  return element.map((span, i) => spanText(key[i]!, span)).join(' . ');
}

function spanText(type: Datatype, [from, to]: Span): string {
  const first = constantText(type, from);
  return from === to ? first : `${first}-${constantText(type, to)}`;
}

/** The elements as text of a set block; null: a learned set. */
export function elementList(set: NamedSet): string | null {
  if (set.role !== 'static') return null;
  const known = listed.get(set.elements);
  if (known !== undefined) return known;
  const text = set.elements.map((one) => elementText(set.key, one)).join(',\n      ');
  listed.set(set.elements, text);
  return text;
}

/** Cached by the elements array: most sets are unchanged in a reload (compile/ranges). */
const listed = new WeakMap<StaticSet['elements'], string>();

function baseText({ type, hook, priority }: BaseHook): string {
  return `type ${type} hook ${hook} priority ${priority}; policy accept;`;
}

/** nft 1.0.6 resolves jumps while parsing: target chains come first. */
export function inOrder(chains: readonly Chain[]): Chain[] {
  return [...chains.filter((one) => !one.base), ...chains.filter((one) => one.base)];
}

/** The parts of the table as text: the input of a load, and of the comparison in a reload. */
export function renderParts(ruleset: Ruleset): TableParts {
  return {
    table: word(ruleset.table),
    counters: ruleset.counters.map(word),
    sets: ruleset.sets.map((set) => ({
      name: word(set.name),
      shape: setProperties(set),
      key: set.key,
      elements: elementList(set),
      timeout: set.role === 'static' ? null : set.timeout,
      size: set.role === 'static' ? 0 : set.size,
    })),
    chains: inOrder(ruleset.chains).map((chain) => ({
      name: word(chain.name),
      base: chain.base === undefined ? '' : baseText(chain.base),
      rules: chain.rules.map(renderRule),
    })),
  };
}

/** The first load: replaces the table of our name, learned elements included. */
export function renderLoad(ruleset: Ruleset): string {
  return loadText(renderParts(ruleset));
}
