// ruleset/render: table model -> nft text, the last arrow before `nft -f`. One function a kind of
// expression and statement. Two forms: the first load, and a reload that keeps what is learned;
// each is one transaction. Accepted by nft 1.0.6 (Debian 12) and newer.
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
  Verdict,
} from './model.ts';

type Renderers<Kind extends { kind: string }> = {
  readonly [K in Kind['kind']]: (one: Extract<Kind, { kind: K }>) => string;
};

const META_TEXT = {
  mark: 'meta mark',
  l4proto: 'meta l4proto',
  nfproto: 'meta nfproto',
  iifname: 'iifname',
  oifname: 'oifname',
  length: 'meta length',
};

const EXPRESSIONS: Renderers<Expression> = {
  meta: (one) => META_TEXT[one.key],
  ct: (one) => `ct ${one.key}`,
  original: (one) => `ct original ${one.family === 4 ? 'ip' : 'ip6'} saddr`,
  field: (one) => one.name,
  raw: (one) => `@th,${one.offset},${one.bits}`,
  payload: (one) => `@ih,${one.offset},${one.bits}`,
  ether: () => 'ether saddr',
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
  flags: (one) => `${expression(one.left)} ${one.any.join(',')}`,
  lookup: (one) => `${expression(one.left)} ${one.not ? '!= ' : ''}@${one.set}`,
  update: (one) => `update @${one.set} { ${expression(one.element)} }`,
  pace: (one) => {
    const limit = `limit rate ${one.rate}/${one.per} burst ${one.burst} packets`;
    return `update @${one.set} { ${expression(one.element)} ${limit} }`;
  },
  remove: (one) => `delete @${one.set} { ${expression(one.element)} }`,
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
  count: (one) => `counter name "${one.counter}"`,
  log: (one) => {
    const snaplen = one.snaplen === null ? '' : ` snaplen ${one.snaplen}`;
    return `log prefix "${one.prefix}" group ${one.group}${snaplen}`;
  },
  queue: (one) => `queue flags bypass to ${one.number}`,
  reject: (one) => `reject with ${one.answer === 'tcp reset' ? one.answer : `icmpx ${one.answer}`}`,
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
  return 'chain' in one ? `${one.verdict} ${one.chain}` : one.verdict;
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
      return `"${value}"`;
    case 'mark':
    case 'status':
      return hex(Number(value));
    case 'protocol':
      return PROTOCOLS.get(Number(value)) ?? String(value);
    case 'family':
      return value === 2 ? 'ipv4' : 'ipv6';
    default:
      return String(value);
  }
}

/** The text of one rule, without its comment. */
export function renderStatements(rule: Rule): string {
  return rule.statements.map(statement).join(' ');
}

export function renderRule(rule: Rule): string {
  return `${renderStatements(rule)} comment "!whp: ${rule.comment}"`;
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
  // Any raw 32 bits do: this is where NAT-PMP has its ports.
  raw: '@th,96,32',
};

/** Declaration of a set without its elements, one property a line. */
function setProperties(set: NamedSet): string[] {
  const key = set.key.includes('raw')
    ? `typeof ${set.key.map((type) => SET_FIELDS[type]).join(' . ')}`
    : `type ${set.key.map((type) => SET_TYPES[type]).join(' . ')}`;
  if (set.role === 'static') return [key, 'flags interval'];
  const lines = [key, `size ${set.size}`, `flags ${set.dynamic ? 'dynamic,' : ''}timeout`];
  if (set.timeout !== null) lines.push(`timeout ${duration(set.timeout)}`);
  return lines;
}

/** nft reads `1s500ms`, not fractions. */
function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const rest = milliseconds % 1000;
  return `${seconds > 0 ? `${seconds}s` : ''}${rest > 0 || seconds === 0 ? `${rest}ms` : ''}`;
}

function elementText(key: readonly Datatype[], element: readonly Span[]): string {
  return element.map((span, i) => spanText(key[i]!, span)).join(' . ');
}

function spanText(type: Datatype, [from, to]: Span): string {
  const first = constantText(type, from);
  return from === to ? first : `${first}-${constantText(type, to)}`;
}

function elementList(set: NamedSet): string[] {
  return set.role === 'static' ? set.elements.map((one) => elementText(set.key, one)) : [];
}

function setBlock(set: NamedSet): string[] {
  const elements = elementList(set);
  return [
    `set ${set.name} {`,
    ...setProperties(set).map((line) => `  ${line}`),
    ...(elements.length > 0 ? ['  elements = {', `    ${elements.join(',\n      ')}`, '  }'] : []),
    '}',
  ];
}

function baseText({ type, hook, priority }: BaseHook): string {
  return `type ${type} hook ${hook} priority ${priority}; policy accept;`;
}

function chainBlock(chain: Chain): string[] {
  return [
    `chain ${chain.name} {`,
    ...(chain.base === undefined ? [] : [`  ${baseText(chain.base)}`]),
    ...chain.rules.map((rule) => `  ${renderRule(rule)}`),
    '}',
  ];
}

/** The first load: whatever stood under our name is replaced, learned elements included. */
export function renderLoad(ruleset: Ruleset): string {
  const body = [
    ...ruleset.counters.map((name) => `counter ${name} { }`),
    ...ruleset.sets.flatMap(setBlock),
    ...chainsInOrder(ruleset.chains).flatMap(chainBlock),
  ];
  const table = `table inet ${ruleset.table}`;
  // Adding first makes deleting safe when there is none yet.
  const head = [`add ${table}`, `delete ${table}`, `${table} {`];
  return `${[...head, ...body.map((line) => `  ${line}`), '}'].join('\n')}\n`;
}

/** nft 1.0.6 resolves jumps while reading: chains that others go to come first. */
function chainsInOrder(chains: readonly Chain[]): Chain[] {
  return [...chains.filter((one) => !one.base), ...chains.filter((one) => one.base)];
}

/**
 * From one table to the next in one transaction that keeps every learned element, and every
 * counter, of sets whose shape is unchanged. A packet sees the old rules or the new, never none.
 */
export function renderReload(previous: Ruleset, next: Ruleset): string {
  const table = `inet ${next.table}`;
  const gone = <T extends { name: string }>(
    old: readonly T[],
    now: readonly T[],
    same: (a: T, b: T) => boolean,
  ) => old.filter((one) => !now.some((other) => other.name === one.name && same(one, other)));
  const deadChains = gone(previous.chains, next.chains, sameBase);
  const deadSets = gone(previous.sets, next.sets, sameShape);
  const statics = next.sets.filter((set) => set.role === 'static');
  const lines = [
    `add table ${table}`,
    ...previous.chains.map((chain) => `flush chain ${table} ${chain.name}`),
    ...deadChains.map((chain) => `delete chain ${table} ${chain.name}`),
    ...deadSets.map((set) => `delete set ${table} ${set.name}`),
    ...previous.counters
      .filter((name) => !next.counters.includes(name))
      .map((name) => `delete counter ${table} ${name}`),
    ...next.counters.map((name) => `add counter ${table} ${name}`),
    ...next.sets.map((set) => `add set ${table} ${set.name} { ${setProperties(set).join('; ')}; }`),
    ...statics.map((set) => `flush set ${table} ${set.name}`),
    ...statics.flatMap((set) => {
      const elements = elementList(set);
      if (elements.length === 0) return [];
      return [`add element ${table} ${set.name} { ${elements.join(', ')} }`];
    }),
    ...chainsInOrder(next.chains).map((chain) => {
      const base = chain.base === undefined ? '' : ` { ${baseText(chain.base)} }`;
      return `add chain ${table} ${chain.name}${base}`;
    }),
    ...next.chains.flatMap((chain) =>
      chain.rules.map((rule) => `add rule ${table} ${chain.name} ${renderRule(rule)}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function sameBase(a: Chain, b: Chain): boolean {
  return JSON.stringify(a.base) === JSON.stringify(b.base);
}

function sameShape(a: NamedSet, b: NamedSet): boolean {
  return JSON.stringify(setProperties(a)) === JSON.stringify(setProperties(b));
}
