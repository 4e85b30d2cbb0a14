// runtime/withdraw: the end of an agent: what it made in the kernel is taken away, or left to the next agent.
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { leaveDnsmasq } from '../router/dnsmasq.ts';
import { auditText } from '../ruleset/audit.ts';
import type { Agent } from './agent.ts';
import { closeCuts } from './cuts.ts';
import { closeFeeds } from './feeds.ts';
import { removeHandover, takeHandover } from './handover-file.ts';
import { countsToKeep, keepCounts } from './meter.ts';
import { realize, standingTables } from './realize.ts';
import { loadNft } from './table.ts';

/** Leaves nothing behind: the owner stopped the agent, so everything is direct again. In an upgrade
 * the table, the routes and the rules stay, as after a crash: the next agent takes them over. */
export async function withdraw(agent: Agent): Promise<void> {
  const { kernel, table, state, handoverFile, audit, filling, paths } = agent;
  closeFeeds(agent.feeds);
  if (table.piece !== null && takeHandover(handoverFile)) {
    log('notice', 'what stands is left to the next agent');
    return;
  }
  closeCuts(agent.effects.cuts);
  if (table.piece !== null) keepCounts(countsToKeep(state.outside, kernel.tables), handoverFile);
  // The tables first: without marks the rules have nothing to catch. While one of them stands, so do the rules.
  const { error } = await realize(agent, [], standingTables(agent), null);
  if (error !== null) {
    log('error', `nothing is taken away: ${errorText(error)}`);
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
