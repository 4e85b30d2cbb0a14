// tunnel/failover: the state machine of failover. Takes probe results, sends due probes, and when select chooses
// another way for an app, returns the effects that move it, in an order in which no packet uses both ways.
// runtime/failover runs the effects. Pure: time is an argument.
import { DEFAULT_GLOBALS } from '../policy/build.ts';
import type { App, Policy } from '../policy/policy.ts';
import type { Route } from '../reconcile/desired.ts';
import { GATES, type Gate } from '../ruleset/names.ts';
import {
  createHealth,
  dueProbe,
  expireProbes,
  type Health,
  nextLook,
  setUsed,
  takeAnswer,
  takeTraffic,
  takeUnsent,
} from './health.ts';
import { type Moved, noteMove } from './moves.ts';
import { prohibits, throughRoutes } from './plan.ts';
import { type Choice, choose, firstChoice, sameWay, type Way } from './select.ts';

export type SteerEffect =
  | { readonly kind: 'probe'; readonly proxy: string; readonly sequence: number }
  /** Another way was chosen for the app: tunnel/order moves it. */
  | { readonly kind: 'move'; readonly app: string; readonly text: string };

export type MoveEffect =
  | { readonly kind: 'route'; readonly op: 'add' | 'delete'; readonly route: Route }
  /** Sets a gate of the table: reject at once (blocked), or bypass the tunnels (direct). */
  | { readonly kind: 'gate'; readonly app: string; readonly gate: Gate; readonly on: boolean }
  /** Deletes the app's conntrack entries that are not bound to this way. */
  | { readonly kind: 'sweep'; readonly app: string; readonly way: Way };

export type GateEffect = Extract<MoveEffect, { kind: 'gate' }>;
type SweepEffect = Extract<MoveEffect, { kind: 'sweep' }>;

/** The way of an app in the kernel. Withdrawn: between two ways, its routing table only prohibits. */
export type Open = Way | { readonly kind: 'withdrawn' };

const WITHDRAWN: Open = { kind: 'withdrawn' };

export type SteerEvent =
  | { readonly kind: 'answer'; readonly proxy: string; readonly sequence: number }
  | {
      readonly kind: 'unsent';
      readonly proxy: string;
      readonly sequence: number;
      readonly reason: string;
    }
  /** Packets that the proxy's tunnel device has received; requested while probes are lost. */
  | { readonly kind: 'traffic'; readonly proxy: string; readonly packets: number }
  | { readonly kind: 'look' };

export interface Steering {
  policy: Policy;
  readonly healths: Map<string, Health>;
  readonly choices: Map<string, Choice>;
  /** By app. Differs from the chosen way only while the app is moved. */
  readonly open: Map<string, Open>;
  /** By app: why the move to the chosen way failed; it is tried again. */
  readonly stuck: Map<string, string>;
  /** The last moves, newest last. */
  readonly moved: Moved[];
}

/** An empty policy, until adoptPolicy sets the first one. */
export function createSteering(): Steering {
  const nothing: Policy = { globals: DEFAULT_GLOBALS, proxies: [], apps: [] };
  return {
    policy: nothing,
    healths: new Map(),
    choices: new Map(),
    open: new Map(),
    stuck: new Map(),
    moved: [],
  };
}

/** The properties that make a proxy another one, whose health starts anew. */
function identity(policy: Policy, name: string): string {
  const proxy = policy.proxies.find((one) => one.name === name);
  return proxy === undefined
    ? ''
    : [
        proxy.address,
        proxy.key,
        proxy.local,
        proxy.remote,
        proxy.inner6?.local,
        proxy.inner6?.remote,
      ].join(' ');
}

/**
 * Takes a new policy. Health of unchanged proxies and choices that are still eligible are kept. `routed` returns
 * the proxy of the app's route in the kernel, after a restart.
 */
export function adoptPolicy(
  steering: Steering,
  policy: Policy,
  routed: (app: App) => string | null,
  now: number,
): void {
  const { healths, choices, open, stuck } = steering;
  for (const name of Array.from(healths.keys())) {
    if (identity(policy, name) === identity(steering.policy, name)) continue;
    healths.delete(name);
    for (const [app, way] of open) {
      // Its flows are bound to the former proxy of this name.
      if (way.kind === 'tunnel' && way.proxy === name) open.set(app, WITHDRAWN);
    }
  }
  for (const { name } of policy.proxies) {
    if (!healths.has(name)) healths.set(name, createHealth(name, now));
  }
  const apps = new Set(policy.apps.map(({ name }) => name));
  for (const name of Array.from(choices.keys())) {
    if (apps.has(name)) continue;
    for (const map of [choices, open, stuck]) map.delete(name);
  }
  for (const app of policy.apps) {
    const proxy = routed(app);
    const before = choices.get(app.name) ?? firstChoice(app, proxy, now);
    choices.set(app.name, choose(app, before, healths, now));
    if (!open.has(app.name))
      open.set(app.name, proxy === null ? WITHDRAWN : { kind: 'tunnel', proxy });
  }
  steering.policy = policy;
}

/** The same policy but for what is paused and pinned. */
export function adoptChoices(steering: Steering, policy: Policy): void {
  steering.policy = policy;
}

/** The ways for tunnel/plan. An app that is being moved is blocked until tunnel/order has opened its way, so that
 * a route repair meanwhile cannot open it. */
export function waysOf({ choices, open }: Steering): ReadonlyMap<string, Way> {
  return new Map(
    Array.from(choices, ([name, { way }]) => [name, isOn(open.get(name), way) ? way : BLOCKED]),
  );
}

const BLOCKED: Way = { kind: 'blocked' };

/** Whether an app is on this way. */
export function isOn(open: Open | undefined, way: Way): boolean {
  return open !== undefined && open.kind !== 'withdrawn' && sameWay(open, way);
}

/** Apps whose open way is not the chosen one. */
export function toBeMoved({ choices, open }: Steering): string[] {
  return Array.from(choices).flatMap(([name, { way }]) =>
    isOn(open.get(name), way) ? [] : [name],
  );
}

/** Processes one event and returns the effects. Updates `steering` in place. */
export function steer(steering: Steering, event: SteerEvent, now: number): SteerEffect[] {
  const { healths } = steering;
  if (event.kind === 'look') {
    for (const health of healths.values()) expireProbes(health, now);
  } else {
    const health = healths.get(event.proxy);
    if (health === undefined) return [];
    if (event.kind === 'traffic') {
      takeTraffic(health, event.packets, now);
      return [];
    }
    if (event.kind === 'answer') takeAnswer(health, event.sequence, now);
    else takeUnsent(health, event.sequence, event.reason, now);
  }
  const effects = decide(steering, now);
  const used = inUse(steering);
  for (const health of healths.values()) setUsed(health, used.has(health.proxy), now);
  if (event.kind !== 'look') return effects;
  for (const health of healths.values()) {
    const sequence = dueProbe(health, now);
    if (sequence !== null) effects.push({ kind: 'probe', proxy: health.proxy, sequence });
  }
  return effects;
}

function inUse(steering: Steering): Set<string> {
  const used = new Set<string>();
  for (const { way } of steering.choices.values()) if (way.kind === 'tunnel') used.add(way.proxy);
  return used;
}

/** Milliseconds from `now` until the next `look` is due, at most `longest`. */
export function untilNextLook(steering: Steering, now: number, longest: number): number {
  let next = now + longest;
  for (const health of steering.healths.values()) next = Math.min(next, nextLook(health));
  return Math.max(0, next - now);
}

function decide(steering: Steering, now: number): SteerEffect[] {
  const { policy, choices, healths, moved } = steering;
  const effects: SteerEffect[] = [];
  for (const app of policy.apps) {
    const before = choices.get(app.name)!;
    const after = choose(app, before, healths, now);
    if (after === before) continue;
    choices.set(app.name, after);
    if (sameWay(after.way, before.way)) continue;
    const why = reasonFor(before.way, healths);
    const text = `${app.name}: ${wayText(before.way)} -> ${wayText(after.way)}${why}`;
    effects.push({ kind: 'move', app: app.name, text });
    const reason = lostBy(before.way, healths);
    noteMove(moved, { app: app.name, from: before.way, to: after.way, reason, at: now });
  }
  return effects;
}

function reasonFor(before: Way, healths: ReadonlyMap<string, Health>): string {
  const reason = lostBy(before, healths);
  return reason === '' || before.kind !== 'tunnel' ? '' : ` (${before.proxy}: ${reason})`;
}

function lostBy(before: Way, healths: ReadonlyMap<string, Health>): string {
  return (before.kind === 'tunnel' ? healths.get(before.proxy)?.reason : undefined) ?? '';
}

export function wayText(way: Way): string {
  if (way.kind === 'tunnel') return `proxy ${way.proxy}`;
  return way.kind === 'direct' ? 'DIRECT, past the proxies' : 'refused';
}

/** The three parts of a move, to be run in this order. */
export interface Moves {
  /** Removes the old way; afterwards no packet leaves. */
  readonly withdraw: readonly MoveEffect[];
  /** Deletes conntrack entries that are bound to another way. */
  readonly sweep: readonly MoveEffect[];
  readonly open: readonly MoveEffect[];
}

/**
 * Effects that move an app between two ways. NAT binds live flows to the old way: so first its route is removed (the
 * prohibit behind it rejects packets), then the conntrack entries are deleted, then the new way opens and the next
 * packets are new flows.
 */
export function moves(policy: Policy, app: App, from: Open, to: Way): Moves {
  const table = policy.globals.table + app.slot;
  const gate = (which: Gate, on: boolean): MoveEffect[] => [
    { kind: 'gate', app: app.name, gate: which, on },
  ];
  const routes = (op: 'add' | 'delete', list: readonly Route[]): MoveEffect[] =>
    list.map((route) => ({ kind: 'route', op, route }));
  const through = (name: string) => throughRoutes(policy.proxies, table, name);
  const wasClosed = from.kind === 'blocked' || from.kind === 'withdrawn';
  return {
    withdraw: [
      ...(from.kind === 'direct'
        ? [...gate('direct', false), ...routes('add', prohibits(table))]
        : []),
      ...(to.kind === 'blocked' ? gate('blocked', true) : []),
      ...(from.kind === 'tunnel' ? routes('delete', through(from.proxy)) : []),
    ],
    sweep: [{ kind: 'sweep', app: app.name, way: to }],
    open: [
      ...(to.kind === 'tunnel' ? routes('add', through(to.proxy)) : []),
      ...(to.kind === 'direct'
        ? [...gate('direct', true), ...routes('delete', prohibits(table))]
        : []),
      ...(wasClosed && to.kind !== 'blocked' ? gate('blocked', false) : []),
    ],
  };
}

/** After a load: sweeps the conntrack entries that are bound to another way than the chosen one. */
export function assertWays({ policy, choices }: Steering): SweepEffect[] {
  return policy.apps.map(({ name: app }): SweepEffect => {
    return { kind: 'sweep', app, way: choices.get(app)!.way };
  });
}

/** States of all gates, to be set after a load, and when the owner or a schedule pauses or resumes an app. */
export function assertGates({ policy, choices, open }: Steering): GateEffect[] {
  return policy.apps.flatMap(({ name: app, direct }) => {
    const { way } = choices.get(app)!;
    const on: Record<Gate, boolean> = {
      paused: direct !== undefined,
      blocked: way.kind === 'blocked',
      // Only after the entries bound to the tunnel were deleted.
      direct: way.kind === 'direct' && isOn(open.get(app), way),
    };
    return GATES.map((gate): GateEffect => ({ kind: 'gate', app, gate, on: on[gate] }));
  });
}

/** Whether a connection of the app is bound to another way. `answersTo`: destination of its reply direction. */
export function isStray(policy: Policy, way: Way, answersTo: string): boolean {
  if (way.kind === 'blocked') return true;
  const inner = policy.proxies.find(
    ({ local, inner6 }) => local === answersTo || inner6?.local === answersTo,
  );
  return way.kind === 'direct' ? inner !== undefined : inner?.name !== way.proxy;
}
