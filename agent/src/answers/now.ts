// answers/now: what happens to a new flow of an app now: proxied, refused or direct. status, why and flows use
// the same words. Pure.
import { proxyOf } from '../account/proxy-of-flow.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { App, Policy } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { type Open, wayText } from '../tunnel/failover.ts';
import type { Choice } from '../tunnel/select.ts';
import type { Family } from '../wire/address.ts';

/** The present conditions besides the policy. */
export interface Present {
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
  /** Why they are not proxied, as a word and in words; null: they are. */
  readonly cause: Cause | null;
  readonly reason: string | null;
  /** Seconds until the pause ends; null: no pause, or one without an end. */
  readonly left_s: number | null;
}

/** paused, schedule: by the owner. lan: no lan device exists. table: the nftables table is missing. devices: no
 * device of the app is known yet. fallback: no proxy is up. stuck: the kernel refused the app's way. tunnel: the
 * tunnel's device is missing. ipv6: the proxy has no IPv6. */
export type Cause =
  | 'paused'
  | 'schedule'
  | 'lan'
  | 'table'
  | 'devices'
  | 'fallback'
  | 'stuck'
  | 'tunnel'
  | 'ipv6';

/** What happens to the first packet of a new flow of `app` with evidence. */
export function newFlows(
  app: Pick<App, 'name' | 'direct' | 'proxies' | 'devices' | 'macs'>,
  proxies: Policy['proxies'],
  present: Present,
  family: Family = 4,
): NowAnswer {
  if (present.tableless !== null)
    return none(present.tableless, 'table', 'the nftables table is missing');
  if (app.direct !== undefined) return byOwner(app.name, app.direct, present);
  if (present.lanless) return none('direct', 'lan', 'no device of list lan exists');
  if (app.devices.length === 0 && app.macs?.length === 0) {
    return none('direct', 'devices', 'none of its devices is known to DHCP yet');
  }
  const way = present.choices.get(app.name)?.way;
  const stuck = present.stuck.get(app.name);
  if (stuck !== undefined && present.open.get(app.name)?.kind === 'direct') {
    const goal = way === undefined ? 'a proxy' : wayText(way);
    return none('direct', 'stuck', `it could not be moved to ${goal}: ${stuck}`);
  }
  if (way?.kind === 'direct' && stuck === undefined)
    return none('direct', 'fallback', 'no proxy is up (fallback direct)');
  if (way?.kind === 'blocked')
    return none('refused', 'fallback', 'no proxy is up (fallback block)');
  if (way?.kind === 'direct')
    return none('refused', 'stuck', `the way past the proxies could not be opened: ${stuck}`);
  const name = way?.proxy ?? app.proxies[0] ?? '';
  if (!present.up.has(name)) {
    const what = `the tunnel device ${tunnelDevice(name)} is missing or down`;
    return none('refused', 'tunnel', what);
  }
  if (stuck !== undefined)
    return none('refused', 'stuck', `the way through ${name} could not be opened: ${stuck}`);
  const proxy = proxies.find((one) => one.name === name);
  if (family === 6 && proxy?.inner6 === undefined) {
    return none('refused', 'ipv6', `proxy ${name} offers no IPv6`);
  }
  return { state: 'proxied', proxy: name, cause: null, reason: null, left_s: null };
}

function none(state: 'refused' | 'direct', cause: Cause, reason: string): NowAnswer {
  return { state, proxy: null, cause, reason, left_s: null };
}

function byOwner(app: string, direct: string, { paused, now }: Present): NowAnswer {
  if (direct === 'schedule') return none('direct', 'schedule', 'outside the hours of its schedule');
  const until = paused.get(app) ?? null;
  if (until === null || until <= now)
    return none('direct', 'paused', 'paused by you until whp resume');
  const left = Math.round((until - now) / 1000);
  return { ...none('direct', 'paused', `paused by you for ${leftText(left)} more`), left_s: left };
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

/** The way in one word for a text. */
export function byText({ state, proxy }: WayAnswer): string {
  return proxy ?? state.toUpperCase();
}
