// answers/devices: the answer of `whp devices`: the devices known from DHCP, configuration or learned state, and
// the apps that apply to each. Pure.

import type { Ledger } from '../account/ledger.ts';
import { type TaughtElement, taughtElements } from '../learn/dynamic-sets.ts';
import { learnedEndpoints } from '../learn/endpoints.ts';
import type { App } from '../policy/policy.ts';
import { type SetKind, setName } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import { FAMILIES, type Family, formatAddress } from '../wire/address.ts';
import { bytesIn } from '../wire/hex.ts';
import { type DeviceNames, has } from './device-names.ts';
import type { KernelView } from './flows.ts';
import { type Rows, rowsOf } from './rows.ts';

export interface DeviceAnswer {
  /** The owner's name, else DHCP's; null: neither. */
  readonly device: string | null;
  readonly mac: string | null;
  readonly addresses: readonly string[];
  /** Names of the owner's groups that have it, and of the apps that apply to it. */
  readonly groups: readonly string[];
  readonly apps: readonly string[];
  /** Its learned P2P ports and peers, and its flows with an app's mark now. */
  readonly ports: number;
  readonly peers: number;
  readonly flows: number;
  /** Bytes of applications since counting began; null: nothing is counted. */
  readonly bytes_up: number | null;
  readonly bytes_down: number | null;
}

interface Device {
  readonly mac: string | null;
  readonly addresses: Set<string>;
}

/** What `devicesAnswer` needs besides the apps. */
export interface DeviceSources {
  readonly hosts: readonly Host[];
  readonly names: DeviceNames;
  readonly learned: LearnedOf;
  /** Number of flows with an app's mark, by device address. */
  readonly flows: ReadonlyMap<string, number>;
  /** Totals by subject ("device 192.168.1.11"); null: nothing is counted. */
  readonly totals: Ledger['subjects'] | null;
}

/** Most devices listed; more than a home has. */
const MOST = 512;

/** Learned counts by the device's address. */
export interface LearnedOf {
  readonly ports: ReadonlyMap<string, number>;
  readonly peers: ReadonlyMap<string, number>;
  /** Addresses of devices that resolved an application's name. */
  readonly asked: ReadonlySet<string>;
}

/** Counts from the agent's own copy of the sets, without a request to the kernel. There may be thousands of
 * peers: counted by the device bytes of the key, each device formatted once. */
export function learnedOf({ policy, taught, learned }: State, now: number): LearnedOf {
  const ports = new Map<string, number>();
  const peers = new Map<string, number>();
  for (const { name } of policy.apps) {
    for (const family of FAMILIES) {
      const elements = (kind: SetKind) => taughtElements(taught, setName(name, kind, family), now);
      countDevices(ports, [...elements('udp'), ...elements('tcp')], family);
      countDevices(peers, elements('peer'), family);
    }
  }
  return { ports, peers, asked: new Set(learnedEndpoints(learned).map(({ device }) => device)) };
}

function countDevices(
  into: Map<string, number>,
  elements: readonly TaughtElement[],
  family: Family,
): void {
  const seen = new Map<string, number>();
  for (const { key } of elements) {
    const device = key.slice(0, family === 4 ? 4 : 16);
    seen.set(device, (seen.get(device) ?? 0) + 1);
  }
  for (const [device, count] of seen) {
    const text = formatAddress(bytesIn(device), 0, family);
    into.set(text, (into.get(text) ?? 0) + count);
  }
}

export function devicesAnswer(apps: readonly App[], from: DeviceSources): Rows<DeviceAnswer> {
  const { names, flows, totals } = from;
  const { ports, peers } = from.learned;
  const sum = ({ addresses }: Device, count: (address: string) => number | undefined): number =>
    Array.from(addresses).reduce((all, address) => all + (count(address) ?? 0), 0);
  const used = (device: Device, side: 'up' | 'down'): number | null =>
    totals === null ? null : sum(device, (one) => totals.get(`device ${one}`)?.[side]);
  const { rows, ...more } = rowsOf(gather(apps, from), MOST);
  const answers = rows.map((device) => ({
    device: nameOf(device, names),
    mac: device.mac,
    addresses: Array.from(device.addresses).sort(),
    groups: names.groupsOf(device),
    apps: apps.filter((app) => applies(app, device)).map(({ name }) => name),
    ports: sum(device, (one) => ports.get(one)),
    peers: sum(device, (one) => peers.get(one)),
    flows: sum(device, (one) => flows.get(one)),
    bytes_up: used(device, 'up'),
    bytes_down: used(device, 'down'),
  }));
  return { rows: answers, ...more };
}

function nameOf({ mac, addresses }: Device, names: DeviceNames): string | null {
  for (const known of [...(mac === null ? [] : [mac]), ...addresses]) {
    const name = names.nameOf(known);
    if (name !== null) return name;
  }
  return null;
}

/** Flows with an app's mark by device address, from the kernel's list; empty: the kernel gave an error. */
export function flowsOf(kernel: KernelView): Map<string, number> {
  const found = kernel.connections();
  const counts = new Map<string, number>();
  for (const { original } of found.ok ? found.value : []) {
    counts.set(original.source, (counts.get(original.source) ?? 0) + 1);
  }
  return counts;
}

/** The devices of DHCP, of the owner's sections, of the apps' lists, and those seen, by MAC where it is known. */
function gather(
  apps: readonly App[],
  { hosts, names, learned: { ports, peers, asked }, flows }: DeviceSources,
): Device[] {
  const byMac = new Map<string, Device>();
  const others: Device[] = [];
  const known = new Set<string>();
  const add = (mac: string | null, address: string | null): void => {
    const device = byMac.get(mac ?? '') ?? { mac, addresses: new Set() };
    if (mac === null) others.push(device);
    else byMac.set(mac, device);
    if (address === null) return;
    device.addresses.add(address);
    known.add(address);
  };
  for (const { mac, address } of hosts) add(mac, address);
  for (const { macs, addresses } of names.owned) {
    for (const mac of macs) add(mac, null);
    const alone = macs.length === 1 ? macs[0]! : null;
    for (const address of addresses) {
      if (!known.has(address)) add(names.macOf(address) ?? alone, address);
    }
  }
  for (const mac of apps.flatMap((app) => app.macs ?? [])) add(mac, null);
  for (const address of [...ports.keys(), ...peers.keys(), ...asked, ...flows.keys()]) {
    if (address !== '' && !known.has(address)) add(names.macOf(address), address);
  }
  return [...byMac.values(), ...others];
}

/** Whether the app applies to the device at this address; null: that depends on its MAC, which is not known. */
export function appliesTo(app: App, address: string, mac: string | null): boolean | null {
  if (applies(app, { mac, addresses: new Set([address]) })) return true;
  return mac === null && (app.macs?.length ?? 0) > 0 ? null : false;
}

function applies(app: App, device: Device): boolean {
  if (app.devices.length === 0 && app.macs === undefined) return true;
  if (device.mac !== null && app.macs?.includes(device.mac)) return true;
  return Array.from(device.addresses).some((address) =>
    app.devices.some((block) => has(block, address)),
  );
}
