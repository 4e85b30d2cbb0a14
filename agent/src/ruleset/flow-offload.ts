// ruleset/flow-offload: the table that keeps our flows out of foreign flow tables (fw4's flow offloading).
// Packets of an offloaded flow pass only the ingress hook, so no rule could renew elements, open a request
// window or hold DNS answers.
//
// The kernel adds a flow to at most one flow table (IPS_OFFLOAD in conntrack, set by the first `flow add`).
// Our flows are added to a flow table of our own before fw4's rule. That table has only the loopback device,
// so their packets never match it. An entry expires after 30 s without packets; the next packet adds it
// again. The table has no verdicts, so the tracer does not model it.
import { APART_TABLE } from './names.ts';

/** Before every known chain with a `flow add`; fw4's is at 0. */
const PRIORITY = -199;

/** Transaction that recreates the table for marks under `mask`; null: that removes it. */
export function apartText(mask: number | null): string {
  const gone = `add table inet ${APART_TABLE}\ndelete table inet ${APART_TABLE}\n`;
  if (mask === null) return gone;
  return `${gone}table inet ${APART_TABLE} {
  flowtable none {
    hook ingress priority 0; devices = { lo };
  }
  chain forward {
    type filter hook forward priority ${PRIORITY};
    ct mark & 0x${mask.toString(16).padStart(8, '0')} != 0 meta l4proto { tcp, udp } flow add @none comment "!whp: ours"
  }
}
`;
}

/**
 * Whether the table must be created: `tables` (those with flow tables) has foreign ones, and ours is missing.
 * Once created it stays until the agent ends, since it has no effect without foreign ones.
 */
export function isApartWanted(tables: ReadonlySet<string>): boolean {
  return tables.size > 0 && !tables.has(APART_TABLE);
}
