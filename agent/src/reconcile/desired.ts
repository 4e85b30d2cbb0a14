// reconcile/desired: what has to stand in the kernel beside the table: links, addresses, routes
// and ip rules. tunnel/plan writes it from the policy, the kernel's dumps are read into the same
// shape, and diff.ts compares the two. Pure.

export type Family = 4 | 6;

export interface GreLink {
  readonly kind: 'link';
  readonly name: string;
  readonly local: string | null;
  readonly remote: string;
  /** GRE key, 0..2^32-1, both directions; null for none. */
  readonly key: number | null;
  /** Bytes. */
  readonly mtu: number;
}

export interface LinkAddress {
  readonly kind: 'address';
  readonly link: string;
  readonly address: string;
  /** The other end of the tunnel. */
  readonly peer: string;
}

export interface Route {
  readonly kind: 'route';
  readonly family: Family;
  readonly table: number;
  /** A default route through this device, or `null`: a default that answers "prohibited". */
  readonly link: string | null;
  /** Smaller wins; the prohibit behind a device has the largest there is. */
  readonly metric: number;
}

export interface Rule {
  readonly kind: 'rule';
  readonly family: Family;
  readonly preference: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
}

export type Piece = GreLink | LinkAddress | Route | Rule;

/** Who made a route or rule, as `ip route` and `ip rule` show it (proto 119): this program. */
export const PROTOCOL = 119;

/** In the order in which they can be created: links, addresses, routes, rules. */
export type Desired = readonly Piece[];

/** One line that names a piece in logs and in `whp status`. */
export function describe(piece: Piece): string {
  switch (piece.kind) {
    case 'link':
      return `link ${piece.name} gre remote ${piece.remote}${piece.key === null ? '' : ` key ${piece.key}`} mtu ${piece.mtu}`;
    case 'address':
      return `address ${piece.address} peer ${piece.peer} dev ${piece.link}`;
    case 'route':
      return `route v${piece.family} ${piece.link === null ? 'prohibit default' : `default dev ${piece.link}`} table ${piece.table}`;
    case 'rule':
      return `rule v${piece.family} pref ${piece.preference} fwmark 0x${piece.mark.toString(16)}/0x${piece.mask.toString(16)} table ${piece.table}`;
  }
}
