// ruleset/names: what sets, chains and log prefixes are called. compile writes them, netlink
// addresses sets by them, learn/ reads the prefixes of NFLOG packets back.
import type { Family } from '../wire/address.ts';

export const TABLE = 'whp';
/** The init script's: nothing is forwarded from the home until our table stands, or seconds are over. */
export const BOOT_TABLE = 'whp_boot';
/** See netlink/nft-guard. */
export const GUARD_TABLE = 'whp_guard';
/** See ruleset/flow-offload. */
export const APART_TABLE = 'whp_apart';
/** See ruleset/audit. */
export const AUDIT_TABLE = 'whp_audit';
/** As nft lists them. */
export const OWN_TABLES: readonly string[] = [
  TABLE,
  BOOT_TABLE,
  GUARD_TABLE,
  APART_TABLE,
  AUDIT_TABLE,
].map((name) => `inet ${name}`);

/** Sets of one application and family. The first group is rewritten by a reload, never learned. */
const STATIC_SETS = ['range', 'pin', 'learn', 'node', 'except', 'device'] as const;
/** Entries that come and go at run time, and outlive a reload. */
export const LEARNED_SETS = [
  ...['addr', 'udp', 'tcp', 'peer', 'window', 'asked', 'hello'],
  ...['udpmac', 'tcpmac', 'peermac', 'askedmac'],
] as LearnedKind[];

/** Those of them that rules fill by themselves; what `udp` knows by address, `udpmac` knows by the
 * hardware address of the device, whatever address it has next. */
export const FILLED_SETS = [
  ...['udp', 'tcp', 'peer', 'window', 'asked'],
  ...['udpmac', 'tcpmac', 'peermac', 'askedmac'],
] as FilledKind[];

export type FilledKind =
  | 'udp'
  | 'tcp'
  | 'peer'
  | 'window'
  | 'asked'
  | 'udpmac'
  | 'tcpmac'
  | 'peermac'
  | 'askedmac';
export type LearnedKind = FilledKind | 'addr' | 'hello';

/** States of an application that the agent tells the table: `blocked`, no proxy is up and it is
 * refused at once; `direct`, no proxy is up and its owner lets it pass beside the tunnels; `paused`,
 * its new flows are not looked at, by the owner's word or its hours. The families (NFPROTO_*) for
 * which it is so are the elements: a set that nobody has filled yet is the safe side. */
export const GATES = ['blocked', 'direct', 'paused'] as const;
export type Gate = (typeof GATES)[number];

/** `<app>_blocked` and so on. */
export function gateName(app: string, gate: Gate): string {
  return `${app}_${gate}`;
}

/** How much of its share each device has used up lately; written and read by the rules alone. */
export const SHARE_SETS = [
  'ports',
  'peers',
  'servers',
  'portsmac',
  'peersmac',
  'serversmac',
] as const;

export type ShareKind = (typeof SHARE_SETS)[number];
export type SetKind = (typeof STATIC_SETS)[number] | LearnedKind | ShareKind;

/** Kinds whose key has no address in it: one set serves both families. */
const OF_BOTH: ReadonlySet<SetKind> = new Set([
  'udpmac',
  'tcpmac',
  'askedmac',
  'portsmac',
  'peersmac',
  'serversmac',
]);

/** `<app>_addr4` and so on; `<app>_udpmac` whatever the family. */
export function setName(app: string, kind: SetKind, family: Family): string {
  return OF_BOTH.has(kind) ? `${app}_${kind}` : `${app}_${kind}${family}`;
}

/** The one set of a kind, or the one of each family. */
export function setsOf(app: string, kind: SetKind): string[] {
  return OF_BOTH.has(kind)
    ? [setName(app, kind, 4)]
    : [setName(app, kind, 4), setName(app, kind, 6)];
}

/** `<app>_mac`: hardware addresses have no family. */
export function macSet(app: string): string {
  return `${app}_mac`;
}

/** Hardware addresses of other routers at home: many devices send by them, so they tell none. Kept by
 * the agent. */
export const GATEWAYS = 'gateways';

/** Flows that have renewed what they use a moment ago. */
export const FRESH = 'fresh';

/** How much each device is announced, of all apps together: by hardware address, by address, and of all
 * that cannot be counted any more. */
export function loudSet(by: Family | 'mac' | 'rest'): string {
  return `loud${by}`;
}

/** How much each device asks by DNS, where its address tells it. */
export function querySet(family: Family): string {
  return `asking${family}`;
}

/** Remote ends of flows that were cut: address . its port and ours. */
export function silentSet(family: Family): string {
  return `silent${family}`;
}

/** Addresses of devices that have had a proxied flow lately. */
export function usingSet(family: Family): string {
  return `using${family}`;
}

/** Devices with a session of an application: by hardware address, by address. */
export function sessionSet(by: Family | 'mac'): string {
  return `session${by}`;
}

/** Sockets whose first check waits, and those of which one has waited: device . port. */
export function waitingSet(family: Family): string {
  return `waiting${family}`;
}

export function waitedSet(family: Family): string {
  return `waited${family}`;
}

/** Takes what dnsmasq has to put somewhere, and keeps nothing (ruleset/nftset). */
export function ignoredSet(family: Family): string {
  return `ignored${family}`;
}

/** By hardware address: how much of it is announced where nothing is held, and how much they ask; and the whole
 * home, whose one element is port 53. */
export const TOLD_MACS = 'toldmac';
export const ASKING_MACS = 'askingmac';
export const ASKING_HOME = 'askinghome';
/** How much is answered: to each flow of a device (device . port), and to the home. */
export const ANSWERED_HOME = 'answeredhome';

export function answeredSet(family: Family): string {
  return `answered${family}`;
}

export function neverSet(family: Family): string {
  return `never${family}`;
}

/** Devices that ask other resolvers, with the port they do it on: device . port. */
export function escapeSet(family: Family): string {
  return `escape${family}`;
}

/** Addresses of known DoH services; devices that are to use the router's resolver. */
export function dohSet(family: Family): string {
  return `doh${family}`;
}

export const ESCAPING_MACS = 'escapingmac';

export function escapingSet(family: Family): string {
  return `escaping${family}`;
}

/** Flows whose ClientHello goes on in the next segment: device . port. */
export function partialSet(family: Family): string {
  return `partial${family}`;
}

/** What makes a new flow an application's. */
const EVIDENCES = ['range', 'addr', 'hello', 'port', 'peer', 'window', 'mapping'] as const;
export type Evidence = (typeof EVIDENCES)[number];

/**
 * What NFLOG packets of one application announce: an evidence; `late` (evidence for a flow that
 * already has a direct NAT binding); `request` (a stranger's request opened the window); `full` (a
 * learned set has no room: the agent has to evict); `inbound` (a flow from the WAN side refused).
 */
const APP_FEEDS = [...EVIDENCES, 'late', 'request', 'full', 'inbound'] as const;
export type AppFeed = (typeof APP_FEEDS)[number];

/** What speaks for a packet that leaves beside the tunnels: an evidence that lasts, or the mark that its
 * flow has. */
export const GROUNDS = ['range', 'addr', 'hello', 'port', 'peer', 'mark'] as const;
export type Ground = (typeof GROUNDS)[number];

/** DNS requests and answers that are watched; no application is known yet. */
export const QUERY_PREFIX = 'whp:query';
export const ANSWER_PREFIX = 'whp:answer';
/** First words of a TLS flow that nobody knows yet. */
export const HELLO_PREFIX = 'whp:hello';

/** Of a packet that the guard held back: our table has not judged it. */
export const UNJUDGED_PREFIX = 'whp:unjudged';

export type Feed =
  | { readonly feed: 'query' | 'answer' | 'hello' }
  | { readonly feed: AppFeed; readonly app: string }
  | { readonly feed: 'outside'; readonly app: string; readonly ground: Ground };

export function logPrefix(feed: AppFeed, app: string): string {
  return `whp:${feed}:${app}`;
}

/** A packet of the application that leaves beside the tunnels. */
export function outsidePrefix(app: string, ground: Ground): string {
  return `whp:outside:${app}:${ground}`;
}

/** What an NFLOG prefix says, or null when it is not one of ours. */
export function parsePrefix(prefix: string): Feed | null {
  if (prefix === QUERY_PREFIX) return { feed: 'query' };
  if (prefix === ANSWER_PREFIX) return { feed: 'answer' };
  if (prefix === HELLO_PREFIX) return { feed: 'hello' };
  const [own, feed, app, ...rest] = prefix.split(':');
  if (own !== 'whp' || !app || rest.length > 1) return null;
  if (feed === 'outside') {
    const ground = GROUNDS.find((one) => one === rest[0]);
    return ground === undefined ? null : { feed, app, ground };
  }
  if (rest.length > 0) return null;
  const known = APP_FEEDS.find((one) => one === feed);
  return known === undefined ? null : { feed: known, app };
}

export function tunnelDevice(proxy: string): string {
  return `whp-${proxy}`;
}

/** Whether a device is one of these. */
export function isLinkName(name: string): boolean {
  return name.startsWith(tunnelDevice(''));
}

export function proxiedCounter(app: string): string {
  return `${app}_proxied`;
}

export function rejectedCounter(app: string): string {
  return `${app}_rejected`;
}

/** Packets that left beside the tunnels. */
export function outsideCounter(app: string): string {
  return `${app}_outside`;
}
