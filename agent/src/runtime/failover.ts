// runtime/failover: runs the effects of tunnel/failover: sends probes, changes routes and gates, deletes
// connections that are bound to another way. One timer, set for the next probe that is due or lost.

import type { Kernel } from '../kernel/kernel.ts';
import type { Probes } from '../kernel/probes.ts';
import { isNotPermitted, type KernelError } from '../netlink/kernel-error.ts';
import { after, now, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { App, Policy } from '../policy/policy.ts';
import type { GatePiece } from '../reconcile/desired.ts';
import { diff, type Operation } from '../reconcile/diff.ts';
import { pathFix } from '../reconcile/path-fix.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import {
  adoptChoices,
  adoptPolicy,
  assertGates,
  assertWays,
  createSteering,
  type GateEffect,
  type MoveEffect,
  type SteerEffect,
  type SteerEvent,
  type Steering,
  steer,
  toBeMoved,
  untilNextLook,
} from '../tunnel/failover.ts';
import { isDoubted, leaveSteady, steadyPlan, takeSteady } from '../tunnel/health.ts';
import { moveApp } from '../tunnel/order.ts';
import type { FlowEnding } from './cuts.ts';
import { applyGates } from './gates.ts';
import { sweep } from './sweep.ts';
import type { TableState } from './table-state.ts';

/** Longest time between two looks, milliseconds. */
const LONGEST = 5000;

export interface Failover {
  readonly kernel: Kernel;
  readonly effects: FlowEnding;
  readonly table: TableState;
  readonly steering: Steering;
  readonly probes: Probes;
  /** The running move of each app. */
  readonly moving: Map<string, Promise<string | null>>;
  stopTimer: () => void;
  /** Apps whose connections have to be swept, since the last sweep failed. */
  readonly unswept: Set<string>;
  /** The sweeps that run or ran last; the next ones wait for them. */
  sweeping: Promise<void> | null;
  /** Connections may be bound to another way than their app's: at the start and after an error. */
  isUnsure: boolean;
}

export function createFailover(kernel: Kernel, effects: FlowEnding, table: TableState): Failover {
  const failover: Failover = {
    kernel,
    effects,
    table,
    steering: createSteering(),
    probes: kernel.probes(
      (proxy, sequence) => {
        take(failover, { kind: 'answer', proxy, sequence });
        leaveProbes(failover);
        arm(failover);
      },
      () => look(failover),
    ),
    moving: new Map(),
    stopTimer: () => {},
    unswept: new Set(),
    sweeping: null,
    isUnsure: true,
  };
  return failover;
}

/** Takes a policy before its paths are created. `routed`: the proxy of the app's route in the kernel. */
export function adoptInto(
  { steering, probes, unswept }: Failover,
  policy: Policy,
  routed: (app: App) => string | null,
): void {
  adoptPolicy(steering, policy, routed, now());
  probes.retain(policy.proxies);
  const names = policy.apps.map(({ name }) => name);
  for (const name of Array.from(unswept)) if (!names.includes(name)) unswept.delete(name);
}

/** Takes a policy that differs only in pauses, schedules and pins. */
export function chooseFor({ steering }: Failover, policy: Policy): void {
  adoptChoices(steering, policy);
}

/** Sends probes from now on. */
export function startProbing(failover: Failover): void {
  look(failover);
}

/** Sends none any more; resolves when no app is being moved. */
export async function stopProbing(failover: Failover): Promise<void> {
  failover.stopTimer();
  failover.probes.retain([]);
  await Promise.all(failover.moving.values());
  await failover.sweeping;
}

export function doubt(failover: Failover): void {
  failover.isUnsure = true;
}

function take(failover: Failover, event: SteerEvent): void {
  for (const effect of steer(failover.steering, event, now())) runEffect(failover, effect);
}

function arm(failover: Failover): void {
  failover.stopTimer();
  const wait = untilNextLook(failover.steering, now(), LONGEST);
  failover.stopTimer = after(wait, () => look(failover));
}

function look(failover: Failover): void {
  const { steering, probes, kernel } = failover;
  for (const health of steering.healths.values()) {
    if (health.left !== null) takeSteady(health, probes.takeBack(health.proxy));
  }
  // Replies that have arrived count, even if they are read late.
  probes.drain();
  for (const health of steering.healths.values()) {
    if (!isDoubted(health)) continue;
    const [device] = kernel.routing.counted([tunnelDevice(health.proxy)]);
    const packets = device?.received ?? null;
    if (packets !== null) take(failover, { kind: 'traffic', proxy: health.proxy, packets });
  }
  take(failover, { kind: 'look' });
  if (failover.sweeping === null) unattended(retry(failover));
  leaveProbes(failover);
  arm(failover);
}

/** The host program probes the proxies that answer, until the next look. */
function leaveProbes({ steering, probes }: Failover): void {
  for (const proxy of steering.policy.proxies) {
    const health = steering.healths.get(proxy.name);
    const plan = health === undefined ? null : steadyPlan(health, now());
    if (health !== undefined && plan !== null && probes.leave(proxy, plan)) leaveSteady(health);
  }
}

/** Moves and sweeps that failed before. */
export async function retry(failover: Failover): Promise<void> {
  await Promise.all(toBeMoved(failover.steering).map((app) => move(failover, app)));
  if (failover.unswept.size > 0 && !failover.isUnsure) await sweepAgain(failover);
}

function runEffect(failover: Failover, effect: SteerEffect): void {
  if (effect.kind === 'move') {
    log('notice', effect.text);
    unattended(move(failover, effect.app));
    return;
  }
  const { steering, probes } = failover;
  const { proxy: name, sequence } = effect;
  const proxy = steering.policy.proxies.find((one) => one.name === name);
  const error = proxy === undefined ? null : probes.send(proxy, sequence);
  const reason = proxy === undefined ? 'unknown proxy' : error === null ? null : probeText(error);
  if (reason !== null) take(failover, { kind: 'unsent', proxy: name, sequence, reason });
}

/** A packet that nftables drops on its way out is EPERM for its sender. */
function probeText(error: KernelError): string {
  const text = errorText(error);
  return isNotPermitted(error)
    ? `${text}: a firewall rule drops what this router sends into the tunnel; nft list chains`
    : text;
}

/** A route is refused for no name of a device. */
const NO_DEVICES: ReadonlySet<string> = new Set();

/** One move of an app at a time; a second caller gets the result of the running one. */
function move(failover: Failover, app: string): Promise<string | null> {
  const { moving, steering } = failover;
  const before = moving.get(app);
  if (before !== undefined) return before;
  const known = steering.stuck.get(app);
  const perform = async (effect: MoveEffect): Promise<string | null> => {
    const error = await run(failover, effect);
    if (error === null) return null;
    const fix = effect.kind === 'route' ? pathFix(error, effect.route, NO_DEVICES) : null;
    return `${app}: ${errorText(error)}${fix === null ? '' : `: ${fix}`}`;
  };
  const running = moveApp(steering, app, perform).then((wrong) => {
    moving.delete(app);
    if (wrong !== known && wrong !== null) log('error', wrong);
    return wrong;
  });
  moving.set(app, running);
  return running;
}

async function run(failover: Failover, effect: MoveEffect): Promise<KernelError | null> {
  const { kernel, effects, steering } = failover;
  switch (effect.kind) {
    case 'route':
      return kernel.routing.apply({ op: effect.op, piece: effect.route });
    case 'gate':
      return applyGates(failover, [operationOf(effect)]);
    case 'sweep':
      return sweep(effects, steering.policy, effect.app, effect.way);
  }
}

function operationOf({ app, gate, on }: GateEffect): Operation<GatePiece> {
  return { op: on ? 'add' : 'delete', piece: { kind: 'gate', app, gate } };
}

/** The operations from the gates of the loaded table to the wanted ones. */
export function gateOperations({ steering, table }: Failover): Operation<GatePiece>[] {
  const wanted = assertGates(steering).filter(({ on }) => on);
  return diff(
    wanted.map((effect) => operationOf(effect).piece),
    Array.from(table.gates.values()),
  );
}

/** Sets the gates of the table, and moves apps that are not on their chosen way. Returns the error of the gates; a
 * failed move is logged and repeated by `look`. */
export async function settle(failover: Failover): Promise<KernelError | null> {
  const error = applyGates(failover, gateOperations(failover));
  await Promise.all(toBeMoved(failover.steering).map((app) => move(failover, app)));
  return error;
}

/** As settle, and deletes the connections that are bound to another way than their app's. */
export async function assertAll(failover: Failover): Promise<KernelError | null> {
  const error = await settle(failover);
  sweepAll(failover);
  await sweepAgain(failover);
  failover.isUnsure = error !== null;
  return error;
}

/** Sets the gates of the table. What assertAll does besides follows without being waited for: it lists connections, of
 * which a slow router has many, and the table may be deleted once more meanwhile. */
export function assertSoon(failover: Failover): KernelError | null {
  const error = applyGates(failover, gateOperations(failover));
  if (error !== null) doubt(failover);
  sweepAll(failover);
  unattended(retry(failover));
  return error;
}

function sweepAll({ steering, unswept }: Failover): void {
  for (const { name } of steering.policy.apps) unswept.add(name);
}

/** Sweeps the apps whose last sweep failed, or has not begun. */
async function sweepAgain(failover: Failover): Promise<void> {
  const { unswept, steering } = failover;
  const before = failover.sweeping;
  const sweeping = async (): Promise<void> => {
    await before;
    for (const effect of assertWays(steering)) {
      if (!unswept.has(effect.app)) continue;
      const error = await run(failover, effect);
      if (error === null) unswept.delete(effect.app);
      else log('error', `${effect.app}: ${errorText(error)}`);
    }
  };
  const mine = sweeping();
  failover.sweeping = mine;
  await mine;
  if (failover.sweeping === mine) failover.sweeping = null;
}
