// ruleset/context: what every compile file needs to know about one application and about the
// whole, worked out once from the policy.
import { foreignBits, markOf } from '../policy/marks.ts';
import type { App, Globals, Policy } from '../policy/policy.ts';
import { type Family, parseCidr } from '../wire/address.ts';
import type { Expression, Statement } from './model.ts';
import { type AppFeed, logPrefix, type SetKind, setName, tunnelDevice } from './names.ts';
import { inSet } from './terms.ts';

/** Bytes of a packet that a feed about headers copies: IPv6 with options and a port pair. */
const HEADER_SNAPLEN = 128;

export interface Context {
  readonly policy: Policy;
  readonly globals: Globals;
  /** All tunnel devices. */
  readonly tunnels: readonly string[];
}

export function contextOf(policy: Policy): Context {
  return {
    policy,
    globals: policy.globals,
    tunnels: policy.proxies.map((proxy) => tunnelDevice(proxy.name)),
  };
}

/** Tunnel devices the application may use: those of its proxies that exist. */
export function tunnelsOf(context: Context, app: App): string[] {
  return app.proxies.map(tunnelDevice).filter((device) => context.tunnels.includes(device));
}

/** Sets our bits of the packet mark or conntrack mark, and no others. */
export function setMark(context: Context, target: 'meta' | 'ct', slot: number): Statement {
  const { mask } = context.globals;
  return { kind: 'mark', target, keep: foreignBits(mask), value: markOf(mask, slot) };
}

export function logHeaders(context: Context, feed: AppFeed, app: App): Statement {
  const prefix = logPrefix(feed, app.name);
  return { kind: 'log', prefix, group: context.globals.group, snaplen: HEADER_SNAPLEN };
}

/** For feeds whose payload is read: the packet as a whole. */
export function logWhole(context: Context, prefix: string): Statement {
  return { kind: 'log', prefix, group: context.globals.group, snaplen: null };
}

export function appSet(app: App, kind: SetKind, family: Family): string {
  return setName(app.name, kind, family);
}

/**
 * The condition that `address` is a device the application is limited to: nothing when it applies
 * to all, null when it applies to none of this family.
 */
export function deviceGuard(app: App, address: Expression, family: Family): Statement[] | null {
  if (app.devices.length === 0) return [];
  const some = app.devices.some((block) => parseCidr(block)?.family === family);
  return some ? [inSet(address, appSet(app, 'device', family))] : null;
}
