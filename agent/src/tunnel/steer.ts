// tunnel/steer: keeps every app on the best way there is: probes go out, answers come in, and when
// a choice changes the effects that move the app leave, in an order in which no packet is ever half
// on each way. Between proxies' health (health.ts), the choice (select.ts) and the kernel
// (system/steering). Pure: time and the effects are values.
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

/** In the order in which they have to be run. */
export type SteerEffect =
  | { readonly kind: 'probe'; readonly proxy: string; readonly sequence: number }
  | { readonly kind: 'route'; readonly op: 'add' | 'delete'; readonly route: Route }
  /** A state that the table has to know: refuse at once, or let pass beside the tunnels. */
  | { readonly kind: 'gate'; readonly app: string; readonly gate: Gate; readonly on: boolean }
  /** Delete the app's conntrack entries that are not bound to this way. */
  | { readonly kind: 'sweep'; readonly app: string; readonly way: Way }
  | { readonly kind: 'moved'; readonly app: string; readonly text: string };

export type GateEffect = Extract<SteerEffect, { kind: 'gate' }>;

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
}

/** Nothing is known and nothing is steered until the first policy is taken in. */
export function createSteering(): Steering {
  const nothing: Policy = { globals: DEFAULT_GLOBALS, proxies: [], apps: [] };
  return { policy: nothing, healths: new Map(), choices: new Map() };
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
  const { healths, choices } = steering;
  for (const name of Array.from(healths.keys())) {
    if (identity(policy, name) !== identity(steering.policy, name)) healths.delete(name);
  }
  for (const { name } of policy.proxies) {
    if (!healths.has(name)) healths.set(name, createHealth(name, now));
  }
  const apps = new Set(policy.apps.map(({ name }) => name));
  for (const name of Array.from(choices.keys())) if (!apps.has(name)) choices.delete(name);
  for (const app of policy.apps) {
    const before = choices.get(app.name) ?? firstChoice(app, standing(app), now);
    choices.set(app.name, choose(app, before, healths, now));
  }
  steering.policy = policy;
}

/** The ways as tunnel/plan needs them. */
export function waysOf(steering: Steering): ReadonlyMap<string, Way> {
  return new Map(Array.from(steering.choices, ([name, { way }]) => [name, way]));
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
    effects.push(...moves(policy, app, before.way, after.way));
    const why = reasonFor(before.way, healths);
    const text = `${app.name}: ${wayText(before.way)} -> ${wayText(after.way)}${why}`;
    effects.push({ kind: 'moved', app: app.name, text });
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

/**
 * From one way to another. Live flows are bound to the old way by NAT and cannot move: so first
 * nothing leaves (the prohibit behind the route answers), then their conntrack entries go, then the
 * new way opens and their next packets are new flows on it.
 */
export function moves(policy: Policy, app: App, from: Way, to: Way): SteerEffect[] {
  const table = policy.globals.table + app.slot;
  const gate = (which: Gate, on: boolean): SteerEffect => ({
    kind: 'gate',
    app: app.name,
    gate: which,
    on,
  });
  const route = (op: 'add' | 'delete', one: Route): SteerEffect => ({
    kind: 'route',
    op,
    route: one,
  });
  const sweep: SteerEffect = { kind: 'sweep', app: app.name, way: to };
  const effects: SteerEffect[] = [];
  if (from.kind === 'direct') {
    effects.push(gate('direct', false));
    for (const one of prohibits(table)) effects.push(route('add', one));
  }
  if (to.kind === 'blocked') effects.push(gate('blocked', true));
  const through = (name: string) => throughRoutes(policy.proxies, table, name);
  if (from.kind === 'tunnel') {
    for (const one of through(from.proxy)) effects.push(route('delete', one));
  }
  effects.push(sweep);
  if (to.kind === 'tunnel') {
    for (const one of through(to.proxy)) effects.push(route('add', one));
  }
  if (to.kind === 'direct') {
    effects.push(gate('direct', true));
    for (const one of prohibits(table)) effects.push(route('delete', one));
  }
  if (from.kind === 'blocked') effects.push(gate('blocked', false));
  return effects;
}

/** What the connections have to look like, whatever they were: after a load. */
export function assertWays({ policy, choices }: Steering): SteerEffect[] {
  return policy.apps.map(({ name: app }): SteerEffect => {
    return { kind: 'sweep', app, way: choices.get(app)!.way };
  });
}

/** What the gates of the table have to say: after a load, and when the owner or the hour pauses an
 * app or resumes it. */
export function assertGates({ policy, choices }: Steering): GateEffect[] {
  return policy.apps.flatMap(({ name: app, direct }) => {
    const { way } = choices.get(app)!;
    return GATES.map((gate): GateEffect => {
      const on = gate === 'paused' ? direct !== undefined : way.kind === gate;
      return { kind: 'gate', app, gate, on };
    });
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
