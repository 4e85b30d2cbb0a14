// tunnel/select: which way each app's flows take now, from the health of its proxies and the
// owner's order of preference. Leaves a proxy only when it is down (or clearly worse than another),
// and goes back to a better one only after that has stood for a while: no flapping. Pure.
import { type Health, lossOf } from './health.ts';

/** Where the flows of an app go: through a proxy, nowhere (refused at once), or past the tunnels
 * because the owner chose `fallback direct`. */
export type Way =
  | { readonly kind: 'tunnel'; readonly proxy: string }
  | { readonly kind: 'blocked' }
  | { readonly kind: 'direct' };

/** up: on the proxy that comes first. failover: on a later one. failback: on a later one while the
 * better one, answering again, has to last. probing: on one that nothing is known of, or in doubt.
 * down: refused. direct: past the tunnels. */
export type PathState = 'up' | 'probing' | 'failover' | 'failback' | 'down' | 'direct';

/** A better proxy has to be up for so long, milliseconds, before live flows are moved back. */
const FAILBACK_HOLD = 30000;
const MOST_HOLD = 480000;
/** Failing over again within this time after a failback doubles the hold. */
const RELAPSE = 600000;
/** A proxy that loses this share is left for one that does not, after POOR_HOLD of it. */
const POOR_LOSS = 0.2;
const GOOD_LOSS = 0.05;
const POOR_HOLD = 10000;

export interface Choice {
  readonly way: Way;
  readonly state: PathState;
  /** When the way, and when the state, began. */
  readonly since: number;
  /** How long a better proxy has to last; grows with relapses. */
  readonly hold: number;
  /** When flows were last moved back to a better proxy; null: never. */
  readonly failedBack: number | null;
  /** Since when the proxy in use loses much while another does not; null: it does not. */
  readonly poorSince: number | null;
}

export interface Chooser {
  /** Names of eligible proxies, best first. */
  readonly proxies: readonly string[];
  readonly fallback: 'block' | 'direct';
}

/** The first choice: where the kernel's route leads already, else the first in the list, at once:
 * what starts before the first probe is answered must not be refused. */
export function firstChoice(chooser: Chooser, standing: string | null, now: number): Choice {
  const proxy = chooser.proxies.find((name) => name === standing) ?? chooser.proxies[0] ?? null;
  const way: Way = proxy === null ? closed(chooser) : { kind: 'tunnel', proxy };
  const state = proxy === null ? closedState(chooser) : 'probing';
  return { way, state, since: now, hold: FAILBACK_HOLD, failedBack: null, poorSince: null };
}

function closed(chooser: Chooser): Way {
  return { kind: chooser.fallback === 'direct' ? 'direct' : 'blocked' };
}

function closedState(chooser: Chooser): PathState {
  return chooser.fallback === 'direct' ? 'direct' : 'down';
}

/** The choice at `now`. The same object when nothing changed. */
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
  // A lost probe now and then takes a proxy into doubt and out again: what counts is since when it
  // has not been down.
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

/** The proxy in use is down or no longer eligible. */
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

/** Longer each time, while the proxy that flows went back to does not last. */
function holdAfter(before: Choice, now: number): number {
  const relapsed = before.failedBack !== null && now - before.failedBack < RELAPSE;
  return relapsed ? Math.min(MOST_HOLD, before.hold * 2) : FAILBACK_HOLD;
}

function moved(chooser: Chooser, before: Choice, to: Health, now: number): Choice {
  const way: Way = { kind: 'tunnel', proxy: to.proxy };
  return { ...before, way, state: stateOn(chooser, to, false), since: now, poorSince: null };
}

function stateOn(chooser: Chooser, using: Health, betterIsBack: boolean): PathState {
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
