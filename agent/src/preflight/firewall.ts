// What is loaded of other nftables tables, as far as the looks ask for it, read off `nft -t list
// ruleset`: the forward chains of firewall4's table with all that they jump to, and everybody's flow
// tables. Pure. forward-chain.ts judges the chains.

export interface Chain {
  /** "forward", or null for one that is only jumped to. */
  readonly hook: string | null;
  /** Smaller is earlier. */
  readonly priority: number;
  /** What happens at the end of a chain with a hook. */
  readonly policy: 'accept' | 'drop';
  /** Rules as nft prints them. */
  readonly rules: readonly string[];
}

export interface FlowTable {
  /** "inet fw4". */
  readonly table: string;
  readonly devices: readonly string[];
  /** flags offload: the flows are handed to the hardware. */
  readonly hardware: boolean;
}

export interface Firewall {
  /** By name; null: firewall4's table is not loaded. */
  readonly forward: ReadonlyMap<string, Chain> | null;
  readonly flowTables: readonly FlowTable[];
}

/** firewall4's table. */
export const FW4 = 'inet fw4';
/** nft's names of priorities at hooks of ip, ip6 and inet (libnftables). */
const PRIORITIES: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
};

/** `own`: tables that are ours. */
export function readFirewall(listing: string, own: readonly string[]): Firewall {
  const flowTables: FlowTable[] = [];
  let chains: Map<string, Chain> | null = null;
  for (const [table, blocks] of tables(listing)) {
    if (table === FW4) chains ??= new Map();
    for (const { kind, name, lines } of blocks) {
      if (kind === 'flowtable' && !own.includes(table)) flowTables.push(flowTable(table, lines));
      if (kind === 'chain' && table === FW4) chains!.set(name, chainOf(lines));
    }
  }
  return { forward: chains === null ? null : reached(chains), flowTables };
}

interface Block {
  readonly kind: string;
  readonly name: string;
  readonly lines: string[];
}

/** A table begins at the margin, what is in it one tab further, and its lines two. */
function* tables(listing: string): Generator<[table: string, blocks: Block[]]> {
  let open: [string, Block[]] | null = null;
  let block: Block | null = null;
  for (const line of listing.split('\n')) {
    const head = /^table (\S+ \S+) \{/.exec(line);
    if (head !== null) {
      if (open !== null) yield open;
      open = [head[1]!, []];
      block = null;
      continue;
    }
    const inner = /^\t(\w+) (\S+) \{$/.exec(line);
    if (inner !== null) {
      block = { kind: inner[1]!, name: inner[2]!, lines: [] };
      open?.[1].push(block);
    } else if (line.startsWith('\t\t')) block?.lines.push(line.trim());
  }
  if (open !== null) yield open;
}

function flowTable(table: string, lines: readonly string[]): FlowTable {
  const list = /devices = \{ (.*) \}/.exec(lines.join(' '))?.[1] ?? '';
  const devices = list.split(', ').map((one) => one.replace(/"/g, ''));
  return {
    table,
    devices: devices.filter((one) => one !== ''),
    hardware: lines.some((line) => /^flags .*\boffload\b/.test(line)),
  };
}

function chainOf(lines: readonly string[]): Chain {
  const [first = ''] = lines;
  const base = /^type \w+ hook (\w+) (?:device \S+ )?priority ([^;]+);(?: policy (\w+);)?/.exec(
    first,
  );
  if (base === null) return { hook: null, priority: 0, policy: 'accept', rules: lines };
  const [, hook = '', priority = '', policy] = base;
  return {
    hook,
    priority: priorityOf(priority),
    policy: policy === 'drop' ? 'drop' : 'accept',
    rules: lines.slice(1),
  };
}

/** "filter", "filter + 5", "-150" */
function priorityOf(text: string): number {
  const [, name, sign = '+', add = '0'] = /^([a-z]+)(?: ([+-]) (\d+))?$/.exec(text) ?? [];
  if (name === undefined) return Number(text) || 0;
  return (PRIORITIES[name] ?? 0) + (sign === '-' ? -Number(add) : Number(add));
}

/** The chains at the forward hook and what they lead to; the others are let go. */
function reached(chains: ReadonlyMap<string, Chain>): Map<string, Chain> {
  const kept = new Map<string, Chain>();
  const wanted = Array.from(chains)
    .filter(([, { hook }]) => hook === 'forward')
    .map(([name]) => name);
  for (const name of wanted) {
    const chain = chains.get(name);
    if (chain === undefined || kept.has(name)) continue;
    kept.set(name, chain);
    for (const rule of chain.rules) {
      for (const [, target] of rule.matchAll(/\b(?:jump|goto) (\S+?)(?=[\s,}]|$)/g))
        wanted.push(target!);
    }
  }
  return kept;
}
