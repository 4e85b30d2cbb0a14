// The nftables part of the fake kernel: tables in memory. Parses transactions in the two forms that ruleset/ writes
// (blocks and commands), and applies all of one or nothing.
import { elementBytes, elementText } from './nft-keys.ts';

export interface FakeElement {
  readonly text: string;
  /** Milliseconds; null: it does not expire. */
  readonly timeout: number | null;
  /** On the clock of now(), milliseconds. */
  readonly expires: number;
}

export interface FakeSet {
  /** Properties as nft prints them: "type ipv4_addr", "flags timeout", "timeout 4s", "size 64". */
  readonly shape: readonly string[];
  /** Key: the text of the element. */
  readonly elements: Map<string, FakeElement>;
}

export interface FakeChain {
  /** "type filter hook forward priority -5; policy accept;"; '': no base chain. */
  readonly base: string;
  readonly handle: number;
  rules: readonly string[];
}

export interface FakeTable {
  readonly name: string;
  readonly counters: Map<string, { packets: number; bytes: number }>;
  readonly sets: Map<string, FakeSet>;
  readonly chains: Map<string, FakeChain>;
  readonly flowTables: Map<string, string>;
  /** The table belongs to a socket (flags owner): `nft flush ruleset` skips it. */
  readonly isOwned: boolean;
}

export interface FakeNft {
  tables: Map<string, FakeTable>;
  generation: number;
  handles: number;
}

export function createNft(): FakeNft {
  return { tables: new Map(), generation: 1, handles: 0 };
}

export function emptyTable(name: string, isOwned = false): FakeTable {
  return {
    name,
    counters: new Map(),
    sets: new Map(),
    chains: new Map(),
    flowTables: new Map(),
    isOwned,
  };
}

/** Runs a transaction at `now`. Returns the error that nft would print, or null. */
export function transact(nft: FakeNft, text: string, now: number): string | null {
  const draft = { tables: copy(nft.tables), handles: nft.handles };
  const lines = text.split('\n').map((line) => line.trim());
  try {
    for (let at = 0; at < lines.length; ) at = statement(draft, lines, at, now);
  } catch (error) {
    if (error instanceof Refusal) return `Error: ${error.message}`;
    throw error;
  }
  nft.tables = draft.tables;
  nft.handles = draft.handles;
  nft.generation += 1;
  return null;
}

class Refusal extends Error {}

interface Draft {
  readonly tables: Map<string, FakeTable>;
  handles: number;
}

function copy(tables: ReadonlyMap<string, FakeTable>): Map<string, FakeTable> {
  return new Map(
    Array.from(tables, ([name, table]) => [
      name,
      {
        ...table,
        counters: new Map(Array.from(table.counters, ([key, value]) => [key, { ...value }])),
        sets: new Map(
          Array.from(table.sets, ([key, set]) => [
            key,
            { ...set, elements: new Map(set.elements) },
          ]),
        ),
        chains: new Map(Array.from(table.chains, ([key, chain]) => [key, { ...chain }])),
        flowTables: new Map(table.flowTables),
      },
    ]),
  );
}

/** Runs the statement at line `at`; returns the line after it. */
function statement(draft: Draft, lines: readonly string[], at: number, now: number): number {
  const line = lines[at]!;
  if (line === '') return at + 1;
  const block = /^table inet (\w+) \{$/.exec(line);
  if (block !== null) return tableBlock(draft, block[1]!, lines, at + 1, now);
  const command =
    /^(add|delete|flush) (table|set|chain|counter|element|rule) inet (\w+)(?: (\w+))?(?: (.*))?$/.exec(
      line,
    );
  if (command === null) throw new Refusal(`syntax error: ${line}`);
  const [, verb = '', kind = '', table = '', name = '', rest = ''] = command;
  run(draft, `${verb} ${kind}`, table, name, rest, now);
  return at + 1;
}

function run(
  draft: Draft,
  what: string,
  tableName: string,
  name: string,
  rest: string,
  now: number,
): void {
  const { tables } = draft;
  if (what === 'add table') {
    if (!tables.has(tableName)) tables.set(tableName, emptyTable(tableName));
    return;
  }
  const table = must(tables.get(tableName), `no table ${tableName}`);
  switch (what) {
    case 'delete table':
      if (table.isOwned) throw new Refusal(`Operation not permitted: table ${tableName}`);
      tables.delete(tableName);
      return;
    case 'add counter':
      table.counters.set(name, { packets: 0, bytes: 0 });
      return;
    case 'delete counter':
      remove(table.counters, name);
      return;
    case 'add set':
      table.sets.set(name, { shape: inBraces(rest).split('; ').map(clean), elements: new Map() });
      return;
    case 'delete set':
      if (uses(table, `@${name}`)) throw new Refusal(`Device or resource busy: set ${name}`);
      remove(table.sets, name);
      return;
    case 'flush set':
      must(table.sets.get(name), `no set ${name}`).elements.clear();
      return;
    case 'add element':
      addElements(must(table.sets.get(name), `no set ${name}`), inBraces(rest), now);
      return;
    case 'add chain':
      addChain(draft, table, name, rest === '' ? '' : inBraces(rest));
      return;
    case 'flush chain':
      must(table.chains.get(name), `no chain ${name}`).rules = [];
      return;
    case 'delete chain':
      if (uses(table, `goto ${name}`) || uses(table, `jump ${name}`))
        throw new Refusal(`Device or resource busy: chain ${name}`);
      remove(table.chains, name);
      return;
    case 'add rule': {
      const chain = must(table.chains.get(name), `no chain ${name}`);
      chain.rules = [...chain.rules, checked(table, rest)];
      return;
    }
    default:
      throw new Refusal(`syntax error: ${what}`);
  }
}

function clean(text: string): string {
  return text.replace(/;$/, '').trim();
}

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Refusal(`No such file or directory: ${what}`);
  return value;
}

function remove(map: Map<string, unknown>, name: string): void {
  if (!map.delete(name)) throw new Refusal(`No such file or directory: ${name}`);
}

function inBraces(text: string): string {
  return must(/^\{ ?(.*?) ?\}$/.exec(text)?.[1], `braces in ${text}`);
}

/** Whether a rule refers to a set ("@name") or a chain ("goto name", "jump name"). */
function uses(table: FakeTable, word: string): boolean {
  const pattern = new RegExp(`${word}(?![\\w])`);
  return Array.from(table.chains.values()).some(({ rules }) =>
    rules.some((rule) => pattern.test(rule)),
  );
}

/** Returns the rule; throws if a set or chain in it does not exist. */
function checked(table: FakeTable, rule: string): string {
  const bare = rule.replace(/comment "[^"]*"/, '');
  for (const [, name = ''] of bare.matchAll(/@(?!th,|ih,|ll,|nh,)(\w+)/g)) {
    if (!table.sets.has(name) && !table.flowTables.has(name)) throw new Refusal(`no set ${name}`);
  }
  for (const [, name = ''] of bare.matchAll(/(?:goto|jump) (\w+)/g)) {
    must(table.chains.get(name), `chain ${name}`);
  }
  return rule;
}

function addChain(draft: Draft, table: FakeTable, name: string, base: string): void {
  draft.handles += 1;
  table.chains.set(name, { base, handle: draft.handles, rules: [] });
}

/** Adds elements from a list: "192.0.2.1 timeout 4s, 192.0.2.2". */
function addElements(set: FakeSet, text: string, now: number): void {
  const own = timeoutOf(set.shape);
  for (const one of text.split(',')) {
    const [, key = '', , life] = /^\s*(.+?)(?: (timeout|expires) (\S+))?\s*$/.exec(one) ?? [];
    if (key === '') continue;
    const timeout = life === undefined ? own : milliseconds(life);
    const shown = isInterval(set) ? key : elementText(set.shape, elementBytes(set.shape, key));
    putElement(set, { text: shown, timeout, expires: timeout === null ? Infinity : now + timeout });
  }
}

/** False: the set is full. */
export function putElement(set: FakeSet, element: FakeElement): boolean {
  const size = Number(
    /^size (\d+)$/.exec(set.shape.find((one) => one.startsWith('size ')) ?? '')?.[1],
  );
  if (!set.elements.has(element.text) && set.elements.size >= (size || Infinity)) return false;
  set.elements.set(element.text, element);
  return true;
}

function isInterval({ shape }: FakeSet): boolean {
  return shape.some((one) => one.startsWith('flags ') && one.includes('interval'));
}

export function timeoutOf(shape: readonly string[]): number | null {
  const text = shape.find((one) => one.startsWith('timeout '));
  return text === undefined ? null : milliseconds(text.slice('timeout '.length));
}

/** Of "1d2h3m4s500ms". */
export function milliseconds(text: string): number {
  const units: { readonly [unit: string]: number } = {
    d: 86_400_000,
    h: 3_600_000,
    m: 60_000,
    s: 1000,
    ms: 1,
  };
  return Array.from(text.matchAll(/(\d+)(ms|[dhms])/g)).reduce(
    (sum, [, count, unit = 's']) => sum + Number(count) * units[unit]!,
    0,
  );
}

/** Deletes the elements that have expired at `now`. */
export function expire({ tables }: FakeNft, now: number): void {
  for (const table of tables.values()) {
    for (const { elements } of table.sets.values()) {
      for (const [key, { expires }] of elements) if (expires <= now) elements.delete(key);
    }
  }
}

function tableBlock(
  draft: Draft,
  name: string,
  lines: readonly string[],
  from: number,
  now: number,
): number {
  run(draft, 'add table', name, '', '', now);
  const table = draft.tables.get(name)!;
  // nft creates all chains of a block before the first rule.
  const rules: [chain: string, rules: readonly string[]][] = [];
  let at = from;
  for (; lines[at] !== '}'; ) {
    const [, kind = '', own = '', rest = ''] =
      /^(counter|set|chain|flowtable) (\w+) \{(.*)$/.exec(must(lines[at], 'the end of a table')) ??
      [];
    if (kind === '') throw new Refusal(`syntax error: ${lines[at]}`);
    at += 1;
    if (kind === 'counter') {
      const [, packets = '0', bytes = '0'] = /packets (\d+) bytes (\d+)/.exec(rest) ?? [];
      table.counters.set(own, { packets: Number(packets), bytes: Number(bytes) });
      continue;
    }
    const body: string[] = [];
    for (let depth = 1; ; at += 1) {
      const line = must(lines[at], 'the end of a block');
      if (line === '}') depth -= 1;
      else if (/^(?:elements = )\{$/.test(line)) depth += 1;
      if (depth === 0) break;
      body.push(line);
    }
    at += 1;
    if (kind === 'set') setBlock(table, own, body, now);
    else if (kind === 'flowtable') table.flowTables.set(own, body.join(' '));
    else {
      const hasBase = /^type \w+ hook /.test(body[0] ?? '');
      addChain(draft, table, own, hasBase ? body[0]! : '');
      rules.push([own, body.slice(hasBase ? 1 : 0)]);
    }
  }
  for (const [chain, list] of rules) {
    table.chains.get(chain)!.rules = list.map((rule) => checked(table, rule));
  }
  return at + 1;
}

function setBlock(table: FakeTable, name: string, body: readonly string[], now: number): void {
  const from = body.indexOf('elements = {');
  const set: FakeSet = {
    shape: from < 0 ? body : body.slice(0, from),
    elements: new Map(),
  };
  table.sets.set(name, set);
  if (from >= 0) addElements(set, body.slice(from + 1, body.indexOf('}', from)).join(' '), now);
}

/** A table in nft's language, sets and chains sorted by name. Elements have no remaining lifetime, as in `nft -s
 * list`. */
export function tableText(table: FakeTable): string {
  const lines = [
    ...Array.from(
      table.counters,
      ([name, { packets, bytes }]) => `counter ${name} { packets ${packets} bytes ${bytes} }`,
    ),
    ...Array.from(table.flowTables, ([name, body]) => `flowtable ${name} {\n${body}\n}`),
    ...byName(table.sets).flatMap(([name, { shape, elements }]) => [
      `set ${name} {`,
      ...shape,
      ...(elements.size === 0
        ? []
        : ['elements = {', Array.from(elements.values(), shown(shape)).join(', '), '}']),
      '}',
    ]),
    ...byName(table.chains).flatMap(([name, { base, rules }]) => [
      `chain ${name} {`,
      ...(base === '' ? [] : [base]),
      ...rules,
      '}',
    ]),
  ];
  return `table inet ${table.name} {\n${lines.join('\n')}\n}\n`;
}

function byName<T>(map: ReadonlyMap<string, T>): [name: string, one: T][] {
  return Array.from(map).sort(([a], [b]) => (a < b ? -1 : 1));
}

function shown(shape: readonly string[]): (element: FakeElement) => string {
  const own = timeoutOf(shape);
  return ({ text, timeout }) =>
    timeout === null || timeout === own ? text : `${text} timeout ${Math.round(timeout)}ms`;
}
