// tunnel/plan: computes the tunnel devices, inner addresses, routes and ip rules that a policy needs. reconcile/diff
// compares them with the kernel's.

import { markOf } from '../policy/marks.ts';
import type { App, Policy, Proxy } from '../policy/policy.ts';
import type { GreLink, IpRule, LinkAddress, PathPiece, Route } from '../reconcile/desired.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { FAMILIES, familyIn } from '../wire/address.ts';
import type { Way } from './select.ts';

/** Outer header and GRE header (RFC 2784); a key adds four bytes (RFC 2890). Over IPv6 the kernel adds a
 * destination option of 8 bytes, the encapsulation limit (RFC 2473 section 4.1.1). */
const OVERHEAD = { 4: 20 + 4, 6: 40 + 8 + 4 } as const;
const GRE_KEY = 4;
/** MTU of the path if unknown: PPPoE's 1492. */
const WAN_MTU_UNKNOWN = 1492;
/** Metric of the prohibit: the largest, so that it applies only without the route through the device. */
const PROHIBIT_METRIC = 0xffffffff;
const TUNNEL_METRIC = 1;

/** Bytes of the largest packet that fits through the tunnel. wanMtu null: unknown. */
export function tunnelMtu(proxy: Proxy, wanMtu: number | null): number {
  const outer = OVERHEAD[familyIn(proxy.address)];
  const overhead = outer + (proxy.key === null ? 0 : GRE_KEY);
  return proxy.mtu ?? (wanMtu ?? WAN_MTU_UNKNOWN) - overhead;
}

function tunnel(proxy: Proxy): [GreLink, ...LinkAddress[]] {
  const name = tunnelDevice(proxy.name);
  const { inner6 } = proxy;
  const six: LinkAddress[] =
    inner6 === undefined
      ? []
      : [{ kind: 'address', link: name, address: inner6.local, peer: inner6.remote }];
  return [
    {
      kind: 'link',
      name,
      local: null,
      remote: proxy.address,
      key: proxy.key,
      mtu: tunnelMtu(proxy, null),
    },
    { kind: 'address', link: name, address: proxy.local, peer: proxy.remote },
    ...six,
  ];
}

/** Default routes of an app's table through the proxy `name`, in the families that it offers. */
export function throughRoutes(
  proxies: readonly Proxy[],
  table: number,
  name: string,
): readonly Route[] {
  const offers6 = proxies.some((one) => one.name === name && one.inner6 !== undefined);
  const families: readonly (4 | 6)[] = offers6 ? FAMILIES : [4];
  const link = tunnelDevice(name);
  return families.map((family) => ({ kind: 'route', family, table, link, metric: TUNNEL_METRIC }));
}

/**
 * The prohibit routes of an app's table: a marked packet never falls through to the main table. Where the proxy
 * offers no IPv6, only this route exists: the device gets an error at once and falls back to IPv4.
 */
export function prohibits(table: number): Route[] {
  return FAMILIES.map((family) => ({
    kind: 'route',
    family,
    table,
    link: null,
    metric: PROHIBIT_METRIC,
  }));
}

/** Routes of one app's table. Empty only for `direct`: the lookup then continues with the main table. */
function routes(proxies: readonly Proxy[], table: number, way: Way): Route[] {
  if (way.kind === 'direct') return [];
  const through = way.kind === 'tunnel' ? throughRoutes(proxies, table, way.proxy) : [];
  return [...through, ...prohibits(table)];
}

/** Way of an app without a choice: the first of its proxies that exists. */
function firstWay(app: App, proxies: readonly Proxy[]): Way {
  const proxy = app.proxies.find((name) => proxies.some((one) => one.name === name));
  return proxy === undefined ? { kind: 'blocked' } : { kind: 'tunnel', proxy };
}

/** The proxy of the app's route in the kernel, or null. */
export function routedProxy(
  policy: Policy,
  app: App,
  realized: readonly PathPiece[],
): string | null {
  const table = policy.globals.table + app.slot;
  const route = realized.find(
    (piece) => piece.kind === 'route' && piece.table === table && piece.link !== null,
  );
  const link = route?.kind === 'route' ? route.link : null;
  return policy.proxies.find(({ name }) => tunnelDevice(name) === link)?.name ?? null;
}

/** All pieces that the policy needs, with each app on its way of `ways`. A proxy without an MTU gets one that fits
 * through PPPoE. */
export function plan(
  policy: Policy,
  ways: ReadonlyMap<string, Way> = new Map(),
): readonly PathPiece[] {
  const { preference, table, mask } = policy.globals;
  const pieces: PathPiece[] = policy.proxies.flatMap(tunnel);
  for (const app of policy.apps) {
    const way = ways.get(app.name) ?? firstWay(app, policy.proxies);
    pieces.push(...routes(policy.proxies, table + app.slot, way));
  }
  for (const { slot } of policy.apps) {
    for (const family of FAMILIES) {
      const rule: IpRule = {
        kind: 'rule',
        family,
        preference: preference + slot,
        mark: markOf(mask, slot),
        mask,
        table: table + slot,
      };
      pieces.push(rule);
    }
  }
  return pieces;
}
