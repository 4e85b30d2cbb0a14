// runtime/repair: what stands in the kernel stays as the agent left it: runs reconcile/repair on what others do to it
// meanwhile, and makes again what they undid.

import { countsToKeep } from '../kernel/counters.ts';
import type { Opened } from '../kernel/netlink-socket.ts';
import { openWatch } from '../kernel/route-monitor.ts';
import { readRealized } from '../kernel/routing.ts';
import { readFingerprint, readGeneration } from '../kernel/table.ts';
import { heldElements, learnedSetsOf, withDevices } from '../learn/snapshot.ts';
import { after, every, now, unattended } from '../os/clock.ts';
import { log } from '../os/log.ts';
import { type RepairEffect, type RepairEvent, repairStep } from '../reconcile/repair.ts';
import { loadText } from '../ruleset/transaction.ts';
import { type Agent, inTurn } from './agent.ts';
import { buildPaths, enforce, withMtus } from './enforce.ts';
import { keepApart, keepGuard, lowerGuard, readTaught, remember, runNft } from './table.ts';

/** How often the kernel is asked for the number of its nftables transactions: one small message.
 * Half of the second within which a deleted table stands again. */
const ASK_MILLISECONDS = 500;

/** Watches until the result is called. */
export function startKeeping(agent: Agent): Opened<() => void> {
  const watch = openWatch(agent.paths.socket.port, (event) => {
    agent.neighbours.isDue = true;
    run(agent, event === null ? { kind: 'overrun' } : { kind: 'route', event });
  });
  if (!watch.ok) return watch;
  const stopAsking = every(ASK_MILLISECONDS, () => {
    const { sets } = agent.effects;
    if (agent.standing === null) return;
    const own = sets.commits;
    sets.commits = 0;
    run(agent, { kind: 'generation', generation: readGeneration(sets), own });
  });
  const stop = (): void => {
    stopAsking();
    watch.value.close();
  };
  return { ok: true, value: stop };
}

/** One event through reconcile/repair, and what it calls for. */
export function run(agent: Agent, event: RepairEvent): void {
  for (const effect of repairStep(agent.repair, event, now())) act(agent, effect);
}

function act(agent: Agent, effect: RepairEffect): void {
  switch (effect.kind) {
    case 'look-table':
      unattended(inTurn(agent, async () => look(agent)));
      break;
    case 'restore-table':
      unattended(inTurn(agent, () => restore(agent, effect.why)));
      break;
    case 'mend-paths':
      unattended(inTurn(agent, () => mend(agent)));
      break;
    case 'wake':
      after(effect.milliseconds, () => run(agent, { kind: 'due' }));
      break;
    case 'lift-guard':
      if (agent.guard === null) break;
      agent.uselessGuard = effect.forGood ? agent.guard.key : '';
      lowerGuard(agent);
      agent.problems.set('guard', effect.why);
      log('error', effect.why);
      break;
  }
}

async function look(agent: Agent): Promise<void> {
  const { sets } = agent.effects;
  run(agent, { kind: 'table', fingerprint: readFingerprint(sets) });
  agent.neighbours.isDue = true;
  await keepApart(agent);
}

/** The table again as it was, with everything it had learned. */
async function restore(agent: Agent, why: string): Promise<void> {
  const { standing } = agent;
  if (standing === null) return;
  const began = now();
  // What somebody changed may still hold what was learned; what is deleted is known here.
  for (const set of agent.policy.apps.flatMap(learnedSetsOf)) await readTaught(agent, set, true);
  const held = withDevices(heldElements(agent.state, now()));
  const counts = countsToKeep(agent.state.outside, agent.effects.sets);
  const refused = await runNft(agent, loadText(standing, held, counts));
  if (refused !== null) {
    agent.problems.set('table', refused);
    log('error', refused);
    run(agent, { kind: 'failed' });
    return;
  }
  agent.problems.delete('table');
  remember(agent);
  keepGuard(agent);
  const wrong = await agent.failover.assert();
  if (wrong !== null) log('error', wrong);
  agent.effects.late?.all();
  const elements = Array.from(held.values()).reduce((sum, list) => sum + list.length, 0);
  told(
    agent,
    `${why}: it stands again after ${Math.round(now() - began)} ms, with ${elements} learned element(s)`,
  );
}

/** Devices, addresses, routes and rules as they should be; the MTU as the way to the proxy is now. */
async function mend(agent: Agent): Promise<void> {
  const realized = readRealized(agent.paths);
  if (typeof realized === 'string') {
    agent.problems.set('paths', realized);
    return;
  }
  agent.addresses = realized.addresses.map(({ address }) => address);
  const policy = withMtus(agent, agent.wanted, realized);
  const fits = policy.proxies.every(({ mtu }, i) => mtu === agent.policy.proxies[i]?.mtu);
  if (!fits) {
    const failed = await enforce(agent, agent.wanted);
    told(agent, failed ?? 'the way to a proxy takes packets of another size now');
    return;
  }
  const { again, late } = buildPaths(agent, agent.policy, realized, false);
  if (late.length > 0) log('notice', `made at last: ${late.join(', ')}`);
  if (again.length === 0) return;
  const count = again.length === 1 ? 'a piece' : `${again.length} pieces`;
  told(agent, `somebody removed or changed ${count} of ours, put right: ${again.join(', ')}`);
}

function told(agent: Agent, what: string): void {
  agent.repairs.count += 1;
  agent.repairs.last = what;
  agent.repairs.at = now();
  log('notice', `repaired: ${what}`);
}
