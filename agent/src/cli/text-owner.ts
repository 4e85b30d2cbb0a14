// cli/text-owner: devices, proxies, pins and the results of the owner's commands as text. Pure.

import type { DeviceAnswer } from '../answers/devices.ts';
import type { Rows } from '../answers/rows.ts';
import type { ProxyAnswer } from '../answers/status.ts';
import type { Pin } from '../policy/choices.ts';
import { columns, tunnelText } from './text.ts';

export function pinsText({ rows: pins }: Rows<Pin>): string {
  if (pins.length === 0) return 'nothing is pinned\n';
  return `${columns([['address', 'app'], ...pins.map((one) => [one.address, one.app])])}\n`;
}

export function proxiesText({ rows: proxies }: Rows<ProxyAnswer>): string {
  if (proxies.length === 0) return 'no proxy is enabled: see /etc/config/whp\n';
  const rows = proxies.map((one) => [
    one.proxy,
    one.address,
    tunnelText(one),
    one.apps.join(' ') || '-',
    one.preferred ? 'in use until whp proxy use auto' : '',
  ]);
  return `${columns([['proxy', 'address', 'state', 'apps', ''], ...rows])}\n`;
}

export function devicesText({ rows: devices }: Rows<DeviceAnswer>): string {
  if (devices.length === 0) return 'no device is known: DHCP has no lease\n';
  const head = ['name', 'MAC', 'address', 'flows', 'apps'];
  const rows = devices.map((one) => [
    one.device ?? '-',
    one.mac ?? '-',
    one.addresses.join(' ') || '-',
    one.flows,
    one.apps.join(' ') || '-',
  ]);
  return `${columns([head, ...rows])}\n`;
}
