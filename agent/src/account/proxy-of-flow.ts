// account/proxy-of-flow: the proxy a connection goes through, which a failover may have changed. Pure.
import type { Proxy } from '../policy/policy.ts';
import type { Way } from '../tunnel/select.ts';

/**
 * Its name: the one whose inner address the connection's answers come to (`back`, the destination of
 * the reply direction). A connection that was never translated has none of these: then the way its
 * app takes now; "direct" or "none" where that is no tunnel.
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
