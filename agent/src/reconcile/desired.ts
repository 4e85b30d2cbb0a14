// reconcile/desired: everything that has to stand in the kernel, in pieces: links, addresses, routes, ip rules, the
// offload table, the table with its sets, the gates and the guard. runtime/desired writes it from the policy, what
// the kernel has is read into the same shape, and reconcile/diff compares the two. Pure.
import type { Guard } from '../netlink/nft-guard.ts';
import type { Gate } from '../ruleset/names.ts';
import type { Standing } from '../ruleset/transaction.ts';

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

export type PathPiece = GreLink | LinkAddress | Route | Rule;

/** The table that keeps marked flows out of the flow tables of others (ruleset/flow-offload). */
export interface OffloadTable {
  readonly kind: 'offload';
  /** OFFLOAD_TABLE; what an agent up to version 0.1.0 left has another name. */
  readonly name: string;
  readonly mask: number;
}

/** `table inet whp`. */
export interface TablePiece {
  readonly kind: 'table';
  readonly standing: Standing;
  /** Its chains hold DNS answers. */
  readonly holds: boolean;
  /** The marks that its chains set: policy/marks' markOf each slot, under this mask. */
  readonly mask: number;
  readonly slots: readonly { readonly name: string; readonly slot: number }[];
}

/** A state of an application that the table has to know: one element in a set for each family. */
export interface GatePiece {
  readonly kind: 'gate';
  readonly app: string;
  readonly gate: Gate;
}

/** `table inet whp_guard`. */
export interface GuardPiece {
  readonly kind: 'guard';
  readonly guard: Guard;
}

export type Piece = PathPiece | OffloadTable | TablePiece | GatePiece | GuardPiece;

/** Who made a route or rule, as `ip route` and `ip rule` show it (proto 119): this program. */
export const PROTOCOL = 119;

/** In the order in which they can be created: the order of the kinds in `Piece`. */
export type Desired = readonly Piece[];

/** One line that names a piece in logs and in `whp status`, which people without the file may read. */
export function describe(piece: Piece): string {
  switch (piece.kind) {
    case 'link':
      return `link ${piece.name} gre remote ${piece.remote}${piece.key === null ? '' : ' with a key'} mtu ${piece.mtu}`;
    case 'address':
      return `address ${piece.address} peer ${piece.peer} dev ${piece.link}`;
    case 'route':
      return `route v${piece.family} ${piece.link === null ? 'prohibit default' : `default dev ${piece.link}`} table ${piece.table}`;
    case 'rule':
      return `rule v${piece.family} pref ${piece.preference} fwmark 0x${piece.mark.toString(16)}/0x${piece.mask.toString(16)} table ${piece.table}`;
    case 'offload':
      return `table inet ${piece.name} mask 0x${piece.mask.toString(16)}`;
    case 'table':
      return `table inet ${piece.standing.table}`;
    case 'gate':
      return `gate ${piece.app} ${piece.gate}`;
    case 'guard':
      return `table inet ${piece.guard.table}`;
  }
}

export function isPath(piece: Piece): piece is PathPiece {
  return ['link', 'address', 'route', 'rule'].includes(piece.kind);
}
