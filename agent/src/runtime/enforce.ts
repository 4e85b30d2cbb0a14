// runtime/enforce: enforces a policy. Order: feeds, compiled table, links, addresses, routes and rules, offload
// table, table, guard, gates and moves of apps, then connections on another way are deleted. runtime/realize runs
// the operations.
import type { KernelError } from '../netlink/kernel-error.ts';
import { after, pause } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import { isSame } from '../reconcile/same.ts';
import { differInChoices, pinChanges } from '../reconcile/set-changes.ts';
import { routedProxy } from '../tunnel/plan.ts';
import type { Agent } from './agent.ts';
import {
  adoptInto,
  assertAll,
  chooseFor,
  doubt,
  gateOperations,
  retry,
  settle,
} from './failover.ts';
import { isDeaf, lacks, listen } from './feeds.ts';
import { keepFilling } from './filling.ts';
import { forgetExcepted } from './forget.ts';
import { applyGates } from './gates.ts';
import { adoptLeft, remember, writeHandoverFile } from './handover.ts';
import { noteAddresses, takeIn } from './in-force.ts';
import { lookAtAll } from './late-flows.ts';
import { keepLive } from './live.ts';
import { beginMove, endMove, withMtus } from './paths.ts';
import { lookSoon } from './preflight.ts';
import { desiredOf, type Outcome, realize, realizedTables } from './realize.ts';
import { leaveMarks, tableOf } from './table.ts';
import { noteGone, notePins } from './table-state.ts';

/** Enforces `wanted`. Returns the error, or null. */
export async function enforce(agent: Agent, wanted: Policy): Promise<KernelError | null> {
  const { table, failover, inForce } = agent;
  const isLight =
    table.piece !== null && !failover.isUnsure && differInChoices(inForce.wanted, wanted);
  if (isLight) {
    const error = enforceChoices(agent, wanted);
    if (error === null) return null;
    log('error', errorText(error));
    // The table is not as expected: load it whole.
    noteGone(table);
  }
  const wrong = await enforceAll(agent, wanted);
  if (wrong !== null) doubt(failover);
  return wrong;
}

/** Pauses, schedules and pins are set elements. One transaction commits them before the owner gets the answer; no
 * path is read, no table compiled, no program started. */
function enforceChoices(agent: Agent, wanted: Policy): KernelError | null {
  const { inForce, failover, table } = agent;
  const policy = { ...inForce.policy, apps: wanted.apps };
  const pins = pinChanges(inForce.policy, policy);
  chooseFor(failover, policy);
  const error = applyGates(agent, gateOperations(failover), pins);
  if (error !== null) return error;
  if (pins.length > 0) notePins(table, policy);
  takeIn(inForce, wanted, policy);
  // After the answer. If the agent ends before the file is written, the next agent corrects the pins from the
  // owner's choices.
  after(0, () => {
    if (pins.length > 0) writeHandoverFile(agent);
    lookAtAll(agent.effects, 'chosen');
  });
  return null;
}

/** A rule and its route exist before a packet is marked, and a feed is bound before an answer is queued: the table
 * is loaded after both. Pieces that only the old table needs are deleted after that. */
async function enforceAll(agent: Agent, wanted: Policy): Promise<KernelError | null> {
  const { kernel, inForce, table, failover, feeds } = agent;
  const links = kernel.routing.links();
  if (!links.ok) return links.error;
  const addresses = kernel.routing.addresses();
  if (!addresses.ok) return addresses.error;
  const { isEnforced, policy: policyBefore } = inForce;
  const tableBefore = table.piece;
  noteAddresses(inForce, addresses.value);
  const policy = withMtus(kernel, wanted, links.value);
  listen(agent, policy);
  await pause();
  agent.refused.clear();
  const holds = !isDeaf(feeds, policy);
  let outcome = await make(agent, policy, holds ? policy : watchingOnly(policy));
  if (outcome.error !== null && holds && isHeld(policy)) {
    // A kernel without nft's queue refuses the whole table: then it is loaded without, and answers are only logged.
    const watched = await make(agent, policy, watchingOnly(policy));
    if (watched.error === null) lacks(agent, 'queue', 'the kernel has no nft queue');
    outcome = { ...outcome, error: watched.error === null ? null : outcome.error };
  }
  if (outcome.error !== null) return outcome.error;
  endMove(agent, policy);
  await keepFilling(agent, policy);
  // Other marks, preferences or tables may collide with those of other programs.
  if (!isSame(policyBefore.globals, policy.globals)) lookSoon(agent.preflight);
  takeIn(inForce, wanted, policy);
  const isNew = !isEnforced || table.piece !== tableBefore || !isSame(policyBefore, policy);
  // Changed routes may have moved an app, and an earlier agent may have died during a failover. Only then
  // connections are checked, since that dumps all of conntrack.
  const isMoved = failover.isUnsure || outcome.changed.length > 0 || agent.refused.size > 0;
  let wrong: KernelError | null = null;
  if (isMoved) wrong = await assertAll(failover);
  else if (isNew) wrong = await settle(failover);
  else await retry(failover);
  // Without the elements of the table that was taken over, nothing is known of the flows that run.
  if (agent.handover.isUnread) return wrong;
  forgetExcepted(agent);
  if (isNew) lookAtAll(agent.effects, 'new table');
  if (!isEnforced) keepLive(agent.effects, agent.effects.settingNow());
  return wrong;
}

/** After the first policy is enforced: what the table that was taken over has learned. */
export async function catchUp(agent: Agent): Promise<void> {
  if (!agent.handover.isUnread) return;
  await adoptLeft(agent, agent.policy);
  forgetExcepted(agent);
  lookAtAll(agent.effects, 'new table');
  keepLive(agent.effects, agent.effects.settingNow());
}

/** Realizes `policy`. `ofTable`: the policy to compile the table from. */
async function make(agent: Agent, policy: Policy, ofTable: Policy): Promise<Outcome> {
  const { kernel, table, failover, feeds, paths } = agent;
  const isWanted = policy.apps.length > 0 || table.piece !== null;
  const next = isWanted ? await tableOf(agent, ofTable, feeds.announced !== null) : null;
  beginMove(agent, policy);
  const realized = kernel.routing.realized(paths.numbers);
  if (!realized.ok) return { changed: [], again: [], late: [], error: realized.error };
  const { pieces, links } = realized.value;
  const unended = await leaveMarks(agent);
  if (unended !== null) return { changed: [], again: [], late: [], error: unended };
  adoptInto(failover, policy, (app) => routedProxy(policy, app, pieces));
  const devices = new Set(links.map(({ name }) => name));
  const desired = desiredOf(agent, policy, next);
  const outcome = await realize(agent, desired, [...pieces, ...realizedTables(agent)], devices);
  if (outcome.error === null && agent.repair.fingerprint === null) remember(agent);
  return outcome;
}

/** Whether the table queues packets for the agent. */
function isHeld({ globals, resolverBypass }: Policy): boolean {
  return globals.hold || resolverBypass?.hello === 'hold';
}

/** `policy` without queues: answers and hellos are only logged. */
function watchingOnly(policy: Policy): Policy {
  const globals = { ...policy.globals, hold: false };
  const { resolverBypass } = policy;
  if (resolverBypass?.hello !== 'hold') return { ...policy, globals };
  return { ...policy, globals, resolverBypass: { ...resolverBypass, hello: 'watch' } };
}
