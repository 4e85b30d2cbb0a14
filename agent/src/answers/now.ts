// answers/now: what a packet of an app meets at this moment: the tunnel, a refusal, or the way
// beside the tunnel. status, why and flows say it with the same words. Pure. Before: daemon/serve.
import { proxyOf } from '../account/proxy-of-flow.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { App, Policy } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { type Open, wayText } from '../tunnel/failover.ts';
import type { Choice } from '../tunnel/select.ts';
import type { Family } from '../wire/address.ts';

/** What decides beside the policy. */
export interface Present {
  /** Milliseconds, monotonic. */
  readonly now: number;
  /** The way of each app, by its name. */
  readonly choices: ReadonlyMap<string, Choice>;
  /** Proxies whose tunnel device is there and set up. */
  readonly up: ReadonlySet<string>;
  /** Paused apps, until when; null: until resumed. */
  readonly paused: ReadonlyMap<string, number | null>;
  /** What happens to all flows while the nftables table is missing; null: it stands. */
  readonly tableless: 'refused' | 'direct' | null;
  /** Apps that could not be moved to the chosen way, with the reason; and the way that is open. */
  readonly stuck: ReadonlyMap<string, string>;
  readonly open: ReadonlyMap<string, Open>;
}

/** What an answer needs of a connection; the counters may be one sum. */
export interface FlowEntry extends Pick<Connection, 'original' | 'mark'> {
  readonly reply?: Connection['reply'];
  /** Of the ledger's flows: which way it goes, as account/proxy-of-flow says it. */
  readonly proxy?: string;
  readonly packets?: Connection['packets'] | number;
  readonly bytes?: Connection['bytes'];
}

export interface NowAnswer {
  readonly state: 'proxied' | 'refused' | 'direct';
  /** null: by none. */
  readonly proxy: string | null;
  /** Why it is not proxied; '' when it is. */
  readonly reason: string;
}

/** What the first packet of a new flow of `app` meets, if its evidence holds. */
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

/** Which way a flow that the kernel lists with an app's mark goes: a proxy's name, "direct", or "none":
 * refused. */
export function byWhich(
  entry: FlowEntry,
  app: Pick<App, 'name'>,
  proxies: Policy['proxies'],
  { choices }: Pick<Present, 'choices'>,
): string {
  if (entry.proxy !== undefined) return entry.proxy;
  return proxyOf(proxies, choices.get(app.name)?.way, entry.reply?.destination ?? '');
}

/** The same for people. */
export function byText(by: string): string {
  return by === 'direct' ? 'DIRECT' : by === 'none' ? 'REFUSED' : by;
}
