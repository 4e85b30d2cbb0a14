// reconcile/desired: the desired state of the kernel as a list of pieces: links, addresses, routes, ip rules, the
// offload table, the table with its sets, gates, the guard. runtime/realize builds it from the policy and reads the
// realized state in the same form; reconcile/diff compares the two. Pure.
import type { Guard } from '../ruleset/guard.ts';
import type { Gate } from '../ruleset/names.ts';
import type { TableParts } from '../ruleset/transaction.ts';
import type { Family } from '../wire/address.ts';

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
  /** Address of the far end of the tunnel. */
  readonly peer: string;
}

export interface Route {
  readonly kind: 'route';
  readonly family: Family;
  readonly table: number;
  /** Device of a default route; null: a default route of type prohibit. */
  readonly link: string | null;
  /** The smallest metric is used; the prohibit route behind a tunnel has the largest. */
  readonly metric: number;
}

export interface IpRule {
  readonly kind: 'rule';
  readonly family: Family;
  readonly preference: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
}

export type PathPiece = GreLink | LinkAddress | Route | IpRule;

/** `table inet whp_offload`: keeps marked flows out of the flow tables of other programs (ruleset/flow-offload). */
export interface OffloadTable {
  readonly kind: 'offload';
  /** OFFLOAD_TABLE; what an agent up to version 0.1.0 left has another name. */
  readonly name: string;
  readonly mask: number;
}

/** `table inet whp`. */
export interface TablePiece {
  readonly kind: 'table';
  readonly parts: TableParts;
  /** Its chains queue DNS answers (NFQUEUE) until the agent gives a verdict. */
  readonly holds: boolean;
  /** Mask of the marks that its chains set: markOf (policy/marks) of each slot. */
  readonly mask: number;
  readonly slots: readonly { readonly name: string; readonly slot: number }[];
  /** Where the rules and tables of the slots are counted from. */
  readonly preference: number;
  readonly table: number;
}

/** A state of an app that the table looks up: one element for each family in the set of the gate. */
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

/** The protocol number of the agent's routes and rules; `ip route` and `ip rule` show it as "proto 119". */
export const PROTOCOL = 119;

/** In the order of creation, which is the order of the kinds in `Piece`. */
export type Desired = readonly Piece[];

/** One line for the log and `whp status`. The key of a tunnel is left out, since others may read it. */
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
      return `table inet ${piece.parts.table}`;
    case 'gate':
      return `gate ${piece.app} ${piece.gate}`;
    case 'guard':
      return `table inet ${piece.guard.table}`;
  }
}

export function isPath(piece: Piece): piece is PathPiece {
  return ['link', 'address', 'route', 'rule'].includes(piece.kind);
}
