// ruleset/names: names of sets, chains and log prefixes. compile writes them, netlink addresses sets by them,
// learn/ parses the prefixes of NFLOG packets.
import type { Family } from '../wire/address.ts';

export const TABLE = 'whp';
/** The init script's table: forwards nothing from the home until our table is loaded, or a timeout. */
export const BOOT_TABLE = 'whp_boot';
/** See ruleset/guard. */
export const GUARD_TABLE = 'whp_guard';
/** See ruleset/flow-offload. */
export const OFFLOAD_TABLE = 'whp_offload';
/** That table's name up to version 0.1.0: the next agent deletes it at its start. */
export const FORMER_OFFLOAD_TABLE = 'whp_apart';
/** See ruleset/audit. */
export const AUDIT_TABLE = 'whp_audit';
/** In nft's notation. */
export const OWN_TABLES: readonly string[] = [
  TABLE,
  BOOT_TABLE,
  GUARD_TABLE,
  OFFLOAD_TABLE,
  FORMER_OFFLOAD_TABLE,
  AUDIT_TABLE,
].map((name) => `inet ${name}`);

/** Kinds of sets of one application and family. These hold the policy; a reload replaces their elements. */
const STATIC_SETS = ['range', 'pin', 'learn', 'supernode', 'except', 'device'] as const;
/** Kinds whose elements are added at run time and survive a reload. */
export const LEARNED_SETS = [
  ...['addr', 'udp', 'tcp', 'peer', 'request', 'portmap', 'hello'],
  ...['udpmac', 'tcpmac', 'peermac', 'portmapmac'],
] as LearnedKind[];

/**
 * All of them except `addr` and `hello`, whose elements the agent keeps and evicts in stores of its own.
 * `udpmac` holds by the device's MAC what `udp` holds by its address.
 */
export const FILLED_SETS = [
  ...['udp', 'tcp', 'peer', 'request', 'portmap'],
  ...['udpmac', 'tcpmac', 'peermac', 'portmapmac'],
] as FilledKind[];

export type FilledKind =
  | 'udp'
  | 'tcp'
  | 'peer'
  | 'request'
  | 'portmap'
  | 'udpmac'
  | 'tcpmac'
  | 'peermac'
  | 'portmapmac';
export type LearnedKind = FilledKind | 'addr' | 'hello';

/**
 * Sets of families (NFPROTO_*) by which the agent tells the table the state of an application. `blocked`: no
 * proxy is up, flows are rejected. `direct`: no proxy is up, the owner allows direct flows. `paused`: a pause
 * or the schedule, new flows are not judged. An empty set is the safe state.
 */
export const GATES = ['blocked', 'direct', 'paused'] as const;
export type Gate = (typeof GATES)[number];

/** `<app>_blocked` and so on. */
export function gateName(app: string, gate: Gate): string {
  return `${app}_${gate}`;
}

/** Kinds of counter sets for the shares of devices; only the rules read and write them. */
export const SHARE_SETS = [
  'port_limit',
  'peer_limit',
  'server_limit',
  'port_limit_mac',
  'peer_limit_mac',
  'server_limit_mac',
] as const;

export type ShareKind = (typeof SHARE_SETS)[number];
export type SetKind = (typeof STATIC_SETS)[number] | LearnedKind | ShareKind;

/** Kinds without an address in the key: one set for both families. */
const OF_BOTH: ReadonlySet<SetKind> = new Set([
  'udpmac',
  'tcpmac',
  'portmapmac',
  'port_limit_mac',
  'peer_limit_mac',
  'server_limit_mac',
]);

/** `<app>_addr4` and so on; `<app>_udpmac` for both families. */
export function setName(app: string, kind: SetKind, family: Family): string {
  return OF_BOTH.has(kind) ? `${app}_${kind}` : `${app}_${kind}${family}`;
}

/** The one set of a kind, or the sets of both families. */
export function setsOf(app: string, kind: SetKind): string[] {
  return OF_BOTH.has(kind)
    ? [setName(app, kind, 4)]
    : [setName(app, kind, 4), setName(app, kind, 6)];
}

/**
 * The name up to version 0.1.0 of a set whose elements are taken over from such an agent (runtime/handover);
 * null: it has had no other name.
 */
export function formerName(set: string): string | null {
  const former = set.replace(/_portmap(mac|[46])$/, '_asked$1').replace(/^cut([46])$/, 'silent$1');
  return former === set ? null : former;
}

/** `<app>_mac`: MACs have no family. */
export function macSet(app: string): string {
  return `${app}_mac`;
}

/**
 * MACs of other routers at home, which identify no device because many devices send through them. The agent
 * fills the set.
 */
export const GATEWAYS = 'gateways';

/** Flows that have just renewed their elements. */
export const RENEWED = 'renewed';

/** Counters of announcements of all apps: by MAC, by address, and one for all devices without a counter. */
export function logLimitSet(by: Family | '_mac' | '_rest'): string {
  return `log_limit${by}`;
}

/** Counters of DNS queries by device address, for devices without a usable MAC. */
export function queryLimitSet(family: Family): string {
  return `query_limit${family}`;
}

/** Remote ends of flows that were cut: address . its port and ours. */
export function cutSet(family: Family): string {
  return `cut${family}`;
}

/** Addresses of devices that have recently had a proxied flow. */
export function clientSet(family: Family): string {
  return `client${family}`;
}

/** Devices with a session of an application: by MAC, by address. */
export function sessionSet(by: Family | 'mac'): string {
  return `session${by}`;
}

/** Sockets whose first check is delayed, and those that have been delayed: device . port. */
export function stunDelaySet(family: Family): string {
  return `stun_delay${family}`;
}

export function stunRetrySet(family: Family): string {
  return `stun_retry${family}`;
}

/**
 * For addresses that dnsmasq must not add to an app's set; elements expire after a second (ruleset/nftset).
 */
export function unusedSet(family: Family): string {
  return `unused${family}`;
}

/**
 * Counters by MAC: of announced queries where nothing is held, and of queries; and of the whole home, with
 * port 53 as the only element.
 */
export const QUERY_LOG_LIMIT_MACS = 'query_log_limit_mac';
export const QUERY_LIMIT_MACS = 'query_limit_mac';
export const QUERY_LIMIT_HOME = 'query_limit_home';
/** Counters of answers: of the home, and of each flow of a device (device . port). */
export const ANSWER_LIMIT_HOME = 'answer_limit_home';

export function answerLimitSet(family: Family): string {
  return `answer_limit${family}`;
}

export function bogonSet(family: Family): string {
  return `bogon${family}`;
}

/** Devices that use other resolvers, with the port used: device . port. */
export function bypassSet(family: Family): string {
  return `dns_bypass${family}`;
}

/** Addresses of known DoH services; devices that have to use the router's resolver. */
export function dohSet(family: Family): string {
  return `doh${family}`;
}

export const FORCE_DNS_MACS = 'force_dns_mac';

export function forceDnsSet(family: Family): string {
  return `force_dns${family}`;
}

/** Elements by which the agent tries whether its packets add elements (kernel/element-packets). */
export function elementProofSet(family: Family): string {
  return `element_proof${family}`;
}

/** Flows whose ClientHello continues in the next segment: device . port. */
export function helloSegmentSet(family: Family): string {
  return `hello_segment${family}`;
}

/** Kinds of evidence by which a new flow belongs to an application. */
const EVIDENCES = ['range', 'addr', 'hello', 'port', 'peer', 'window', 'mapping'] as const;
export type Evidence = (typeof EVIDENCES)[number];

/**
 * Topics of NFLOG packets of one application: an evidence; `late` (evidence for a flow that already has a
 * direct NAT binding); `request` (a connection request opened the window); `full` (an element was not added: a learned
 * set is full, and the agent has to evict, or its device is beyond its share); `inbound` (a flow from the WAN was
 * refused).
 */
const APP_FEEDS = [...EVIDENCES, 'late', 'request', 'full', 'inbound'] as const;
export type AppFeed = (typeof APP_FEEDS)[number];

/**
 * Reasons why a packet that leaves beside the tunnels is the application's: an evidence that lasts, or the
 * mark of its flow.
 */
export const GROUNDS = ['range', 'addr', 'hello', 'port', 'peer', 'mark'] as const;
export type Ground = (typeof GROUNDS)[number];

/** DNS queries and answers; not related to an application yet. */
export const QUERY_PREFIX = 'whp:query';
export const ANSWER_PREFIX = 'whp:answer';
/** First data of a TLS flow without evidence. */
export const HELLO_PREFIX = 'whp:hello';

/** A packet that the guard dropped because our table has not judged it. */
export const UNJUDGED_PREFIX = 'whp:unjudged';

export type LogTopic =
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

/** Parses an NFLOG prefix; null: not one of ours. */
export function parsePrefix(prefix: string): LogTopic | null {
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

/** Whether a device is a tunnel device of ours, by its name. */
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
