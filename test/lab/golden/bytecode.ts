// What nft says of a table below its own language: the expressions and elements it sends to the
// kernel (`nft -c --debug=netlink -f FILE`), and those the kernel answers with (`nft -y
// --debug=netlink list table inet whp`). Both as one `Table`, so that they can be compared without
// trusting nft to print what it was given in the same words.

export interface Table {
  /** Chain -> its rules in order, each one line of expressions and its comment. */
  readonly rules: ReadonlyMap<string, readonly string[]>;
  /** Named set -> its elements, sorted. */
  readonly elements: ReadonlyMap<string, readonly string[]>;
}

/** Sets, counters and chains as a text declares them: "set NAME" -> its properties. */
export type Declarations = ReadonlyMap<string, string>;

type Head =
  | { readonly kind: 'rule'; readonly chain: string }
  | { readonly kind: 'set'; readonly name: string; readonly fresh: boolean };

/** A set of nft's own that one rule uses; its name says nothing. */
const ANONYMOUS = /^__(set|map)/;

function headOf(line: string): Head | undefined {
  const listed = /^inet whp @(\S+)$/.exec(line);
  if (listed !== null) return { kind: 'set', name: listed[1]!, fresh: true };
  const rule = /^inet whp (\S+)( \d+)*$/.exec(line);
  if (rule !== null) return { kind: 'rule', chain: rule[1]! };
  // Twice when it is sent: declared with its flags, then "0" and its elements.
  const sent = /^(\S+) whp ([0-9a-f]+)( timeout \d+ms)?( size \d+)?$/.exec(line);
  if (sent !== null) return { kind: 'set', name: sent[1]!, fresh: sent[2] !== '0' };
  return undefined;
}

function elementsIn(line: string): string[] {
  const parts = line.split(/\s*element /).map((part) => part.replace('[end]', '').trim());
  const tidy = parts.map((part) => part.replace(/\s+/g, ' '));
  // An interval's end at the lowest key ends nothing; nft writes one into a set it fills at once.
  return tidy.filter((part) => part !== '' && !/^[0 ]+ : 1$/.test(part));
}

/** Reads nft's debug output, with or without the listing in its own language behind it. */
export function readBytecode(text: string): Table {
  const rules = new Map<string, string[]>();
  const named = new Map<string, string[]>();
  // In sending order a set comes before its rule and all have one name; listed, they have numbers.
  const sent: string[][] = [];
  const blocks: { chain: string; lines: string[] }[] = [];
  let elements: string[] = [];
  let lines: string[] | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('table inet whp {')) break;
    const head = headOf(line);
    if (head?.kind === 'set') {
      lines = undefined;
      const known = named.get(head.name);
      // A set without flags is declared with "0" too.
      const fresh = head.fresh || (known === undefined && !head.name.includes('%d'));
      if (fresh) {
        elements = [];
        if (head.name.includes('%d')) sent.push(elements);
        else named.set(head.name, elements);
      } else elements = known ?? elements;
    } else if (head?.kind === 'rule') {
      lines = [];
      blocks.push({ chain: head.chain, lines });
    } else if (/^\s+element /.test(line)) elements.push(...elementsIn(line));
    else if (line.startsWith('  ')) lines?.push(line.trim());
  }
  for (const { chain, lines } of blocks) {
    const rule = lines.map((line) => expression(line, named, sent)).join(' ');
    rules.set(chain, [...(rules.get(chain) ?? []), rule]);
  }
  const kept = [...named].filter(([name]) => !ANONYMOUS.test(name));
  return { rules, elements: new Map(kept.map(([name, list]) => [name, list.sort()])) };
}

function expression(line: string, named: ReadonlyMap<string, string[]>, sent: string[][]): string {
  return (
    line
      .replace(/ 0x0 \]$/, ' ]')
      .replace(' timeout 0ms', '')
      // Kernel 6.12 says both ends of a single port.
      .replace(/(proto_min (reg \d+)) proto_max \2/, '$1')
      .replace(/pkts \d+ bytes \d+/, 'pkts bytes')
      .replace(/set (__\S+)/, (_, name: string) => {
        const list = name.includes('%d') ? sent.shift() : named.get(name);
        return `set { ${[...(list ?? ['missing'])].sort().join(', ')} }`;
      })
  );
}

/** Sets, counters and chains of a table in nft's language; priorities as numbers. */
export function readDeclarations(text: string): Declarations {
  const found = new Map<string, string>();
  const lines = text.split('\n').map((line) => line.trim());
  for (const [at, line] of lines.entries()) {
    const [, kind = '', name = ''] = /^(set|chain|counter) (\S+) \{/.exec(line) ?? [];
    if (kind === '') continue;
    const body = lines.slice(at + 1, lines.indexOf('}', at));
    found.set(`${kind} ${name}`, kind === 'counter' ? '' : properties(body));
  }
  return found;
}

function properties(body: readonly string[]): string {
  const kept = body.filter((line) => /^(type|typeof|size|flags|timeout) /.test(line));
  // nft does not list the flag of a set that has a time.
  const timed = kept.some((line) => line.startsWith('timeout '));
  return kept
    .map((line) => (timed && line.startsWith('flags ') ? line.replace(/,? ?timeout/, '') : line))
    .filter((line) => line !== 'flags')
    .map((line) =>
      line.replace(/^timeout (\S+)$/, (_, time: string) => `timeout ${duration(time)}`),
    )
    .map((line) => line.replace(/^flags (.*)$/, (_, list: string) => flags(list)))
    .sort()
    .join('; ');
}

function flags(list: string): string {
  return `flags ${list
    .split(',')
    .map((flag) => flag.trim())
    .sort()
    .join()}`;
}

/** "1h30m", "7200s", "200ms" in milliseconds. */
function duration(text: string): number {
  const unit: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...text.matchAll(/(\d+)(ms|[dhms])/g)];
  return parts.reduce((sum, [, count, name = '']) => sum + Number(count) * (unit[name] ?? 0), 0);
}

/** Where two maps differ, in words; empty when they are equal. */
export function differences<T>(
  wanted: ReadonlyMap<string, T>,
  got: ReadonlyMap<string, T>,
): string[] {
  const names = [...new Set([...wanted.keys(), ...got.keys()])];
  return names.flatMap((name) => {
    const [want, have] = [JSON.stringify(wanted.get(name)), JSON.stringify(got.get(name))];
    return want === have ? [] : [`${name}: asked ${want ?? 'nothing'}, is ${have ?? 'nothing'}`];
  });
}

/** All differences between a table as sent and as it stands, expressions and elements. */
export function tableDifferences(wanted: Table, got: Table): string[] {
  const lines = ({ rules, elements }: Table) =>
    new Map([
      ...[...rules].flatMap(([chain, list]) =>
        list.map((rule, at): [string, string] => [`${chain} rule ${at + 1}`, rule]),
      ),
      ...[...elements].map(([set, list]): [string, string] => [`set ${set}`, list.join(', ')]),
    ]);
  const filled = (table: Table) => new Map([...lines(table)].filter(([, text]) => text !== ''));
  return differences(filled(wanted), filled(got));
}
