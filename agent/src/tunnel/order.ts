// tunnel/order: moves an app from the way that is open to the way that was chosen, one effect after the
// other: an effect begins when the one before it has ended well. Between steer's choice and the kernel
// (runtime/failover), whose verbs are arguments. An error leaves the app withdrawn: refused, not leaking.
import type { App } from '../policy/policy.ts';
import { isOn, type MoveEffect, moves, type Open, type Steering } from './failover.ts';
import { sameWay, type Way } from './select.ts';

/** Runs one effect; answers what went wrong, or null. A sweep ends when the last entry is deleted. */
export type Perform = (effect: MoveEffect) => Promise<string | null>;

/**
 * Moves the app of this name until the way that is open is the one that is chosen, which may change
 * meanwhile. Answers what went wrong, or null; `steering.stuck` has the same, by app.
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
  // Another policy, or another choice, came while the entries were read: begin anew from withdrawn.
  const chosen = steering.choices.get(app.name)?.way;
  if (steering.policy !== policy || chosen === undefined || !sameWay(chosen, to)) return null;
  const opened = await inOrder(open, perform);
  if (opened === null) steering.open.set(app.name, to);
  return opened;
}

/** Answers the first error; nothing after it has begun. */
async function inOrder(effects: readonly MoveEffect[], perform: Perform): Promise<string | null> {
  for (const effect of effects) {
    const wrong = await perform(effect);
    if (wrong !== null) return wrong;
  }
  return null;
}
