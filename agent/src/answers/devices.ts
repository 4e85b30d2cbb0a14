// answers/devices: the answer of `whp devices`: the devices known from DHCP, configuration or learned state, and
// the apps that apply to each. Pure.

import { type TaughtElement, taughtElements } from '../learn/dynamic-sets.ts';
import { learnedEndpoints } from '../learn/endpoints.ts';
import { getBe32 } from '../netlink/message.ts';
import type { App } from '../policy/policy.ts';
import { type SetKind, setName } from '../ruleset/names.ts';
import { FAMILIES } from '../ruleset/terms.ts';
import type { State } from '../step/state.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import { cidrHas, type Family, formatAddress, parseAddress, parseCidr } from '../wire/address.ts';
import type { KernelView } from './flows.ts';

export interface DeviceAnswer {
  readonly mac: string | null;
  readonly addresses: readonly string[];
  readonly name: string | null;
  /** Names of the apps that apply to the device. */
  readonly apps: readonly string[];
  /** Its learned P2P ports and peers, and its flows with an app's mark now. */
  readonly ports: number;
  readonly peers: number;
  readonly flows: number;
}

interface Device {
  mac: string | null;
  name: string | null;
  readonly addresses: Set<string>;
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
  const seen = new Map<string | number, { readonly device: Uint8Array; count: number }>();
  for (const { key: device } of elements) {
    const name = family === 4 ? getBe32(device, 0) : device.subarray(0, 16).join();
    const known = seen.get(name);
    if (known === undefined) seen.set(name, { device, count: 1 });
    else known.count += 1;
  }
  for (const { device, count } of seen.values()) {
    const text = formatAddress(device, 0, family);
    into.set(text, (into.get(text) ?? 0) + count);
  }
}

/** `flows`: number of flows with an app's mark, by device address. */
export function devicesAnswer(
  apps: readonly App[],
  hosts: readonly Host[],
  { ports, peers, asked }: LearnedOf,
  flows: ReadonlyMap<string, number>,
): DeviceAnswer[] {
  const seen = [...ports.keys(), ...peers.keys(), ...asked, ...flows.keys()];
  const devices = gather(apps, hosts, seen);
  const sum = ({ addresses }: Device, counts: ReadonlyMap<string, number>): number =>
    Array.from(addresses).reduce((all, address) => all + (counts.get(address) ?? 0), 0);
  return devices.slice(0, MOST).map((device) => ({
    mac: device.mac,
    addresses: Array.from(device.addresses).sort(),
    name: device.name,
    apps: apps.filter((app) => applies(app, device)).map(({ name }) => name),
    ports: sum(device, ports),
    peers: sum(device, peers),
    flows: sum(device, flows),
  }));
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

function gather(apps: readonly App[], hosts: readonly Host[], seen: readonly string[]): Device[] {
  const byMac = new Map<string, Device>();
  const known = new Set<string>();
  for (const { mac, address, name } of hosts) {
    const device = byMac.get(mac) ?? { mac, name: null, addresses: new Set() };
    byMac.set(mac, device);
    device.name ??= name;
    if (address === null) continue;
    device.addresses.add(address);
    known.add(address);
  }
  for (const mac of apps.flatMap((app) => app.macs ?? [])) {
    if (!byMac.has(mac)) byMac.set(mac, { mac, name: null, addresses: new Set() });
  }
  const others = new Set(seen.filter((address) => address !== '' && !known.has(address)));
  const unknown = Array.from(
    others,
    (address): Device => ({
      mac: null,
      name: null,
      addresses: new Set([address]),
    }),
  );
  return [...byMac.values(), ...unknown];
}

/** Whether the app applies to the device at this address; null: that depends on its MAC, which is not known. */
export function appliesTo(app: App, address: string, mac: string | null): boolean | null {
  if (applies(app, { mac, name: null, addresses: new Set([address]) })) return true;
  return mac === null && (app.macs?.length ?? 0) > 0 ? null : false;
}

function applies(app: App, device: Device): boolean {
  if (app.devices.length === 0 && app.macs === undefined) return true;
  if (device.mac !== null && app.macs?.includes(device.mac)) return true;
  return Array.from(device.addresses).some((address) => {
    const bytes = parseAddress(address);
    return app.devices.some((text) => {
      const block = parseCidr(text);
      if (block === null || bytes === null || block.bytes.length !== bytes.length) return false;
      return cidrHas(block, bytes, 0);
    });
  });
}
