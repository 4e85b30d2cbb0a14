// control/devices: what `whp devices` answers: the devices that DHCP, the configuration or what was
// learned knows of, and which apps apply to each. Pure; serve brings what it is made from.
import type { Host } from '../policy/hosts.ts';
import type { App } from '../policy/policy.ts';
import { cidrHas, parseAddress, parseCidr } from '../wire/address.ts';
import type { FlowAnswer, LearnedAnswer } from './answers.ts';

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

export function devicesAnswer(
  apps: readonly App[],
  hosts: readonly Host[],
  learned: LearnedAnswer,
  flows: readonly FlowAnswer[],
): DeviceAnswer[] {
  const devices = gather(apps, hosts, learned, flows);
  const about = (device: Device, address: string): boolean => device.addresses.has(address);
  return devices.slice(0, MOST).map((device) => ({
    mac: device.mac,
    addresses: Array.from(device.addresses).sort(),
    name: device.name,
    apps: apps.filter((app) => applies(app, device)).map(({ name }) => name),
    ports: learned.ports.filter((one) => about(device, one.device)).length,
    peers: learned.peers.filter((one) => about(device, one.device)).length,
    flows: flows.filter((one) => about(device, sourceOf(one))).length,
  }));
}

/** Of a flow as it is printed: "udp 192.168.1.11:13021 > 198.51.100.7:443". */
function sourceOf({ flow }: FlowAnswer): string {
  const end = flow.split(' ')[1] ?? '';
  return /^\[(.+)\]/.exec(end)?.[1] ?? end.replace(/:\d+$/, '');
}

function gather(
  apps: readonly App[],
  hosts: readonly Host[],
  learned: LearnedAnswer,
  flows: readonly FlowAnswer[],
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
    ...flows.map(sourceOf),
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
