// tunnel/select: chooses the way of each app from the health of its proxies and the owner's order. An app leaves a
// proxy only if that is down, or clearly worse than another, and returns to a better one only after that has been up
// for some time. Pure.
import { type Health, lossOf } from './health.ts';

/** Where the flows of an app go: through a proxy, rejected at once, or past the tunnels (only with `fallback
 * direct`). */
export type Way =
  | { readonly kind: 'tunnel'; readonly proxy: string }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'direct' };

/** up: on the first proxy. failover: on a later one. failback: on a later one while a better one is up but not yet
 * for long enough. probing: on the first one in doubt, or before any probe was answered. down: rejected. direct:
 * past the tunnels. */
export type WayState = 'up' | 'probing' | 'failover' | 'failback' | 'down' | 'direct';

/** How long a better proxy must be up before live flows are moved back, milliseconds. */
const FAILBACK_HOLD = 30000;
const MOST_HOLD = 480000;
/** Another failover within this time after a failback doubles the hold. */
const RELAPSE = 600000;
/** A proxy with this loss is left for one with at most GOOD_LOSS, after POOR_HOLD milliseconds. */
const POOR_LOSS = 0.2;
const GOOD_LOSS = 0.05;
const POOR_HOLD = 10000;

export interface Choice {
  readonly way: Way;
  readonly state: WayState;
  /** Start of the way and state, milliseconds. */
  readonly since: number;
  /** How long a better proxy must be up, milliseconds; doubled by a relapse. */
  readonly hold: number;
  /** When flows were last moved back to a better proxy; null: never. */
  readonly failedBack: number | null;
  /** Since when the used proxy has POOR_LOSS while another has GOOD_LOSS; null: it has not. */
  readonly poorSince: number | null;
}

export interface Chooser {
  /** Names of eligible proxies, best first. */
  readonly proxies: readonly string[];
  readonly fallback: 'block' | 'direct';
}

/** The first choice: the proxy of the kernel's existing route, else the first in the list. Made before the first
 * probe is answered, so that flows at the start are not rejected. */
export function firstChoice(chooser: Chooser, routed: string | null, now: number): Choice {
  const proxy = chooser.proxies.find((name) => name === routed) ?? chooser.proxies[0] ?? null;
  const way: Way = proxy === null ? closed(chooser) : { kind: 'tunnel', proxy };
  const state = proxy === null ? closedState(chooser) : 'probing';
  return { way, state, since: now, hold: FAILBACK_HOLD, failedBack: null, poorSince: null };
}

function closed(chooser: Chooser): Way {
  return { kind: chooser.fallback === 'direct' ? 'direct' : 'blocked' };
}

function closedState(chooser: Chooser): WayState {
  return chooser.fallback === 'direct' ? 'direct' : 'down';
}

/** The choice at `now`; the same object if nothing changed. */
export function choose(
  chooser: Chooser,
  before: Choice,
  healths: ReadonlyMap<string, Health>,
  now: number,
): Choice {
  const current = before.way.kind === 'tunnel' ? before.way.proxy : null;
  const known = chooser.proxies.map((name) => healths.get(name)).filter((one) => one !== undefined);
  const using = known.find(({ proxy }) => proxy === current);
  if (using === undefined || !using.usable) return replace(chooser, before, known, using, now);
  const better = known.slice(0, known.indexOf(using)).filter(isSteady);
  // A single lost probe takes a proxy to `probing` and back, so the hold counts from `cameUp`, not from the state's
  // start.
  const lasting = better.find(({ cameUp }) => now - cameUp >= before.hold);
  if (lasting !== undefined) {
    return { ...moved(chooser, before, lasting, now), failedBack: now };
  }
  const poorSince = poor(using, known) ? (before.poorSince ?? now) : null;
  if (poorSince !== null && now - poorSince >= POOR_HOLD) {
    return moved(chooser, before, best(known, using)!, now);
  }
  return same(
    { ...before, state: stateOn(chooser, using, better.length > 0), poorSince },
    before,
    now,
  );
}

function isSteady(health: Health): boolean {
  return health.state === 'up' && lossOf(health) <= GOOD_LOSS;
}

function poor(using: Health, known: readonly Health[]): boolean {
  return lossOf(using) >= POOR_LOSS && best(known, using) !== undefined;
}

function best(known: readonly Health[], besides: Health | undefined): Health | undefined {
  return known.find((one) => one !== besides && isSteady(one));
}

/** The used proxy is down or no longer eligible. */
function replace(
  chooser: Chooser,
  before: Choice,
  known: readonly Health[],
  failed: Health | undefined,
  now: number,
): Choice {
  const others = known.filter((one) => one !== failed);
  const next = others.find(({ state }) => state === 'up') ?? others.find(({ usable }) => usable);
  const hold = failed === undefined ? before.hold : holdAfter(before, now);
  if (next !== undefined) return { ...moved(chooser, before, next, now), hold };
  const way = closed(chooser);
  return same({ ...before, way, state: closedState(chooser), hold, poorSince: null }, before, now);
}

/** Doubles the hold each time the proxy that flows were moved back to fails again. */
function holdAfter(before: Choice, now: number): number {
  const relapsed = before.failedBack !== null && now - before.failedBack < RELAPSE;
  return relapsed ? Math.min(MOST_HOLD, before.hold * 2) : FAILBACK_HOLD;
}

function moved(chooser: Chooser, before: Choice, to: Health, now: number): Choice {
  const way: Way = { kind: 'tunnel', proxy: to.proxy };
  return { ...before, way, state: stateOn(chooser, to, false), since: now, poorSince: null };
}

function stateOn(chooser: Chooser, using: Health, betterIsBack: boolean): WayState {
  if (using.proxy !== chooser.proxies[0]) return betterIsBack ? 'failback' : 'failover';
  return using.state === 'up' ? 'up' : 'probing';
}

function same(after: Choice, before: Choice, now: number): Choice {
  if (!sameWay(after.way, before.way) || after.state !== before.state) {
    return { ...after, since: now };
  }
  return after.poorSince === before.poorSince && after.hold === before.hold ? before : after;
}

export function sameWay(a: Way, b: Way): boolean {
  return a.kind === b.kind && (a.kind !== 'tunnel' || b.kind !== 'tunnel' || a.proxy === b.proxy);
}
