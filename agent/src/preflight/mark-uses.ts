// preflight/mark-uses: finds uses of the packet mark and the conntrack mark in foreign nftables tables, from
// `nft -t list ruleset` (-t omits set elements). For preflight/collisions. Pure. Rules that it cannot parse
// are skipped.

export interface MarkUse {
  /** "inet fw4". */
  readonly table: string;
  /** Bits that a rule may change, or tests under a mask. */
  readonly bits: number;
}

const NUMBER = '(0x[0-9a-f]+|\\d+)';
const MARK = '(?:meta|ct) mark';
/** `meta mark set meta mark & 0xff00ffff | 0x00010000`, `... set ct mark & 0x3f00`, `... set 0x1`. */
const SETS = new RegExp(
  `${MARK} set (${MARK})?(?: (?:&|and) ${NUMBER})?(?: (?:\\||or|\\^|xor) ${NUMBER})?(?: ?${NUMBER})?`,
  'g',
);
const READS = new RegExp(`${MARK} (?:&|and) ${NUMBER} (?:==|!=|<|>|vmap|${NUMBER})`, 'g');
const ALL = 0xffffffff;

/** Uses of marks in every table except `own`, each once. */
export function markUses(listing: string, own: readonly string[]): MarkUse[] {
  const uses = new Map<string, MarkUse>();
  let table = '';
  for (const line of listing.split('\n')) {
    const head = /^table (\S+ \S+) \{/.exec(line);
    if (head !== null) table = head[1]!;
    if (!line.includes('mark') || own.includes(table)) continue;
    // Words of a comment are no statements.
    const rule = line.replace(/ comment ".*"/, '');
    for (const bits of [...written(rule), ...read(rule)]) {
      if (bits !== 0) uses.set(`${table} ${bits}`, { table, bits });
    }
  }
  return [...uses.values()];
}

function written(rule: string): number[] {
  return Array.from(rule.matchAll(SETS), ([whole, source, kept, added, plain]) => {
    if (plain !== undefined || source === undefined) return ALL;
    const same = whole.startsWith(source);
    const keeps = kept === undefined ? ALL : Number(kept);
    const adds = added === undefined ? 0 : Number(added);
    // A write from the other mark replaces every bit. A write from the same mark changes only what the
    // operators touch.
    return same ? (~keeps | adds) >>> 0 : ALL;
  });
}

function read(rule: string): number[] {
  return Array.from(rule.matchAll(READS), ([, mask]) => Number(mask) >>> 0).filter(
    (mask) => mask !== ALL,
  );
}
