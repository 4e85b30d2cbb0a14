// answers/now: what happens to a new flow of an app now: proxied, refused or direct. status, why and flows use
// the same words. Pure.
import { proxyOf } from '../account/proxy-of-flow.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { App, Policy } from '../policy/policy.ts';
import type { StopCause } from '../preflight/look.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { splitFix } from '../syntax/fix.ts';
import { type Open, wayText } from '../tunnel/failover.ts';
import type { Choice } from '../tunnel/select.ts';
import type { Family } from '../wire/address.ts';
import { type Standing, type Stoppable, stopped, strayOf, unmetStops } from './stops.ts';

/** The present conditions besides the policy. */
export interface Present extends Standing {
  /** Milliseconds, monotonic. */
  readonly now: number;
  /** The failover choice of each app, by its name. */
  readonly choices: ReadonlyMap<string, Choice>;
  /** Proxies whose tunnel device exists and is up. */
  readonly up: ReadonlySet<string>;
  /** End of the pause of each paused app; null: until resumed. */
  readonly paused: ReadonlyMap<string, number | null>;
  /** Whether no device of `list lan` exists: no packet of the home meets the rules. */
  readonly lanless: boolean;
  /** What happens to all flows while the nftables table is missing; null: the table is loaded. */
  readonly tableless: 'refused' | 'direct' | null;
  /** Why an app could not be moved to its chosen way; and the way that is open for it. */
  readonly stuck: ReadonlyMap<string, string>;
  readonly open: ReadonlyMap<string, Open>;
}

/** The fields of a connection that answers need; counters may be one sum for both directions. */
export interface FlowEntry extends Pick<Connection, 'original' | 'mark'> {
  readonly reply?: Connection['reply'];
  /** Only for flows of the ledger: its proxy, from account/proxy-of-flow. */
  readonly proxy?: string;
  readonly packets?: Connection['packets'] | number;
  readonly bytes?: Connection['bytes'];
}

/** What happens to new connections of an app. */
export interface NowAnswer {
  readonly state: 'proxied' | 'refused' | 'direct';
  /** null: not proxied. */
  readonly proxy: string | null;
  /** Why they are not proxied, or not all of them: as a word and in words; null: they are. */
  readonly cause: Cause | null;
  readonly reason: string | null;
  /** A command that ends it; null: none is needed. */
  readonly fix: string | null;
  /** Proxied, but not all of them: cause and reason say which are not. */
  readonly partly: boolean;
  /** Seconds until the pause ends; null: no pause, or one without an end. */
  readonly left_s: number | null;
}

/** paused, schedule: by the owner. table: the nftables table is missing. lan: no lan device exists, or no packet
 * comes in by it. devices: DHCP does not know a device of the app. fallback: no proxy is up. stuck: the kernel refused
 * the app's way. tunnel: the tunnel's device is missing. ipv6: the proxy has no IPv6. */
export type Cause =
  | 'paused'
  | 'schedule'
  | 'table'
  | 'fallback'
  | 'stuck'
  | 'tunnel'
  | 'ipv6'
  | StopCause;

/** What happens to the first packet of a new flow of `app` with evidence. `source`: of this device; null: of any. */
export function newFlows(
  app: App,
  proxies: Policy['proxies'],
  present: Present,
  family: Family = 4,
  source: string | null = null,
): NowAnswer {
  if (present.tableless !== null)
    return none(present.tableless, 'table', 'the nftables table is missing', RELOAD);
  if (app.direct !== undefined) return byOwner(app.name, app.direct, present);
  const asked = { app: app.name, family, source };
  const before = unmet(app, present, asked);
  if (before !== null) return before;
  const way = present.choices.get(app.name)?.way;
  const stuck = present.stuck.get(app.name);
  const byProxy = way?.kind === 'tunnel' || way === undefined;
  const name = way?.kind === 'tunnel' ? way.proxy : (app.proxies[0] ?? '');
  if (stuck !== undefined && present.open.get(app.name)?.kind === 'direct') {
    const goal = way === undefined ? 'a proxy' : wayText(way);
    return noWay('direct', `it could not be moved to ${goal}`, stuck);
  }
  if (!byProxy) return withoutProxy(way.kind, stuck);
  if (!present.up.has(name)) {
    const what = `the tunnel device ${tunnelDevice(name)} is missing or down`;
    return none('refused', 'tunnel', what);
  }
  if (stuck !== undefined)
    return noWay('refused', `the way through ${name} could not be opened`, stuck);
  const proxy = proxies.find((one) => one.name === name);
  if (family === 6 && proxy?.inner6 === undefined) {
    return none('refused', 'ipv6', `proxy ${name} offers no IPv6`);
  }
  // A device that is named has met its app.
  const stops = source === null ? [...present.stops, ...unmetStops(app)] : present.stops;
  const found = stopped({ ...present, stops }, { ...asked, proxy: name });
  if (found === null)
    return { ...ALL, state: 'proxied', proxy: name, cause: null, reason: null, fix: null };
  const { stop, partly } = found;
  const told = none(stop.state, stop.cause, stop.reason, stop.fix);
  return partly ? { ...told, state: 'proxied', proxy: name, partly } : told;
}

const RELOAD = 'whp reload';
const ALL = { partly: false, left_s: null };

function none(
  state: 'refused' | 'direct',
  cause: Cause,
  reason: string,
  fix = 'whp check',
): NowAnswer {
  return { ...ALL, state, proxy: null, cause, reason, fix };
}

/** `stuck` may have commands at its end. */
function noWay(state: 'refused' | 'direct', what: string, stuck: string): NowAnswer {
  const told = splitFix(stuck);
  return none(state, 'stuck', `${what}: ${told.what}`, told.fix ?? RELOAD);
}

function withoutProxy(kind: 'direct' | 'blocked', stuck?: string): NowAnswer {
  const fix = 'whp proxy list';
  if (kind === 'blocked')
    return none('refused', 'fallback', 'no proxy is up (fallback block)', fix);
  if (stuck !== undefined)
    return noWay('refused', 'the way past the proxies could not be opened', stuck);
  return none('direct', 'fallback', 'no proxy is up (fallback direct)', fix);
}

/** Why new flows do not meet the app's rules, whatever way it has; null: they do, or some of them. */
function unmet(app: App, present: Present, asked: Stoppable): NowAnswer | null {
  if (present.lanless) return none('direct', 'lan', 'no device of list lan exists');
  const found = stopped(present, { ...asked, source: null }, ['lan', 'way_out']);
  if (found?.partly === false) {
    const { cause, reason, fix } = found.stop;
    return none('direct', cause, reason, fix);
  }
  const stray = strayOf(present, asked.source);
  if (stray !== null)
    return none('direct', 'lan', `its packets come in by ${stray}, which is in no list lan`);
  if (app.devices.length === 0 && app.macs?.length === 0)
    return none('direct', 'devices', 'none of its devices is known to DHCP yet', 'whp devices');
  return null;
}

function byOwner(app: string, direct: string, { paused, now }: Present): NowAnswer {
  if (direct === 'schedule')
    return { ...none('direct', 'schedule', 'outside the hours of its schedule'), fix: null };
  const until = paused.get(app) ?? null;
  const fix = `whp resume ${app}`;
  if (until === null || until <= now)
    return none('direct', 'paused', 'paused by you until whp resume', fix);
  const left = Math.round((until - now) / 1000);
  const reason = `paused by you for ${leftText(left)} more`;
  return { ...none('direct', 'paused', reason, fix), left_s: left };
}

/** "90 s", "10 min" or "2 h". */
function leftText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** The way of a flow with an app's mark: a proxy's name, "direct", or "none" (refused). */
export function byWhich(
  entry: FlowEntry,
  app: Pick<App, 'name'>,
  proxies: Policy['proxies'],
  { choices }: Pick<Present, 'choices'>,
): string {
  if (entry.proxy !== undefined) return entry.proxy;
  return proxyOf(proxies, choices.get(app.name)?.way, entry.reply?.destination ?? '');
}

/** Where a flow goes. */
export type WayAnswer = Pick<NowAnswer, 'state' | 'proxy'>;

/** The way that `byWhich` names. */
export function wayOf(by: string): WayAnswer {
  if (by === 'direct') return { state: 'direct', proxy: null };
  return by === 'none' ? { state: 'refused', proxy: null } : { state: 'proxied', proxy: by };
}

/** Where the packets of an open flow of `app` go now, which had this way; with the reason if that is no more so. */
export function openWay(
  way: WayAnswer,
  app: string,
  source: string,
  present: Present,
): WayAnswer & { readonly reason?: string } {
  if (way.state !== 'proxied') return way;
  const stray = strayOf(present, source);
  if (stray !== null) {
    const reason = `its packets come in by ${stray}, which is in no list lan, and leave by the WAN with the address of the tunnel: nobody answers them`;
    return { state: 'direct', proxy: null, reason };
  }
  const family = source.includes(':') ? 6 : 4;
  const open = present.stops.filter((one) => one.open === true);
  const asked = { app, family, source, proxy: way.proxy! } as const;
  const found = stopped({ ...present, stops: open }, asked);
  if (found === null || found.partly) return way;
  const { state, reason } = found.stop;
  return { state, proxy: null, reason };
}

/** The way in one word for a text. */
export function byText({ state, proxy }: WayAnswer): string {
  return proxy ?? state.toUpperCase();
}
