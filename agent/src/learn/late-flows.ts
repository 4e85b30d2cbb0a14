// learn/late-flows: connections that went direct before they were known to be an application's: which of
// the kernel's unmarked ones are they, by evidence that stands now? Such a flow is bound to the WAN by
// NAT and cannot move; runtime/late-flows deletes its entry, and its next packet is judged anew. Pure.
import type { Connection, Tuple } from '../netlink/conntrack.ts';
import type { App } from '../policy/policy.ts';
import type { Transport } from '../profile/profile.ts';
import { type EndpointAt, findAppRange, findRange } from '../profile/range-match.ts';
import type { Ground } from '../ruleset/names.ts';
import { cidrHas, familyOf, isRoutableText, parseAddress, parseCidr } from '../wire/address.ts';
import { TCP, UDP } from '../wire/packet.ts';

/** Evidence that came just now: flows it speaks for may be running. */
export type Wish =
  | { readonly kind: 'address'; readonly app: string; readonly remote: string }
  | {
      readonly kind: 'peer';
      readonly app: string;
      readonly device: string;
      /** Of the device; null where it tells none. */
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

/** All that speaks for flows of one app. */
export interface Grounds {
  readonly app: App;
  /** Endpoints learned by DNS. */
  readonly addresses: ReadonlySet<string>;
  /** "192.168.1.11 udp 13021", and the same of the device's MAC. */
  readonly ports: Set<string>;
  /** "192.168.1.11 198.51.100.7", likewise. */
  readonly peers: Set<string>;
}

/** A DNS flow of a device that is older than our table: the table would have marked it, and without a mark
 * nobody looks at its answers. What comes next begins a new flow. */
export function isOldDns({ original, mark }: Connection, mask: number, setting: Setting): boolean {
  const { protocol, destinationPort, source } = original;
  if (destinationPort !== DNS || (protocol !== UDP && protocol !== TCP)) return false;
  return (mark & mask) === 0 && !setting.isOwn(source);
}

const DNS = 53;

export interface Setting {
  /** The router's own address, or a proxy's. */
  readonly isOwn: (address: string) => boolean;
  /** The hardware address of a device, where the neighbour table or DHCP knows it. */
  readonly macOf: (address: string) => string | null;
  /** MACs of other routers, which tell no device. */
  readonly gateways: ReadonlySet<string>;
}

/** What `wishes` give of an app's grounds; none: its ranges alone. */
export function groundsOf(app: App, wishes: readonly Wish[] = []): Grounds {
  const addresses = new Set<string>();
  const ports = new Set<string>();
  const peers = new Set<string>();
  for (const wish of wishes.filter((one) => one.app === app.name)) {
    if (wish.kind === 'address') addresses.add(wish.remote);
    else {
      for (const device of wish.mac === null ? [wish.device] : [wish.device, wish.mac]) {
        if (wish.kind === 'peer') peers.add(peerText(device, wish.remote));
        else ports.add(portText(device, wish.protocol, wish.port));
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

/** A flow as seen from home, whichever side began it. */
export interface HomeEnd {
  readonly device: string;
  readonly devicePort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly protocol: Transport | null;
  /** The device began it. */
  readonly outward: boolean;
}

/** null: it is the router's own, or between home and router. */
function homeEnd({ original, reply }: Connection, setting: Setting): HomeEnd | null {
  const outward = !setting.isOwn(original.source) && !setting.isOwn(original.destination);
  if (outward) return endOf(original, true);
  // A port forward: addressed to the router, answered by a device.
  const inward = setting.isOwn(original.destination) && !setting.isOwn(reply.source);
  return inward ? endOf(reply, false) : null;
}

function endOf(tuple: Tuple, outward: boolean): HomeEnd {
  const { source, sourcePort, destination, destinationPort, protocol } = tuple;
  return {
    device: source,
    devicePort: sourcePort,
    remote: destination,
    remotePort: destinationPort,
    protocol: protocol === UDP ? 'udp' : protocol === TCP ? 'tcp' : null,
    outward,
  };
}

/**
 * Those of `connections` (unmarked ones) that are an application's. Operator ranges are looked at
 * when `ranges` is true: they are known before any flow begins, except at the start. A call that runs
 * already has shown its port and its peer long ago: a flow to a range that shows the P2P port adds that
 * port to the grounds, one from the P2P port its peer, so that the flows beside it are found as well.
 * `found` is told of each whose it is, and whether the device began it.
 */
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

/** Within the home, or with a network beside it: no address of the home's is shown there. What was
 * translated to such a place has left by the WAN. */
function isNear({ original, reply }: Connection, { remote }: HomeEnd): boolean {
  return original.source === reply.destination && !isRoutableText(remote);
}

/** Device and remote, as text, of a connection that is the app's by its mark and by nothing else that is
 * known now; null where something is. */
export function unbackedPair(
  connection: Connection,
  grounds: Grounds,
  setting: Setting,
): string | null {
  const end = homeEnd(connection, setting);
  if (end === null || end.protocol === null || !isOpen(grounds.app, end, setting)) return null;
  if (!isRoutableText(end.remote) || setting.isOwn(end.remote)) return null;
  if (rangeOf(grounds.app, end) !== null || isKnown(grounds, end, setting)) return null;
  return peerText(end.device, end.remote);
}

/** What speaks for a flow beside a mark and a TLS hello. */
export type Lasting = Exclude<Ground, 'mark' | 'hello'>;

/** What speaks for a flow, whatever else the owner has decided about the app for now; null: nothing. */
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

/** Whether the app is proxied at all for this device and destination. */
function isOpen(app: App, end: HomeEnd, setting: Setting): boolean {
  return app.direct === undefined && appliesTo(app, end.device, setting) && !isExcepted(app, end);
}

function appliesTo(app: App, device: string, setting: Setting): boolean {
  if (app.devices.length === 0 && app.macs === undefined) return true;
  const mac = setting.macOf(device);
  if (mac !== null && app.macs?.includes(mac) === true) return true;
  const bytes = parseAddress(device);
  return app.devices.some((text) => {
    const block = parseCidr(text);
    return block !== null && bytes?.length === block.bytes.length && cidrHas(block, bytes, 0);
  });
}

function isExcepted({ except }: App, end: HomeEnd): boolean {
  const remote = except === undefined ? null : remoteOf(end);
  return remote !== null && findRange(except!, remote) !== null;
}

function rangeOf(app: App, end: HomeEnd) {
  const remote = remoteOf(end);
  return remote === null ? null : findAppRange(app, remote);
}

function remoteOf({ remote, remotePort: port, protocol }: HomeEnd): EndpointAt | null {
  const bytes = parseAddress(remote);
  if (bytes === null || protocol === null) return null;
  return { bytes, offset: 0, family: familyOf(bytes), protocol, port };
}

/** What a device is known by: its address, and its MAC unless another router has it. */
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
  // A server of the operator is nobody's peer, and a private address is another one's elsewhere.
  const isPeer =
    end.outward && peers.enabled && rangeOf(grounds.app, end) === null && isRoutableText(remote);
  if (isPeer) for (const name of names) grounds.peers.add(peerText(name, remote));
  return true;
}
