// preflight/rule-reach: computes which proxied packets a foreign ip rule matches, as net/core/fib_rules.c
// compares them. A proxied packet comes from a device of the home, has a public destination, is TCP or UDP
// and carries one of our marks. Pure.

import type { KernelRule, PortRange, RuleSelector } from '../netlink/rule.ts';
import { markOf } from '../policy/marks.ts';
import { BOGONS } from '../ruleset/compile/sets.ts';
import {
  type Cidr,
  cidrHas,
  type Family,
  formatAddress,
  formatCidr,
  parseCidr,
} from '../wire/address.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { DNS_PORT } from '../wire/ports.ts';

/** Share of the proxied packets; `words` describe a part of them: " from 192.168.1.0/28". */
export interface Reach {
  readonly share: 'none' | 'some' | 'all';
  readonly words: string;
}

/** Sources and marks of proxied packets. */
export interface Home {
  /** The lan devices, each with its VRF ('': none). */
  readonly devices: readonly { readonly name: string; readonly vrf: string }[];
  /** Routing tables of these VRFs. */
  readonly vrfTables: readonly number[];
  /** Networks of the lan devices: "192.168.1.0/24". */
  readonly networks: readonly string[];
  /** Addresses of the router and of the proxies: never source or destination of a proxied packet. */
  readonly own: readonly string[];
  /** Slots of the apps, and the mask that carries them. */
  readonly slots: readonly number[];
  readonly mask: number;
}

const NONE: Reach = { share: 'none', words: '' };
const ALL: Reach = { share: 'all', words: '' };

function some(words: string): Reach {
  return { share: 'some', words };
}

/** A destination within one of these is never proxied (the table's `bogon` sets). */
const NOT_PUBLIC = BOGONS[4].map((text) => parseCidr(text)!);
/** Public IPv6: global addresses and NAT64. */
const PUBLIC6 = ['2000::/3', '64:ff9b::/96'].map((text) => parseCidr(text)!);
/** Mark of Tailscale's own packets to its peers; no proxied packet carries it. */
const TAILSCALE = 0x80000;
const TAILSCALE_MASK = 0xff0000;
/** Resolvers are no servers of an application: a rule for port 53 alone matches no proxied packet. */
const LAST_PORT = 65535;

/** The proxied packets that `rule` matches. */
export function reachOf(rule: KernelRule, home: Home): Reach {
  const fits = fitsOf(rule, home);
  if (!rule.isInverted) return fits;
  if (fits.share === 'none') return ALL;
  return fits.share === 'all' ? NONE : some(` but those${fits.words}`);
}

/** Selector and mark together, before `not` is applied. */
function fitsOf({ family, selector, mark, mask }: KernelRule, home: Home): Reach {
  const each = [
    protocolReach(selector),
    fromReach(selector, family, home),
    toReach(selector, family, home),
    deviceReach(selector, home),
    portReach(' from port', selector.sourcePorts),
    isDns(selector) ? NONE : portReach(' to port', selector.destinationPorts),
    markReach(mark, mask, home),
    oddReach(selector),
  ];
  if (each.some(({ share }) => share === 'none')) return NONE;
  const words = each.map((one) => one.words).join('');
  return words === '' ? ALL : some(words);
}

function protocolReach({ ipProtocol }: RuleSelector): Reach {
  if (ipProtocol === undefined) return ALL;
  if (ipProtocol === UDP) return some(' over UDP');
  return ipProtocol === TCP ? some(' over TCP') : NONE;
}

function fromReach({ source }: RuleSelector, family: Family, { networks, own }: Home): Reach {
  const asked = source === undefined ? null : parseCidr(source);
  if (asked === null) return ALL;
  if (isOneOf(asked, own)) return NONE;
  const known = networks.map(parseCidr).filter((one) => one !== null && one.family === family);
  const inside = known.filter((one): one is Cidr => one !== null && overlap(one, asked));
  if (inside.length === 0) return NONE;
  if (inside.length === known.length && inside.every((one) => holds(asked, one))) return ALL;
  const parts = inside.map((one) => formatCidr(holds(asked, one) ? one : asked));
  return some(` from ${Array.from(new Set(parts)).join(' and ')}`);
}

function toReach({ destination }: RuleSelector, family: Family, home: Home): Reach {
  const asked = destination === undefined ? null : parseCidr(destination);
  if (asked === null) return ALL;
  return isProxiedTo(asked, family, home) ? some(` to ${formatCidr(asked)}`) : NONE;
}

/** Whether a packet to an address in `network` can be proxied. */
export function isProxiedTo(network: Cidr, family: Family, { networks, own }: Home): boolean {
  if (isOneOf(network, own)) return false;
  // Packets to the home's own public addresses stay in the home.
  if (networks.some((text) => holdsText(text, network))) return false;
  if (family === 6) return PUBLIC6.some((one) => overlap(one, network));
  return !NOT_PUBLIC.some((one) => holds(one, network));
}

/** A forwarded packet has no socket and so flowi_oif 0: a rule with `oif` never matches. */
function deviceReach({ iif, oif, isL3mdev }: RuleSelector, { devices }: Home): Reach {
  if (oif !== undefined) return NONE;
  const fits = devices.filter(
    ({ name, vrf }) =>
      (iif === undefined || iif === name || iif === vrf) && (isL3mdev !== true || vrf !== ''),
  );
  if (fits.length === devices.length && devices.length > 0) return ALL;
  if (iif === undefined && isL3mdev !== true) return ALL;
  return fits.length === 0 ? NONE : some(` of ${fits.map(({ name }) => name).join(' and ')}`);
}

function isDns({ destinationPorts }: RuleSelector): boolean {
  return destinationPorts?.every((port) => port === DNS_PORT) === true;
}

function portReach(what: string, ports: PortRange | undefined): Reach {
  if (ports === undefined) return ALL;
  const [first, last] = ports;
  if (first <= 1 && last === LAST_PORT) return ALL;
  return some(first === last ? `${what} ${first}` : `${what}s ${first}-${last}`);
}

function markReach(mark: number, mask: number, home: Home): Reach {
  if (mask === 0) return ALL;
  if (mask === TAILSCALE_MASK && mark === TAILSCALE) return NONE;
  const own = (mask & home.mask) >>> 0;
  const slots = home.slots.filter((slot) => ((markOf(home.mask, slot) ^ mark) & own) === 0);
  if (own !== 0 && slots.length === 0) return NONE;
  const isForeign = (mark & mask & ~home.mask) !== 0;
  // A zero value under bits that only we set matches every slot.
  if (!isForeign && slots.length === home.slots.length) return ALL;
  return some(` with fwmark ${hexText(mark)}/${hexText(mask)}`);
}

/** A forwarded packet has uid 0 (sock_net_uid of the kernel) and no tunnel key. */
function oddReach({ uids, isKeyed, tos, isUnknown }: RuleSelector): Reach {
  if (isKeyed || (uids !== undefined && uids[0] > 0)) return NONE;
  const words = tos === undefined ? '' : ` with TOS ${tos}`;
  const more = isUnknown ? ' that fit what this agent cannot read of it' : '';
  return words + more === '' ? ALL : some(words + more);
}

export function hexText(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}

/** Whether `outer` contains all of `inner`. */
export function holds(outer: Cidr, inner: Cidr): boolean {
  return (
    outer.family === inner.family && outer.prefix <= inner.prefix && cidrHas(outer, inner.bytes, 0)
  );
}

function holdsText(outer: string, inner: Cidr): boolean {
  const read = parseCidr(outer);
  return read !== null && holds(read, inner);
}

function overlap(a: Cidr, b: Cidr): boolean {
  return holds(a, b) || holds(b, a);
}

/** Whether `network` is a single address in `addresses`. */
function isOneOf(network: Cidr, addresses: readonly string[]): boolean {
  return (
    network.prefix === network.bytes.length * 8 &&
    addresses.includes(formatAddress(network.bytes, 0, network.family))
  );
}
