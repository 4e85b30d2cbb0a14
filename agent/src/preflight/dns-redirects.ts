// preflight/dns-redirects: finds redirect and dnat rules for port 53 in the output of `nft -t list ruleset`, with
// the conditions on the path to them. resolvers.ts judges them. Pure. -t omits set elements, so a port that
// only a named set contains is not seen.

import { DNS_PORT } from '../wire/ports.ts';
import { isListed } from './forward-chain.ts';
import { blocksOf, DEEPEST, LIST } from './listing.ts';

/** One rule that redirects packets for port 53 to another destination. */
export interface DnsRedirect {
  /** "inet fw4". */
  readonly table: string;
  /** null: this router; '?': the listing does not show it. */
  readonly to: string | null;
  /** null: the port is unchanged. */
  readonly port: number | null;
  /** Input devices that a packet must have, or (`not`) must not have, as nft prints them. */
  readonly from: readonly { readonly not: boolean; readonly list: string }[];
  /** Only packets to these addresses, as nft prints them; null: any. */
  readonly only: string | null;
  /** Only packets from these addresses, as nft prints them; null: any. */
  readonly sources: string | null;
  /** The rule excludes packets to the router itself. */
  readonly passesRouter: boolean;
  /** The rule matches every port, 53 among them. */
  readonly isEveryPort: boolean;
}

/** Limit of rules read, over all tables. */
const MOST_RULES = 20_000;
/** Limit of redirections reported. */
const MOST = 64;
const FROM = new RegExp(`\\b(?:iifname|iif) (?!vmap )(!= )?${LIST}`, 'g');
const SOURCE = new RegExp(`\\bip6? saddr (!= )?${LIST}`);
const PORTS = new RegExp(`\\bdport (!= )?(vmap )?${LIST}`);
const TO = new RegExp(`\\bip6? daddr (!= )?${LIST}`);
const MAP = /\b(\S+) vmap \{ ([^}]*) \}/;
const JUMP = /\b(?:jump|goto) (\S+)/;
/** Regular expressions run only on lines with one of these words: a listing may be long. */
const WORDS = ['redirect', 'dnat', 'xt target', 'jump', 'goto'];
const REDIRECT =
  /\b(?:(redirect)(?: to :(\d+))?|dnat(?: ip6?)? to (?:\[([0-9a-f:]+)\]|([0-9a-f]*(?::[0-9a-f]*){2,}|[0-9.]+))?(?::(\d+))?|xt target "?(?:REDIRECT|DNAT))/;

type Rules = ReadonlyMap<string, readonly string[]>;
type Conditions = Omit<DnsRedirect, 'table' | 'to' | 'port'>;

/** `own`: our tables, which are skipped. */
export function readDnsRedirects(listing: string, own: readonly string[]): DnsRedirect[] {
  const redirects = new Map<string, DnsRedirect>();
  const count = { left: MOST_RULES };
  const tables = new Map<string, Map<string, readonly string[]>>();
  const isWanted = (table: string, kind: string): boolean =>
    kind === 'chain' && !own.includes(table);
  for (const { table, name, lines } of blocksOf(listing, isWanted)) {
    tables.set(table, (tables.get(table) ?? new Map()).set(name, lines));
  }
  for (const [table, chains] of tables) {
    const none = { from: [], only: null, sources: null };
    const start = { ...none, passesRouter: false, isEveryPort: true };
    for (const [name, [first = '']] of chains) {
      if (!/^type \w+ hook prerouting /.test(first)) continue;
      follow(chains, name, start, 0, count, (to, port, conditions) => {
        const redirect = { table, to, port, ...conditions };
        if (redirects.size < MOST) redirects.set(JSON.stringify(redirect), redirect);
      });
    }
  }
  return [...redirects.values()];
}

function follow(
  chains: Rules,
  name: string,
  before: Conditions,
  depth: number,
  count: { left: number },
  found: (to: string | null, port: number | null, conditions: Conditions) => void,
): void {
  for (const line of chains.get(name) ?? []) {
    count.left -= 1;
    if (count.left < 0 || depth > DEEPEST) return;
    if (!WORDS.some((word) => line.includes(word))) continue;
    const rule = line.replace(/ comment ".*"/, '');
    const redirect = REDIRECT.exec(rule);
    const jumps = redirect === null ? jumpsOf(rule) : [];
    if (redirect === null && jumps.length === 0) continue;
    const conditions = conditionsOf(rule, before);
    if (conditions === null) continue;
    if (redirect !== null) found(...targetOf(redirect), conditions);
    for (const { to, from } of jumps) {
      const more = { ...conditions, from: [...conditions.from, ...from] };
      follow(chains, to, more, depth + 1, count, found);
    }
  }
}

/** `before` with the conditions of one more rule; null: the rule does not match port 53. */
function conditionsOf(rule: string, before: Conditions): Conditions | null {
  const ports = PORTS.exec(rule);
  if (ports !== null && !isForDns(ports)) return null;
  // `dnat to udp dport map { 80 : 192.168.1.9 }`
  const map = /\bdport map (\{ [^}]* \})/.exec(rule)?.[1];
  if (map !== undefined && !hasDns(map)) return null;
  const from = Array.from(rule.matchAll(FROM), ([, not, list]) => ({
    not: not !== undefined,
    list: list!,
  }));
  const to = TO.exec(rule);
  const source = SOURCE.exec(rule);
  const isPort = (ports !== null && ports[1] === undefined) || map !== undefined;
  return {
    from: [...before.from, ...from],
    only: listOf(to) ?? before.only,
    sources: listOf(source) ?? before.sources,
    passesRouter:
      before.passesRouter || to?.[1] !== undefined || rule.includes('fib daddr type != local'),
    isEveryPort: before.isEveryPort && !isPort,
  };
}

/** The list of a match; null: no match, or a negated one. */
function listOf(match: RegExpExecArray | null): string | null {
  return match === null || match[1] !== undefined ? null : match[2]!;
}

function isForDns([, not, vmap, list = '']: RegExpExecArray): boolean {
  if (list === 'map') return true;
  return vmap !== undefined ? hasDns(list) : hasDns(list) === (not === undefined);
}

const DNS = String(DNS_PORT);

/** Whether port 53 is in `53`, `{ 53, 80-90 }` or `{ 53 : jump x }`. */
function hasDns(list: string): boolean {
  if (isListed(list, DNS)) return true;
  return list
    .replace(/[{}]/g, '')
    .split(',')
    .some((entry) => {
      const [first = '', last = first] = entry.split(' : ')[0]!.trim().split('-');
      return Number(first) <= Number(DNS) && Number(DNS) <= Number(last);
    });
}

/** Target chains for a packet to port 53: `jump x`, or entries of a verdict map. */
function jumpsOf(rule: string): { to: string; from: DnsRedirect['from'] }[] {
  const [, key = '', entries] = MAP.exec(rule) ?? [];
  if (entries === undefined) {
    const to = JUMP.exec(rule)?.[1];
    return to === undefined ? [] : [{ to, from: [] }];
  }
  return entries.split(', ').flatMap((entry) => {
    const to = JUMP.exec(entry)?.[1];
    if (to === undefined || (key === 'dport' && !hasDns(entry))) return [];
    const isDevice = key === 'iifname' || key === 'iif';
    return [{ to, from: isDevice ? [{ not: false, list: entry.split(' : ')[0]! }] : [] }];
  });
}

function targetOf([whole, redirect, ownPort, six, plain, port]: RegExpExecArray): [
  string | null,
  number | null,
] {
  if (whole.startsWith('xt')) return ['?', null];
  if (redirect !== undefined) return [null, ownPort === undefined ? null : Number(ownPort)];
  return [six ?? plain ?? '?', port === undefined ? null : Number(port)];
}
