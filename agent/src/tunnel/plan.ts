// tunnel/plan: policy in, the tunnel devices, inner addresses, routes and ip rules it needs out.
// reconcile/diff compares the answer with what the kernel has. Pure.
import { markOf, UNDECIDED, WATCHED } from '../policy/marks.ts';
import type { App, Policy, Proxy } from '../policy/policy.ts';
import type { Desired, GreLink, LinkAddress, Piece, Route, Rule } from '../reconcile/desired.ts';
import { tunnelDevice } from '../ruleset/names.ts';

/** Outer header and GRE header (RFC 2784); a key is four more (RFC 2890). Over IPv6 the kernel adds
 * a destination option of 8 bytes, the encapsulation limit (RFC 2473 section 4.1.1). */
const OVERHEAD = { 4: 20 + 4, 6: 40 + 8 + 4 } as const;
const GRE_KEY = 4;
/** An MTU that passes when nothing is known of the path: PPPoE's 1492 less the tunnel. */
const WAN_MTU_UNKNOWN = 1492;
/** Behind every default route through a device: the kernel takes it when the device is gone. */
export const PROHIBIT_METRIC = 0xffffffff;
const TUNNEL_METRIC = 1;
const FAMILIES = [4, 6] as const;

/** Every device with this prefix is ours. */
export function isLinkName(name: string): boolean {
  return name.startsWith(tunnelDevice(''));
}

/** Bytes of a packet that fit through the tunnel. wanMtu null: not known. */
export function tunnelMtu(proxy: Proxy, wanMtu: number | null): number {
  const outer = OVERHEAD[proxy.address.includes(':') ? 6 : 4];
  const overhead = outer + (proxy.key === null ? 0 : GRE_KEY);
  return proxy.mtu ?? (wanMtu ?? WAN_MTU_UNKNOWN) - overhead;
}

function tunnel(proxy: Proxy): [GreLink, LinkAddress] {
  const name = tunnelDevice(proxy.name);
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
  ];
}

/**
 * The table of one app: a default through its first proxy (IPv4), and behind it a prohibit, so
 * that a marked packet never falls through to the main table. IPv6 has the prohibit alone: the
 * device is told at once and falls back to IPv4, which goes through the tunnel.
 */
function routes(app: App, table: number, proxies: readonly Proxy[]): Route[] {
  const first = proxies.find((proxy) => proxy.name === app.proxies[0]);
  const through: Route[] =
    first === undefined
      ? []
      : [
          {
            kind: 'route',
            family: 4,
            table,
            link: tunnelDevice(first.name),
            metric: TUNNEL_METRIC,
          },
        ];
  return [...through, prohibit(4, table), prohibit(6, table)];
}

function prohibit(family: 4 | 6, table: number): Route {
  return { kind: 'route', family, table, link: null, metric: PROHIBIT_METRIC };
}

/**
 * Slots of direct flows whose packets have to be seen, with nothing but the prohibit: no packet is
 * routed by these marks, a flow table that looks for the way back finds none (ruleset/compile-forward).
 */
const NOWHERE = [UNDECIDED, WATCHED];

/** What the policy needs. Proxies whose MTU is null get one that fits through PPPoE. */
export function plan(policy: Policy): Desired {
  const { preference, table, mask } = policy.globals;
  const pieces: Piece[] = policy.proxies.flatMap(tunnel);
  for (const app of policy.apps) pieces.push(...routes(app, table + app.slot, policy.proxies));
  const nowhere = policy.apps.length === 0 ? [] : NOWHERE;
  for (const slot of nowhere) pieces.push(...FAMILIES.map((one) => prohibit(one, table + slot)));
  for (const slot of [...policy.apps.map((app) => app.slot), ...nowhere]) {
    for (const family of FAMILIES) {
      const rule: Rule = {
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
