// account/proxy-of-flow: the proxy of an existing connection; after a failover it can differ from the app's.
import type { Proxy } from '../policy/policy.ts';
import type { Way } from '../tunnel/select.ts';

/**
 * Name of the proxy whose inner address is `back`, the destination of the reply direction. A connection without
 * source NAT matches none: then the app's current proxy, or "direct" or "none".
 */
export function proxyOf(
  proxies: readonly Pick<Proxy, 'name' | 'local' | 'inner6'>[],
  way: Way | undefined,
  back: string,
): string {
  const now = way?.kind === 'tunnel' ? way.proxy : way?.kind === 'direct' ? 'direct' : 'none';
  const fits = proxies.filter(({ local, inner6 }) => back === local || back === inner6?.local);
  return fits.length === 0 || fits.some(({ name }) => name === now) ? now : fits[0]!.name;
}
