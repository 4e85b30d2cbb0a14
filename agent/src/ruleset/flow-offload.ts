// ruleset/flow-offload: keeps our flows out of the flow tables of others (fw4's flow offloading): a packet of
// a flow in such a table passes no hook but ingress, and then no rule renews what the flow uses, sees
// the request that opens a window, or holds its DNS answers. Before: runtime/table. After: nft. It
// has no verdicts, so the tracer does not play it.
//
// The kernel takes a flow into one flow table at most (IPS_OFFLOAD in conntrack, set by the first
// `flow add` that it meets). So our flows go into one of our own before fw4's rule can have them; it
// listens on the loopback device alone, so that none of their packets ever finds itself in it. An
// entry that no packet renews is over after 30 s; the flow's next packet makes another.
import { APART_TABLE } from './names.ts';

/** Before every chain that is known to hold a `flow add`: fw4's is at 0. */
const PRIORITY = -199;

/** Transaction that makes the table anew for marks under `mask`, or (null) removes it. */
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

/** Whether it has to be made where `tables` have flow tables: others do, and it does not stand. When
 * they have none any more it stays until the agent ends: it does nothing then. */
export function isApartWanted(tables: ReadonlySet<string>): boolean {
  return tables.size > 0 && !tables.has(APART_TABLE);
}
