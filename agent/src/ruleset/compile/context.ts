// ruleset/compile/context: values and statements that all compile files share, derived from the policy.
import { foreignBits, markOf } from '../../policy/marks.ts';
import type { App, Globals, Policy } from '../../policy/policy.ts';
import { FAMILIES, type Family, parseCidr } from '../../wire/address.ts';
import type { Expression, Rule, Statement, Verdict } from '../model.ts';
import {
  type AppFeed,
  gateName,
  logPrefix,
  macSet,
  type SetKind,
  setName,
  tunnelDevice,
} from '../names.ts';
import { dispatch, ether, inSet, is, NFPROTO, nfproto, notInSet, rule } from '../terms.ts';

/** The priority `mangle` of nft. */
export const MANGLE = -150;

/** Bytes copied by a log rule for headers: IPv6 with options, and the ports. */
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

/** Tunnel devices that the application may use: those of its existing proxies. */
export function tunnelsOf(context: Context, app: App): string[] {
  return app.proxies.map(tunnelDevice).filter((device) => context.tunnels.includes(device));
}

/** Sets our bits of the packet mark or conntrack mark, and no others. */
export function setMark(context: Context, target: 'meta' | 'ct', slot: number): Statement {
  const { mask } = context.globals;
  return { kind: 'mark', target, keep: foreignBits(mask), value: markOf(mask, slot) };
}

/**
 * NFLOG group of announced flows. Queries and answers use other groups, so that no answer waits for its query
 * behind announcements of peers. Group + 1 has the crowd's answers (compile/dns).
 */
export function evidenceGroup(group: number): number {
  return group + 2;
}

export function logHeaders(context: Context, feed: AppFeed, app: App): Statement {
  return logEvidence(context, logPrefix(feed, app.name));
}

/** For feeds of which only the headers are read. */
export function logEvidence(context: Context, prefix: string): Statement {
  const group = evidenceGroup(context.globals.group);
  return { kind: 'log', prefix, group, snaplen: HEADER_SNAPLEN };
}

/** For feeds whose payload is read: copies the whole packet. */
export function logWhole(context: Context, prefix: string): Statement {
  return { kind: 'log', prefix, group: context.globals.group, snaplen: null };
}

export function appSet(app: App, kind: SetKind, family: Family): string {
  return setName(app.name, kind, family);
}

/** Condition: neither the owner's pause nor the schedule sends the application's new flows direct. */
export function unlessPaused(app: App): Statement {
  return notInSet(nfproto, gateName(app.name, 'paused'));
}

/** Whether the application is limited to certain devices, even to none that is known. */
export function isLimited(app: App): boolean {
  return app.devices.length > 0 || app.macs !== undefined;
}

/**
 * Alternative conditions under which the sender (address `source`) is a device of the application. One empty
 * condition: all devices; no condition: no device of this family. A MAC also matches new IPv6 addresses of
 * the device. Packets carry a MAC wherever the home's network is Ethernet.
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
 * The same for packets to a device, which have no MAC of the device yet. With MACs every packet matches: the
 * sets tested afterwards (ports, peers) were learned from the application's devices only.
 */
export function receiverGuards(app: App, target: Expression, family: Family): Statement[][] {
  if (!isLimited(app) || (app.macs?.length ?? 0) > 0) return [[]];
  return hasFamily(app, family) ? [[inSet(target, appSet(app, 'device', family))]] : [];
}

function hasFamily(app: App, family: Family): boolean {
  return app.devices.some((block) => parseCidr(block)?.family === family);
}

/**
 * The last rule of a base chain whose other rules are in `chain`. While the kernel deletes a table, packets still
 * pass through its base chains, and its verdict maps have no elements any more (nf_tables_commit: a map's elements
 * end with the generation, a chain's hook later in the same loop, tens of milliseconds on a small router). A map that
 * no packet misses otherwise keeps such a packet from the rules behind it, which would judge it without the maps.
 */
export function whileWhole(chain: string): Rule {
  const entries: [number, Verdict][] = FAMILIES.map((family) => [
    NFPROTO[family],
    { verdict: 'goto', chain },
  ]);
  return rule('of no known flow; nothing, while the table is deleted', dispatch(nfproto, entries));
}
