// preflight/listing: splits the text of `nft -t list ruleset` into blocks (chains, flow tables) with their
// lines. A table starts at column 0, a block is indented by one tab, its lines by two. Only lines of wanted
// blocks are kept, since a listing may be long. Pure.

/** Nested jumps; the kernel's limit is NFT_JUMP_STACK_SIZE. */
export const DEEPEST = 16;
/** Pattern of a value or a list of values, as nft prints them. */
export const LIST = '(\\{ [^}]* \\}|"[^"]*"|\\S+)';

export interface Block {
  /** "inet fw4". */
  readonly table: string;
  /** "chain", "flowtable", "set" ... */
  readonly kind: string;
  readonly name: string;
  readonly lines: readonly string[];
}

/** The blocks for which `isWanted` is true, in the order of the listing. */
export function blocksOf(
  listing: string,
  isWanted: (table: string, kind: string) => boolean,
): Block[] {
  const found: Block[] = [];
  let table = '';
  let lines: string[] | null = null;
  for (const line of listing.split('\n')) {
    if (line.startsWith('\t\t')) lines?.push(line.trim());
    else if (line.startsWith('table ')) table = line.slice(6, line.indexOf(' {'));
    else if (line.endsWith(' {')) {
      const [kind = '', name = ''] = line.slice(1, -2).split(' ');
      lines = isWanted(table, kind) ? [] : null;
      if (lines !== null) found.push({ table, kind, name, lines });
    }
  }
  return found;
}

/** Whether a table is loaded, even an empty one. */
export function hasTable(listing: string, table: string): boolean {
  return `\n${listing}`.includes(`\ntable ${table} {`);
}
