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

export interface NowAnswer {
  readonly state: 'proxied' | 'refused' | 'direct';
  /** null: not proxied. */
  readonly proxy: string | null;
  /** Why it is not proxied; '' if it is. */
  readonly reason: string;
}

/** What happens to the first packet of a new flow of `app` with evidence. */
export function newFlows(
  app: Pick<App, 'name' | 'direct' | 'proxies' | 'devices' | 'macs'>,
  proxies: Policy['proxies'],
  present: Present,
  family: Family = 4,
): NowAnswer {
  if (present.tableless !== null) return none(present.tableless, 'the nftables table is missing');
  if (app.direct !== undefined) return none('direct', ownersReason(app.direct));
  if (app.devices.length === 0 && app.macs?.length === 0) {
    return none('direct', 'none of its devices is known to DHCP yet');
  }
  const way = present.choices.get(app.name)?.way;
  const stuck = present.stuck.get(app.name);
  if (stuck !== undefined && present.open.get(app.name)?.kind === 'direct')
    return none(
      'direct',
      `it could not be moved to ${way === undefined ? 'a proxy' : wayText(way)}: ${stuck}`,
    );
  if (way?.kind === 'direct' && stuck === undefined)
    return none('direct', 'no proxy is up (fallback direct)');
  if (way?.kind === 'blocked') return none('refused', 'no proxy is up (fallback block)');
  if (way?.kind === 'direct')
    return none('refused', `the way past the proxies could not be opened: ${stuck}`);
  const name = way?.proxy ?? app.proxies[0] ?? '';
  if (!present.up.has(name)) {
    return none('refused', `the tunnel device ${tunnelDevice(name)} is missing or down`);
  }
  if (stuck !== undefined)
    return none('refused', `the way through ${name} could not be opened: ${stuck}`);
  const proxy = proxies.find((one) => one.name === name);
  if (family === 6 && proxy?.inner6 === undefined) {
    return none('refused', `proxy ${name} offers no IPv6`);
  }
  return { state: 'proxied', proxy: name, reason: '' };
}

function none(state: 'refused' | 'direct', reason: string): NowAnswer {
  return { state, proxy: null, reason };
}

function ownersReason(direct: string): string {
  return direct === 'schedule' ? 'these are not its hours' : 'it is paused';
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

/** The word of `byWhich` for a text. */
export function byText(by: string): string {
  return by === 'direct' ? 'DIRECT' : by === 'none' ? 'REFUSED' : by;
}
