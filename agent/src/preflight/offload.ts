// preflight/offload: checks for foreign flow tables, in software or hardware: their flows bypass the rules.
// Pure. ruleset/flow-offload keeps our flows out of them.
import type { Problem } from '../syntax/result.ts';
import type { Look } from './look.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

const OFF = "uci set firewall.@defaults[0].flow_offloading_hw='0'; uci commit firewall; fw4 reload";

export function offloadLook(_: LookedAt, { firewall }: RouterSeen): Look {
  const subject = 'flow offload';
  if (!firewall.ok) return { subject, seen: `not read: ${firewall.what}`, problems: [], notes: [] };
  const { flowTables } = firewall.value;
  const notes: Problem[] = flowTables
    .filter(({ hardware }) => hardware)
    .map(({ table }) => ({
      where: `nftables table ${table}`,
      what: `hardware flow offload is on. The applications' connections are kept out of it, but that has been tried with offload in software alone: what this router's hardware does with a connection that begins direct and is cut later is not known. To be sure: ${OFF}`,
    }));
  const told = flowTables.map(
    ({ table, devices, hardware }) =>
      `${hardware ? 'hardware' : 'software'} in table ${table} (${devices.join(', ') || 'no device'}), without the applications' connections`,
  );
  return { subject, seen: told.join('; ') || 'off', problems: [], notes };
}
