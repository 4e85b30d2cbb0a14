// tunnel/order: moves an app from its open way to the chosen one. Each effect starts after the one before has
// succeeded; runtime/failover passes the function that runs them. After an error the app stays withdrawn: its
// packets are rejected, they do not leak.
import type { App } from '../policy/policy.ts';
import { isOn, type MoveEffect, moves, type Open, type Steering } from './failover.ts';
import { sameWay, type Way } from './select.ts';

/** Runs one effect; resolves to the error, or null. A sweep ends when the last entry is deleted. */
export type Perform = (effect: MoveEffect) => Promise<string | null>;

/**
 * Moves the app until the open way is the chosen one, which may change meanwhile. Returns the error, or null;
 * `steering.stuck` has it too, by app.
 */
export async function moveApp(
  steering: Steering,
  name: string,
  perform: Perform,
): Promise<string | null> {
  for (;;) {
    const app = steering.policy.apps.find((one) => one.name === name);
    const chosen = steering.choices.get(name)?.way;
    const open = steering.open.get(name);
    if (app === undefined || chosen === undefined || open === undefined) break;
    if (isOn(open, chosen)) break;
    const wrong = await moveOnce(steering, app, open, chosen, perform);
    if (wrong === null) continue;
    steering.stuck.set(name, wrong);
    return wrong;
  }
  steering.stuck.delete(name);
  return null;
}

async function moveOnce(
  steering: Steering,
  app: App,
  from: Open,
  to: Way,
  perform: Perform,
): Promise<string | null> {
  const { policy } = steering;
  const { withdraw, sweep, open } = moves(policy, app, from, to);
  const withdrawn = await inOrder(withdraw, perform);
  if (withdrawn !== null) return withdrawn;
  steering.open.set(app.name, { kind: 'withdrawn' });
  const swept = await inOrder(sweep, perform);
  if (swept !== null) return swept;
  // The policy or the choice changed during the sweep: start again from withdrawn.
  const chosen = steering.choices.get(app.name)?.way;
  if (steering.policy !== policy || chosen === undefined || !sameWay(chosen, to)) return null;
  const opened = await inOrder(open, perform);
  if (opened === null) steering.open.set(app.name, to);
  return opened;
}

/** Stops at the first error and returns it. */
async function inOrder(effects: readonly MoveEffect[], perform: Perform): Promise<string | null> {
  for (const effect of effects) {
    const wrong = await perform(effect);
    if (wrong !== null) return wrong;
  }
  return null;
}
