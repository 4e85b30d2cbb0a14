// runtime/repair: what stands in the kernel stays as the agent left it: runs reconcile/repair on what others do to it
// meanwhile, and makes again what they undid.

import { countsToKeep } from '../kernel/counters.ts';
import { openWatch } from '../kernel/route-monitor.ts';
import { readRealized } from '../kernel/routing.ts';
import { readFingerprint, readGeneration } from '../kernel/table.ts';
import { heldElements, learnedSetsOf, withDevices } from '../learn/snapshot.ts';
import { after, every, now, unattended } from '../os/clock.ts';
import { log } from '../os/log.ts';
import { type RepairEffect, type RepairEvent, repairStep } from '../reconcile/repair.ts';
import { loadText } from '../ruleset/transaction.ts';
import { type Daemon, inTurn } from './agent.ts';
import { buildPaths, enforce, withMtus } from './enforce.ts';
import { keepApart, keepGuard, lowerGuard, readTaught, remember, runNft } from './table.ts';

/** How often the kernel is asked for the number of its nftables transactions: one small message.
 * Half of the second within which a deleted table stands again. */
const ASK_MILLISECONDS = 500;

/** Watches until the result is called. A string is the error. */
export function startKeeping(daemon: Daemon): (() => void) | string {
  const watch = openWatch(daemon.paths.socket.port, (event) => {
    daemon.neighbours.isDue = true;
    run(daemon, event === null ? { kind: 'overrun' } : { kind: 'route', event });
  });
  if (typeof watch === 'string') return watch;
  const stopAsking = every(ASK_MILLISECONDS, () => {
    const { sets } = daemon.effects;
    if (typeof sets === 'string' || daemon.standing === null) return;
    const own = sets.commits;
    sets.commits = 0;
    run(daemon, { kind: 'generation', generation: readGeneration(sets), own });
  });
  return () => {
    stopAsking();
    watch.close();
  };
}

/** One event through reconcile/repair, and what it calls for. */
export function run(daemon: Daemon, event: RepairEvent): void {
  for (const effect of repairStep(daemon.repair, event, now())) act(daemon, effect);
}

function act(daemon: Daemon, effect: RepairEffect): void {
  switch (effect.kind) {
    case 'look-table':
      unattended(inTurn(daemon, async () => look(daemon)));
      break;
    case 'restore-table':
      unattended(inTurn(daemon, () => restore(daemon, effect.why)));
      break;
    case 'mend-paths':
      unattended(inTurn(daemon, () => mend(daemon)));
      break;
    case 'wake':
      after(effect.milliseconds, () => run(daemon, { kind: 'due' }));
      break;
    case 'lift-guard':
      if (daemon.guard === null) break;
      daemon.uselessGuard = effect.forGood ? daemon.guard.key : '';
      lowerGuard(daemon);
      daemon.problems.set('guard', effect.why);
      log('error', effect.why);
      break;
  }
}

async function look(daemon: Daemon): Promise<void> {
  const { sets } = daemon.effects;
  if (typeof sets === 'string') return;
  run(daemon, { kind: 'table', fingerprint: readFingerprint(sets) });
  daemon.neighbours.isDue = true;
  await keepApart(daemon);
}

/** The table again as it was, with everything it had learned. */
async function restore(daemon: Daemon, why: string): Promise<void> {
  const { standing } = daemon;
  if (standing === null) return;
  const began = now();
  // What somebody changed may still hold what was learned; what is deleted is known here.
  for (const set of daemon.policy.apps.flatMap(learnedSetsOf)) await readTaught(daemon, set, true);
  const held = withDevices(heldElements(daemon.state, now()));
  const counts = countsToKeep(daemon.state.outside, daemon.effects.sets);
  const refused = await runNft(daemon, loadText(standing, held, counts));
  if (refused !== null) {
    daemon.problems.set('table', refused);
    log('error', refused);
    run(daemon, { kind: 'failed' });
    return;
  }
  daemon.problems.delete('table');
  remember(daemon);
  keepGuard(daemon);
  const wrong = await daemon.failover.assert();
  if (wrong !== null) log('error', wrong);
  daemon.effects.late?.all();
  const elements = Array.from(held.values()).reduce((sum, list) => sum + list.length, 0);
  told(
    daemon,
    `${why}: it stands again after ${Math.round(now() - began)} ms, with ${elements} learned element(s)`,
  );
}

/** Devices, addresses, routes and rules as they should be; the MTU as the way to the proxy is now. */
async function mend(daemon: Daemon): Promise<void> {
  const realized = readRealized(daemon.paths);
  if (typeof realized === 'string') {
    daemon.problems.set('paths', realized);
    return;
  }
  daemon.addresses = realized.addresses.map(({ address }) => address);
  const policy = withMtus(daemon, daemon.wanted, realized);
  const fits = policy.proxies.every(({ mtu }, i) => mtu === daemon.policy.proxies[i]?.mtu);
  if (!fits) {
    const failed = await enforce(daemon, daemon.wanted);
    told(daemon, failed ?? 'the way to a proxy takes packets of another size now');
    return;
  }
  const { again, late } = buildPaths(daemon, daemon.policy, realized, false);
  if (late.length > 0) log('notice', `made at last: ${late.join(', ')}`);
  if (again.length === 0) return;
  const count = again.length === 1 ? 'a piece' : `${again.length} pieces`;
  told(daemon, `somebody removed or changed ${count} of ours, put right: ${again.join(', ')}`);
}

function told(daemon: Daemon, what: string): void {
  daemon.repairs.count += 1;
  daemon.repairs.last = what;
  daemon.repairs.at = now();
  log('notice', `repaired: ${what}`);
}
