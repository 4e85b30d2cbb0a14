// runtime/repair: watches for changes by other programs, passes them to reconcile/repair, and runs its effects:
// reads the table, restores it, repairs paths.

import { learnedSetsOf } from '../learn/snapshot.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { after, now, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { type RepairEffect, type RepairEvent, repairStep } from '../reconcile/repair.ts';
import { TABLE } from '../ruleset/names.ts';
import { counted } from '../syntax/words.ts';
import { waysOf } from '../tunnel/failover.ts';
import { plan } from '../tunnel/plan.ts';
import { type Agent, inTurn } from './agent.ts';
import { enforce } from './enforce.ts';
import { assertSoon } from './failover.ts';
import { liftGuard } from './guard.ts';
import { readTaught } from './handover.ts';
import { noteAddresses } from './in-force.ts';
import { lookAtAll } from './late-flows.ts';
import { endMove, withMtus } from './paths.ts';
import { lookSoon } from './preflight.ts';
import { realize, realizedTables, tablesOf } from './realize.ts';
import { noteRepair } from './repairs.ts';
import { noteGone } from './table-state.ts';

/** How often the generation number is read, by the host program. A packet that the guard drops starts a repair at
 * once; this is for a home that sends nothing. */
const ASK_MILLISECONDS = 500;

/** Watches until the returned function is called. */
export function startKeeping(agent: Agent): KernelResult<() => void> {
  const { kernel, preflight, table } = agent;
  const watch = kernel.routing.watch((event) => {
    lookSoon(preflight);
    run(agent, event === null ? { kind: 'overrun' } : { kind: 'route', event });
  });
  if (!watch.ok) return watch;
  const changes = kernel.tables.watchGeneration(ASK_MILLISECONDS, () => {
    if (table.piece === null) return;
    const own = kernel.sets.takeCommits();
    run(agent, { kind: 'generation', generation: kernel.tables.generation(), own });
  });
  if (!changes.ok) {
    watch.value.close();
    return changes;
  }
  return done(() => {
    changes.value();
    watch.value.close();
  });
}

/** Passes one event to reconcile/repair and runs the effects. */
export function run(agent: Agent, event: RepairEvent): void {
  for (const effect of repairStep(agent.repair, event, now())) act(agent, effect);
}

function act(agent: Agent, effect: RepairEffect): void {
  switch (effect.kind) {
    case 'look-table':
      unattended(inTurn(agent, () => look(agent)));
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
      liftGuard(agent, effect.why, effect.forGood);
      break;
  }
}

async function look(agent: Agent): Promise<void> {
  const { kernel, preflight, policy, table, repair } = agent;
  const fingerprint = kernel.tables.fingerprint();
  run(agent, { kind: 'table', fingerprint });
  lookSoon(preflight);
  // A repair looks for them too.
  if (repair.fingerprint !== null && fingerprint !== repair.fingerprint) return;
  // Another program may have added a flow table.
  const isOffload = ({ kind }: { readonly kind: string }): boolean => kind === 'offload';
  const desired = tablesOf(agent, policy, table.piece).filter(isOffload);
  await realize(agent, desired, realizedTables(agent).filter(isOffload), null);
}

/** Loads the table again, with everything learned. */
async function restore(agent: Agent, why: string): Promise<void> {
  const { table, policy, problems, failover } = agent;
  if (table.piece === null) return;
  const began = now();
  noteGone(table);
  // Sets of a changed table still have elements; those of a deleted table are known from the stores.
  const sets = agent.kernel.tables.has(TABLE) ? policy.apps.flatMap(learnedSetsOf) : [];
  for (const set of sets) await readTaught(agent, set, true);
  const desired = tablesOf(agent, policy, table.piece);
  const { error } = await realize(agent, desired, realizedTables(agent), null);
  if (error !== null) {
    const text = errorText(error);
    problems.set('table', text);
    log('error', text);
    run(agent, { kind: 'failed' });
    return;
  }
  problems.delete('table');
  const wrong = assertSoon(failover);
  if (wrong !== null) log('error', errorText(wrong));
  lookAtAll(agent.effects);
  noteRepair(
    agent.repairs,
    `${why}: it stands again after ${Math.round(now() - began)} ms, with ${counted(table.elements, 'learned element')}`,
  );
}

/** Repairs links, addresses, routes and rules. If the path MTU to a proxy has changed, the policy is enforced
 * again. */
async function mend(agent: Agent): Promise<void> {
  const { kernel, inForce, paths, problems, failover } = agent;
  const realized = kernel.routing.realized(paths.numbers);
  if (!realized.ok) {
    problems.set('paths', errorText(realized.error));
    return;
  }
  const { pieces, links, addresses } = realized.value;
  noteAddresses(inForce, addresses);
  const policy = withMtus(kernel, inForce.wanted, links);
  const fits = policy.proxies.every(({ mtu }, i) => mtu === inForce.policy.proxies[i]?.mtu);
  if (!fits) {
    const failed = await enforce(agent, inForce.wanted);
    const what = 'the way to a proxy takes packets of another size now';
    noteRepair(agent.repairs, failed === null ? what : errorText(failed));
    return;
  }
  const desired = plan(inForce.policy, waysOf(failover.steering));
  const devices = new Set(links.map(({ name }) => name));
  const { again, late } = await realize(agent, desired, pieces, devices);
  endMove(agent, inForce.policy);
  if (late.length > 0) log('notice', `made at last: ${late.join(', ')}`);
  if (again.length === 0) return;
  const count = again.length === 1 ? 'a piece' : `${again.length} pieces`;
  noteRepair(
    agent.repairs,
    `somebody removed or changed ${count} of ours, put right: ${again.join(', ')}`,
  );
}
