// ruleset/flow-offload: the table that keeps our flows out of foreign flow tables (fw4's flow offloading).
// Packets of an offloaded flow pass only the ingress hook, so no rule could renew elements, open a request
// window or hold DNS answers.
//
// The kernel adds a flow to at most one flow table (IPS_OFFLOAD in conntrack, set by the first `flow add`).
// Our flows are added to a flow table of our own before fw4's rule. That table has only the loopback device,
// so their packets never match it. An entry expires after 30 s without packets; the next packet adds it
// again. The table has no verdicts, so the tracer does not model it.
import { FORMER_OFFLOAD_TABLE, OFFLOAD_TABLE } from './names.ts';

/** Before every known chain with a `flow add`; fw4's is at 0. */
const PRIORITY = -199;

/** The transaction that removes the table `name`. */
export function withoutOffload(name: string): string {
  return `add table inet ${name}\ndelete table inet ${name}\n`;
}

/** The transaction that recreates the table for marks under `mask`. */
export function offloadText(mask: number): string {
  return `${withoutOffload(OFFLOAD_TABLE)}table inet ${OFFLOAD_TABLE} {
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
export function isOffloadWanted(tables: ReadonlySet<string>): boolean {
  const foreign = Array.from(tables).filter((name) => name !== FORMER_OFFLOAD_TABLE);
  return foreign.length > 0 && !tables.has(OFFLOAD_TABLE);
}
