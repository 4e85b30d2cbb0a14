// control/devices: what `whp devices` answers: the devices that DHCP, the configuration or what was
// learned knows of, and which apps apply to each. Pure; serve brings what it is made from.
import type { Host } from '../policy/hosts.ts';
import type { App } from '../policy/policy.ts';
import { cidrHas, parseAddress, parseCidr } from '../wire/address.ts';
import type { LearnedAnswer } from './answers.ts';

export interface DeviceAnswer {
  readonly mac: string | null;
  readonly addresses: readonly string[];
  readonly name: string | null;
  /** Apps that apply to it. */
  readonly apps: readonly string[];
  /** P2P ports and peers learned of it, and its proxied flows now. */
  readonly ports: number;
  readonly peers: number;
  readonly flows: number;
}

interface Device {
  mac: string | null;
  name: string | null;
  readonly addresses: Set<string>;
}

/** More than any home has. */
const MOST = 512;

/** `flows`: proxied flows by their device's address. */
export function devicesAnswer(
  apps: readonly App[],
  hosts: readonly Host[],
  learned: LearnedAnswer,
  flows: ReadonlyMap<string, number>,
): DeviceAnswer[] {
  const devices = gather(apps, hosts, learned, flows);
  const ports = counted(learned.ports.map(({ device }) => device));
  const peers = counted(learned.peers.map(({ device }) => device));
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

/** How often each address is there. */
export function counted(addresses: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const address of addresses) counts.set(address, (counts.get(address) ?? 0) + 1);
  return counts;
}

function gather(
  apps: readonly App[],
  hosts: readonly Host[],
  learned: LearnedAnswer,
  flows: ReadonlyMap<string, number>,
): Device[] {
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
  const seen = [
    ...learned.ports.map(({ device }) => device),
    ...learned.peers.map(({ device }) => device),
    ...learned.endpoints.map(({ device }) => device),
    ...flows.keys(),
  ];
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
