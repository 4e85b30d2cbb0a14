// tunnel/failover: keeps every app on the best way there is: probes go out, answers come in, and when
// a choice changes the effects that move the app leave, in an order in which no packet is ever half
// on each way. Between proxies' health (health.ts), the choice (select.ts) and the kernel
// (runtime/failover). Pure: time and the effects are values.
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
import { prohibits, throughRoutes } from './plan.ts';
import { type Choice, choose, firstChoice, sameWay, type Way } from './select.ts';

export type SteerEffect =
  | { readonly kind: 'probe'; readonly proxy: string; readonly sequence: number }
  /** The app's chosen way is another: tunnel/order takes it there. */
  | { readonly kind: 'move'; readonly app: string; readonly text: string };

export type MoveEffect =
  | { readonly kind: 'route'; readonly op: 'add' | 'delete'; readonly route: Route }
  /** A state that the table has to know: refuse at once, or let pass beside the tunnels. */
  | { readonly kind: 'gate'; readonly app: string; readonly gate: Gate; readonly on: boolean }
  /** Delete the app's conntrack entries that are not bound to this way. */
  | { readonly kind: 'sweep'; readonly app: string; readonly way: Way };

export type GateEffect = Extract<MoveEffect, { kind: 'gate' }>;

/** The way that the kernel has an app on. Withdrawn: none, between two ways; its table prohibits. */
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
  /** What its device has received so far; asked for while probes are lost. */
  | { readonly kind: 'traffic'; readonly proxy: string; readonly packets: number }
  | { readonly kind: 'look' };

export interface Steering {
  policy: Policy;
  readonly healths: Map<string, Health>;
  readonly choices: Map<string, Choice>;
  /** By app. Another way than the chosen one only while the app is moved. */
  readonly open: Map<string, Open>;
  /** By app, why it could not be moved to the chosen way; it is tried again. */
  readonly stuck: Map<string, string>;
}

/** Nothing is known and nothing is steered until the first policy is taken in. */
export function createSteering(): Steering {
  const nothing: Policy = { globals: DEFAULT_GLOBALS, proxies: [], apps: [] };
  return {
    policy: nothing,
    healths: new Map(),
    choices: new Map(),
    open: new Map(),
    stuck: new Map(),
  };
}

/** What a proxy is, so that a changed one starts from nothing. */
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
 * Takes in a policy: what is known of unchanged proxies, and choices that are still eligible, stay.
 * `standing` tells which proxy the kernel's route of an app leads to now, after a restart.
 */
export function adoptPolicy(
  steering: Steering,
  policy: Policy,
  standing: (app: App) => string | null,
  now: number,
): void {
  const { healths, choices, open, stuck } = steering;
  for (const name of Array.from(healths.keys())) {
    if (identity(policy, name) === identity(steering.policy, name)) continue;
    healths.delete(name);
    for (const [app, way] of open) {
      // Its flows are bound to what the proxy of this name was.
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
    const proxy = standing(app);
    const before = choices.get(app.name) ?? firstChoice(app, proxy, now);
    choices.set(app.name, choose(app, before, healths, now));
    if (!open.has(app.name))
      open.set(app.name, proxy === null ? WITHDRAWN : { kind: 'tunnel', proxy });
  }
  steering.policy = policy;
}

/** The ways as tunnel/plan needs them: an app that has to be moved is on none until tunnel/order has
 * opened its way, whoever looks at the routes meanwhile. */
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

/** One event in, the effects it calls for out. The state is updated in place. */
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
  const { policy, choices, healths } = steering;
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
  }
  return effects;
}

function reasonFor(before: Way, healths: ReadonlyMap<string, Health>): string {
  const health = before.kind === 'tunnel' ? healths.get(before.proxy) : undefined;
  return health === undefined || health.reason === ''
    ? ''
    : ` (${before.kind === 'tunnel' ? before.proxy : ''}: ${health.reason})`;
}

export function wayText(way: Way): string {
  if (way.kind === 'tunnel') return `proxy ${way.proxy}`;
  return way.kind === 'direct' ? 'DIRECT, past the proxies' : 'refused';
}

/** The three parts of a move, to be run in this order. */
export interface Moves {
  /** Nothing leaves any more. */
  readonly withdraw: readonly MoveEffect[];
  /** What is bound to another way is gone. */
  readonly sweep: readonly MoveEffect[];
  readonly open: readonly MoveEffect[];
}

/**
 * From one way to another. Live flows are bound to the old way by NAT and cannot move: so first
 * nothing leaves (the prohibit behind the route answers), then their conntrack entries go, then the
 * new way opens and their next packets are new flows on it.
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

/** What the connections have to look like, whatever they were: after a load. */
export function assertWays({ policy, choices }: Steering): MoveEffect[] {
  return policy.apps.map(({ name: app }): MoveEffect => {
    return { kind: 'sweep', app, way: choices.get(app)!.way };
  });
}

/** What the gates of the table have to say: after a load, and when the owner or the hour pauses an
 * app or resumes it. */
export function assertGates({ policy, choices, open }: Steering): GateEffect[] {
  return policy.apps.flatMap(({ name: app, direct }) => {
    const { way } = choices.get(app)!;
    const on: Record<Gate, boolean> = {
      paused: direct !== undefined,
      blocked: way.kind === 'blocked',
      // Not before the tunnel's entries are gone.
      direct: way.kind === 'direct' && isOn(open.get(app), way),
    };
    return GATES.map((gate): GateEffect => ({ kind: 'gate', app, gate, on: on[gate] }));
  });
}

/** Whether a connection of the app, by the address its answers come to, is bound to another way. */
export function isStray(policy: Policy, way: Way, answersTo: string): boolean {
  if (way.kind === 'blocked') return true;
  const inner = policy.proxies.find(
    ({ local, inner6 }) => local === answersTo || inner6?.local === answersTo,
  );
  return way.kind === 'direct' ? inner !== undefined : inner?.name !== way.proxy;
}
