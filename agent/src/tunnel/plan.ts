// tunnel/plan: policy in, the tunnel devices, inner addresses, routes and ip rules it needs out.
// reconcile/diff compares the answer with what the kernel has. Pure.
import type { App, Policy, Proxy } from '../policy/policy.ts';
import type { Desired, GreLink, LinkAddress, Piece, Route, Rule } from '../reconcile/desired.ts';

/** Outer IPv4 header and GRE header; four more bytes for a key (RFC 2784, RFC 2890). */
const GRE_OVERHEAD = 24;
const GRE_KEY = 4;
/** An MTU that passes when nothing is known of the path: PPPoE's 1492 less the tunnel. */
const WAN_MTU_UNKNOWN = 1492;
/** Behind every default route through a device: the kernel takes it when the device is gone. */
export const PROHIBIT_METRIC = 0xffffffff;
const TUNNEL_METRIC = 1;

export function linkName(proxy: Pick<Proxy, 'name'>): string {
  return `whp-${proxy.name}`;
}

/** Bytes of a packet that fit through the tunnel. wanMtu null: not known. */
export function tunnelMtu(proxy: Proxy, wanMtu: number | null): number {
  const overhead = GRE_OVERHEAD + (proxy.key === null ? 0 : GRE_KEY);
  return proxy.mtu ?? (wanMtu ?? WAN_MTU_UNKNOWN) - overhead;
}

/** The mark of one app's slot under a mask, e.g. slot 1 of 0x0f000000 is 0x01000000. */
export function slotMark(slot: number, mask: number): number {
  const lowest = (mask & -mask) >>> 0;
  return (slot * lowest) >>> 0;
}

function tunnel(proxy: Proxy, wanMtu: number | null): [GreLink, LinkAddress] {
  const name = linkName(proxy);
  return [
    {
      kind: 'link',
      name,
      local: null,
      remote: proxy.address,
      key: proxy.key,
      mtu: tunnelMtu(proxy, wanMtu),
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
  const prohibit = (family: 4 | 6): Route => ({
    kind: 'route',
    family,
    table,
    link: null,
    metric: PROHIBIT_METRIC,
  });
  const through: Route[] =
    first === undefined
      ? []
      : [{ kind: 'route', family: 4, table, link: linkName(first), metric: TUNNEL_METRIC }];
  return [...through, prohibit(4), prohibit(6)];
}

export function plan(policy: Policy, wanMtu: number | null): Desired {
  const { preference, table, mask } = policy.globals;
  const pieces: Piece[] = policy.proxies.flatMap((proxy) => tunnel(proxy, wanMtu));
  for (const app of policy.apps) pieces.push(...routes(app, table + app.slot, policy.proxies));
  for (const app of policy.apps) {
    for (const family of [4, 6] as const) {
      const rule: Rule = {
        kind: 'rule',
        family,
        preference: preference + app.slot,
        mark: slotMark(app.slot, mask),
        mask,
        table: table + app.slot,
      };
      pieces.push(rule);
    }
  }
  return pieces;
}
