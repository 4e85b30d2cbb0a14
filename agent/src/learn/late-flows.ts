// learn/late-flows: finds the unmarked conntrack entries that belong to an application by the evidence known now.
// Such a flow began on the direct path: its NAT binds it to the WAN, so it cannot move. runtime/late-flows
// deletes its entry, and its next packet is judged anew. Pure.

import type { Connection, Tuple } from '../netlink/conntrack.ts';
import type { App } from '../policy/policy.ts';
import type { Transport } from '../profile/profile.ts';
import { type EndpointAt, findAppRange, findRange } from '../profile/range-match.ts';
import type { Ground } from '../ruleset/names.ts';
import {
  type Cidr,
  cidrHas,
  familyOf,
  isRoutable,
  parseAddress,
  parseCidr,
} from '../wire/address.ts';
import { TCP, transportName, UDP } from '../wire/packet.ts';
import { DNS_PORT } from '../wire/ports.ts';

/** New evidence: running flows that match it are checked again. */
export type Recheck =
  | { readonly kind: 'address'; readonly app: string; readonly remote: string }
  | {
      readonly kind: 'peer';
      readonly app: string;
      readonly device: string;
      /** MAC of the device; null: not known. */
      readonly mac: string | null;
      readonly remote: string;
    }
  | {
      readonly kind: 'port';
      readonly app: string;
      readonly device: string;
      readonly mac: string | null;
      readonly protocol: Transport;
      readonly port: number;
    };

/** Equal for rechecks of the same flows. */
export function recheckKey(one: Recheck): string {
  if (one.kind === 'address') return `${one.app} ${one.remote}`;
  const rest = one.kind === 'peer' ? one.remote : `${one.protocol} ${one.port}`;
  return `${one.app} ${one.device} ${one.mac} ${rest}`;
}

/** All evidence of one app's flows. */
export interface Grounds {
  readonly app: App;
  /** Addresses learned by DNS. */
  readonly addresses: ReadonlySet<string>;
  /** Keys from portText, by address and by MAC: "192.168.1.11 udp 13021". */
  readonly ports: Set<string>;
  /** Keys from peerText, likewise: "192.168.1.11 198.51.100.7". */
  readonly peers: Set<string>;
}

/** Whether it is a DNS flow of a device older than our table: the table would have marked it, and answers of an
 * unmarked flow are not read. Once its entry is deleted, the next query begins a new flow. */
export function isOldDns({ original, mark }: Connection, mask: number, setting: Setting): boolean {
  const { protocol, destinationPort, source } = original;
  if (destinationPort !== DNS_PORT || (protocol !== UDP && protocol !== TCP)) return false;
  return (mark & mask) === 0 && !setting.isOwn(source);
}

export interface Setting {
  /** True: an address of the router itself, or of a proxy. */
  readonly isOwn: (address: string) => boolean;
  /** The MAC of a device from the neighbour table or DHCP; null: not known. */
  readonly macOf: (address: string) => string | null;
  /** MACs of other routers; they identify no device. */
  readonly gateways: ReadonlySet<string>;
}

/** The grounds of `app` from `rechecks`; without rechecks, its ranges alone. */
export function groundsOf(app: App, rechecks: readonly Recheck[] = []): Grounds {
  const addresses = new Set<string>();
  const ports = new Set<string>();
  const peers = new Set<string>();
  for (const recheck of rechecks.filter((one) => one.app === app.name)) {
    if (recheck.kind === 'address') addresses.add(recheck.remote);
    else {
      for (const device of recheck.mac === null
        ? [recheck.device]
        : [recheck.device, recheck.mac]) {
        if (recheck.kind === 'peer') peers.add(peerText(device, recheck.remote));
        else ports.add(portText(device, recheck.protocol, recheck.port));
      }
    }
  }
  return { app, addresses, ports, peers };
}

export function portText(device: string, protocol: Transport, port: number): string {
  return `${device} ${protocol} ${port}`;
}

export function peerText(device: string, remote: string): string {
  return `${device} ${remote}`;
}

/** A flow seen from home, whichever end began it. */
export interface HomeEnd {
  readonly device: string;
  readonly devicePort: number;
  readonly remote: string;
  /** `remote` as bytes: it is compared with many ranges. null: it is no address. */
  readonly remoteBytes: Uint8Array | null;
  readonly remotePort: number;
  readonly protocol: Transport | null;
  /** True: the device began it. */
  readonly outward: boolean;
}

/** The home end of a connection; null: the router's own, or between home and router. */
function homeEnd({ original, reply }: Connection, setting: Setting): HomeEnd | null {
  const outward = !setting.isOwn(original.source) && !setting.isOwn(original.destination);
  if (outward) return endOf(original, true);
  // Port forward: sent to the router's address, answered by a device.
  const inward = setting.isOwn(original.destination) && !setting.isOwn(reply.source);
  return inward ? endOf(reply, false) : null;
}

function endOf(tuple: Tuple, outward: boolean): HomeEnd {
  const { source, sourcePort, destination, destinationPort, protocol } = tuple;
  return {
    device: source,
    devicePort: sourcePort,
    remote: destination,
    remoteBytes: parseAddress(destination),
    remotePort: destinationPort,
    protocol: transportName(protocol),
    outward,
  };
}

/** The connections (unmarked ones) that belong to an application. `ranges`: also compare with operator ranges,
 * which is needed only at the start, as rules know ranges before any flow begins. A running call showed its port
 * and peer long ago: so a flow to a teaching range adds its port to the grounds, and a flow from a P2P port its
 * peer, and the flows beside it match too. Calls `found` for each with its app and whether the device began it. */
export function lateConnections(
  connections: readonly Connection[],
  all: readonly Grounds[],
  setting: Setting,
  ranges: boolean,
  found: (connection: Connection, app: string, outward: boolean) => void = () => {},
): Connection[] {
  const flows = connections.flatMap((connection) => {
    const end = homeEnd(connection, setting);
    return end === null || isNear(connection, end) ? [] : [{ connection, end }];
  });
  const late = new Set<Connection>();
  for (const grounds of all) {
    const mine = flows.filter(({ end }) => isOpen(grounds.app, end, setting));
    const take = (connection: Connection, { outward }: HomeEnd): void => {
      if (!late.has(connection)) found(connection, grounds.app.name, outward);
      late.add(connection);
    };
    if (ranges) {
      for (const { connection, end } of mine) {
        if (inRange(grounds, end, setting)) take(connection, end);
      }
    }
    for (const { connection, end } of mine) {
      if (isKnown(grounds, end, setting)) take(connection, end);
    }
  }
  return Array.from(late);
}

/** Whether the flow stays within the home or a neighbouring network, without NAT, so that it does not show the
 * home's address. With source NAT it has left by the WAN. */
function isNear({ original, reply }: Connection, end: HomeEnd): boolean {
  return original.source === reply.destination && !isPublic(end);
}

function isPublic({ remoteBytes: bytes }: HomeEnd): boolean {
  return bytes !== null && isRoutable(bytes, 0, familyOf(bytes));
}

/** The peerText of a connection that has the app's mark and no other ground known now; null: it has one, or the
 * app does not apply to it. */
export function unbackedPair(
  connection: Connection,
  grounds: Grounds,
  setting: Setting,
): string | null {
  const end = homeEnd(connection, setting);
  if (end === null || end.protocol === null || !isOpen(grounds.app, end, setting)) return null;
  if (!isPublic(end) || setting.isOwn(end.remote)) return null;
  if (rangeOf(grounds.app, end) !== null || isKnown(grounds, end, setting)) return null;
  return peerText(end.device, end.remote);
}

/** Grounds other than a mark and a TLS hello. */
export type Lasting = Exclude<Ground, 'mark' | 'hello'>;

/** The ground of a flow, without regard to a pause or the schedule (`app.direct`); null: none. */
export function groundOf(grounds: Grounds, end: HomeEnd, setting: Setting): Lasting | null {
  const { app } = grounds;
  if (!appliesTo(app, end.device, setting) || isExcepted(app, end)) return null;
  const { devicePort, remote, protocol } = end;
  if (rangeOf(app, end) !== null) return 'range';
  if (grounds.addresses.has(remote)) return 'addr';
  const names = namesOf(end, setting);
  if (names.some((name) => grounds.peers.has(peerText(name, remote)))) return 'peer';
  const isPort =
    protocol !== null &&
    names.some((name) => grounds.ports.has(portText(name, protocol, devicePort)));
  return isPort ? 'port' : null;
}

/** Whether the app is proxied now, and for this device and destination. */
function isOpen(app: App, end: HomeEnd, setting: Setting): boolean {
  return app.direct === undefined && appliesTo(app, end.device, setting) && !isExcepted(app, end);
}

function appliesTo(app: App, device: string, setting: Setting): boolean {
  if (app.devices.length === 0 && app.macs === undefined) return true;
  const mac = setting.macOf(device);
  const { blocks, macs } = devicesOf(app);
  if (mac !== null && macs.has(mac)) return true;
  if (blocks.length === 0) return false;
  const bytes = parseAddress(device);
  return blocks.some((block) => bytes?.length === block.bytes.length && cidrHas(block, bytes, 0));
}

interface Devices {
  readonly blocks: readonly Cidr[];
  readonly macs: ReadonlySet<string>;
}

/** The devices of an app, read once: they are compared with each of thousands of flows. */
const devices = new WeakMap<App, Devices>();

function devicesOf(app: App): Devices {
  const known = devices.get(app);
  if (known !== undefined) return known;
  const blocks = app.devices.flatMap((text) => parseCidr(text) ?? []);
  const read = { blocks, macs: new Set(app.macs) };
  devices.set(app, read);
  return read;
}

function isExcepted({ except }: App, end: HomeEnd): boolean {
  const remote = except === undefined ? null : remoteOf(end);
  return remote !== null && findRange(except!, remote) !== null;
}

function rangeOf(app: App, end: HomeEnd) {
  const remote = remoteOf(end);
  return remote === null ? null : findAppRange(app, remote);
}

function remoteOf({ remoteBytes: bytes, remotePort: port, protocol }: HomeEnd): EndpointAt | null {
  if (bytes === null || protocol === null) return null;
  return { bytes, offset: 0, family: familyOf(bytes), protocol, port };
}

/** The keys of a device: its address, and its MAC unless that is another router's. */
function namesOf({ device }: HomeEnd, { macOf, gateways }: Setting): string[] {
  const mac = macOf(device);
  return mac === null || gateways.has(mac) ? [device] : [device, mac];
}

function inRange(grounds: Grounds, end: HomeEnd, setting: Setting): boolean {
  const found = rangeOf(grounds.app, end);
  if (found === null) return false;
  const { protocol, devicePort } = end;
  if (protocol !== null && found.range.learn.includes(protocol)) {
    for (const name of namesOf(end, setting)) {
      grounds.ports.add(portText(name, protocol, devicePort));
    }
  }
  return true;
}

function isKnown(grounds: Grounds, end: HomeEnd, setting: Setting): boolean {
  const { protocol, devicePort, remote } = end;
  if (grounds.addresses.has(remote)) return true;
  if (grounds.peers.size === 0 && grounds.ports.size === 0) return false;
  const names = namesOf(end, setting);
  if (names.some((name) => grounds.peers.has(peerText(name, remote)))) return true;
  if (protocol === null) return false;
  if (!names.some((name) => grounds.ports.has(portText(name, protocol, devicePort)))) return false;
  const { peers } = grounds.app.profile;
  // A server in an operator range is not a peer; a private address may be another host elsewhere.
  const isPeer =
    end.outward && peers.enabled && rangeOf(grounds.app, end) === null && isPublic(end);
  if (isPeer) for (const name of names) grounds.peers.add(peerText(name, remote));
  return true;
}
