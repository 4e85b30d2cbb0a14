// runtime/withdraw: the end of an agent: deletes everything that it has created in the kernel, or leaves it to the
// next agent.
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { leaveDnsmasq } from '../router/dnsmasq.ts';
import { auditText } from '../ruleset/audit.ts';
import { type Agent, inFinalTurn } from './agent.ts';
import { closeCuts } from './cuts.ts';
import { stopProbing } from './failover.ts';
import { closeFeeds } from './feeds.ts';
import { removeHandover, takeHandover } from './handover-file.ts';
import { countsToKeep, keepCounts } from './meter.ts';
import { realize, realizedTables } from './realize.ts';
import { loadNft } from './table.ts';

/** After a stop by the owner nothing is left, and everything goes direct. During an upgrade table, routes and rules
 * stay, as after a crash, and the next agent takes them over. No repair or move is made after it. */
export function withdraw(agent: Agent): Promise<void> {
  return inFinalTurn(agent, async () => {
    await stopProbing(agent.failover);
    await removeAll(agent);
  });
}

async function removeAll(agent: Agent): Promise<void> {
  const { kernel, table, state, handoverFile, audit, filling, paths } = agent;
  closeFeeds(agent.feeds);
  if (table.piece !== null && takeHandover(handoverFile)) {
    log('notice', 'what stands is left to the next agent');
    return;
  }
  closeCuts(agent.effects.cuts);
  if (table.piece !== null) keepCounts(countsToKeep(state.outside, kernel.tables), handoverFile);
  // The tables are deleted first, since without marks no rule matches. If a table cannot be deleted, the rules
  // stay.
  const { error } = await realize(agent, [], realizedTables(agent), null);
  if (error !== null) {
    log('error', `table, routes and rules are left standing: ${errorText(error)}`);
    return;
  }
  if (audit.running !== null) await loadNft(agent, auditText(null, []));
  removeHandover(handoverFile);
  if (filling.now?.fills === true) await leaveDnsmasq();
  const realized = kernel.routing.realized(paths.numbers);
  if (!realized.ok) {
    log('error', `devices, routes and rules are left: ${errorText(realized.error)}`);
    return;
  }
  const devices = new Set(realized.value.links.map(({ name }) => name));
  await realize(agent, [], realized.value.pieces, devices);
}
