// preflight/firewall: reads from `nft -t list ruleset` the forward chains of firewall4's table, with all
// chains they jump to, and the flow tables of every foreign table. Pure; forward-chain.ts judges the chains.

import { blocksOf, hasTable } from './listing.ts';

export interface LoadedChain {
  /** "forward"; null: a chain without a hook, reached by jump or goto. */
  readonly hook: string | null;
  /** The policy of a base chain. */
  readonly policy: 'accept' | 'drop';
  /** Rules as nft prints them. */
  readonly rules: readonly string[];
}

export interface FlowTable {
  /** "inet fw4". */
  readonly table: string;
  readonly devices: readonly string[];
  /** flags offload: flows are offloaded to hardware. */
  readonly hardware: boolean;
}

export interface Firewall {
  /** By name; null: firewall4's table is not loaded. */
  readonly forward: ReadonlyMap<string, LoadedChain> | null;
  readonly flowTables: readonly FlowTable[];
  /** banIP's table is loaded: it drops what its lists have, and may have the address of a server. */
  readonly hasBanIp: boolean;
}

const BANIP = 'inet banIP';
/** firewall4's table. */
const FW4 = 'inet fw4';

/** `own`: our tables, whose flow tables are skipped. */
export function readFirewall(listing: string, own: readonly string[]): Firewall {
  const flowTables: FlowTable[] = [];
  const chains = new Map<string, LoadedChain>();
  const isWanted = (table: string, kind: string): boolean =>
    kind === 'chain' ? table === FW4 : kind === 'flowtable' && !own.includes(table);
  for (const { table, kind, name, lines } of blocksOf(listing, isWanted)) {
    if (kind === 'chain') chains.set(name, chainOf(lines));
    else flowTables.push(flowTable(table, lines));
  }
  const forward = hasTable(listing, FW4) ? reached(chains) : null;
  return { forward, flowTables, hasBanIp: hasTable(listing, BANIP) };
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

function chainOf(lines: readonly string[]): LoadedChain {
  const [first = ''] = lines;
  const hook = first.startsWith('type ') ? / hook (\w+) /.exec(first) : null;
  if (hook === null) return { hook: null, policy: 'accept', rules: lines.map(withoutLongList) };
  const policy = first.includes('policy drop;') ? 'drop' : 'accept';
  return { hook: hook[1]!, policy, rules: lines.slice(1).map(withoutLongList) };
}

/** Characters; no device list is longer. */
const LONGEST_LIST = 1000;

/** A rule may list thousands of addresses, which no check reads. */
function withoutLongList(rule: string): string {
  return rule.length < LONGEST_LIST ? rule : rule.replace(/\{ [^}]{900,} \}/g, '{ many }');
}

/** The chains at the forward hook and those reachable from them. */
function reached(chains: ReadonlyMap<string, LoadedChain>): Map<string, LoadedChain> {
  const kept = new Map<string, LoadedChain>();
  const wanted = Array.from(chains)
    .filter(([, { hook }]) => hook === 'forward')
    .map(([name]) => name);
  for (const name of wanted) {
    const chain = chains.get(name);
    if (chain === undefined || kept.has(name)) continue;
    kept.set(name, chain);
    for (const rule of chain.rules) {
      if (!rule.includes('jump ') && !rule.includes('goto ')) continue;
      for (const [, target] of rule.matchAll(/\b(?:jump|goto) (\S+?)(?=[\s,}]|$)/g))
        wanted.push(target!);
    }
  }
  return kept;
}
