// ruleset/compile/context: what every compile file needs to know about one application and about the
// whole, worked out once from the policy.
import { foreignBits, markOf } from '../../policy/marks.ts';
import type { App, Globals, Policy } from '../../policy/policy.ts';
import { type Family, parseCidr } from '../../wire/address.ts';
import type { Expression, Statement } from '../model.ts';
import {
  type AppFeed,
  gateName,
  logPrefix,
  macSet,
  type SetKind,
  setName,
  tunnelDevice,
} from '../names.ts';
import { ether, inSet, is, NFPROTO, nfproto, notInSet } from '../terms.ts';

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

/** NFLOG group of what is told of flows: queries and answers have one of their own, so that no answer waits for
 * its query behind a device's thousand peers. The crowd's answers have the one between them (compile/dns). */
export function evidenceGroup(group: number): number {
  return (group + 2) & 0xffff;
}

export function logHeaders(context: Context, feed: AppFeed, app: App): Statement {
  return logEvidence(context, logPrefix(feed, app.name));
}

/** For feeds of which only the headers are read. */
export function logEvidence(context: Context, prefix: string): Statement {
  const group = evidenceGroup(context.globals.group);
  return { kind: 'log', prefix, group, snaplen: HEADER_SNAPLEN };
}

/** For feeds whose payload is read: the packet as a whole. */
export function logWhole(context: Context, prefix: string): Statement {
  return { kind: 'log', prefix, group: context.globals.group, snaplen: null };
}

export function appSet(app: App, kind: SetKind, family: Family): string {
  return setName(app.name, kind, family);
}

/** Not while the owner, or the hour, wants the application's new flows direct. */
export function unlessPaused(app: App): Statement {
  return notInSet(nfproto, gateName(app.name, 'paused'));
}

/** Whether the application is limited to some devices (maybe none that is known). */
export function isLimited(app: App): boolean {
  return app.devices.length > 0 || app.macs !== undefined;
}

/**
 * The conditions under which the sender, whose address is `source`, is a device of the application,
 * each enough by itself; one empty condition when it applies to all, none when to none of this
 * family. The MAC is what tells a device: it counts for IPv6 too, with addresses that nobody knew a
 * moment ago, and it is in the packet wherever the home's side is Ethernet.
 */
export function deviceGuards(app: App, source: Expression, family: Family): Statement[][] {
  if (!isLimited(app)) return [[]];
  const guards: Statement[][] = [];
  if ((app.macs?.length ?? 0) > 0) {
    guards.push([is(nfproto, NFPROTO[family]), inSet(ether, macSet(app.name))]);
  }
  if (hasFamily(app, family)) guards.push([inSet(source, appSet(app, 'device', family))]);
  return guards;
}

/**
 * The same for packets to a device, which do not name its MAC yet: what they are compared with
 * afterwards (ports, peers) was learned from the application's own devices alone.
 */
export function receiverGuards(app: App, target: Expression, family: Family): Statement[][] {
  if (!isLimited(app) || (app.macs?.length ?? 0) > 0) return [[]];
  return hasFamily(app, family) ? [[inSet(target, appSet(app, 'device', family))]] : [];
}

function hasFamily(app: App, family: Family): boolean {
  return app.devices.some((block) => parseCidr(block)?.family === family);
}
