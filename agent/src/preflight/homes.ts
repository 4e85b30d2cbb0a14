// preflight/homes: functions on the router's network devices for the looks: addresses, ports, devices on top,
// and a device as text. Pure.
import type { KernelAddress } from '../netlink/address.ts';
import { IFF_RUNNING, IFF_UP } from '../netlink/constants.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import { counted } from '../syntax/words.ts';
import type { RouterSeen } from './seen.ts';

type Devices = Pick<RouterSeen, 'links' | 'addresses'>;

export function linkOf({ links }: Devices, name: string): KernelLink | null {
  return links.find((one) => one.name === name) ?? null;
}

/** Its addresses without link-local ones, which every device has. */
export function addressesOf({ addresses }: Devices, { index }: KernelLink): KernelAddress[] {
  return addresses.filter(({ link, address }) => link === index && !/^fe[89ab]/.test(address));
}

/** Devices on top of it (VLANs, macvlans) that have addresses. */
export function addressedAbove(seen: Devices, { index }: KernelLink): KernelLink[] {
  return seen.links.filter((one) => one.parent === index && addressesOf(seen, one).length > 0);
}

export function portsOf({ links }: Devices, { index }: KernelLink): number {
  return links.filter(({ master }) => master === index).length;
}

export function isUp({ flags }: KernelLink): boolean {
  return (flags & IFF_UP) !== 0;
}

/** Up, and with a carrier. */
export function isRunning(link: KernelLink): boolean {
  return isUp(link) && (link.flags & IFF_RUNNING) !== 0;
}

/** "br-lan (bridge, up, 3 ports, 192.168.1.1/24)"; without `state` only what does not change at run time. */
export function deviceText(seen: Devices, link: KernelLink, state = true): string {
  const ports = portsOf(seen, link);
  const now = !isUp(link) ? 'down' : isRunning(link) ? 'up' : 'up, no carrier';
  const parts = [
    ...(link.kind === '' ? [] : [link.kind]),
    ...(state ? [now] : []),
    ...(link.kind === 'bridge' ? [counted(ports, 'port')] : []),
    ...(link.filters ? ['VLAN filtering'] : []),
    ...addressesOf(seen, link)
      .slice(0, 2)
      .map(({ address, prefix }) => `${address}/${prefix}`),
  ];
  return `${link.name} (${parts.join(', ')})`;
}

/** Commands that change a list of the configuration. `from` null: only adds. */
export function uciList(path: string, from: string | null, to: readonly string[]): string {
  const words = [
    ...(from === null ? [] : [`uci del_list ${path}='${from}'`]),
    ...to.map((one) => `uci add_list ${path}='${one}'`),
    'uci commit whp',
    'whp reload',
  ];
  return words.join('; ');
}
