// cli/text-owner: devices, proxies, pins and the results of the owner's commands as text. Pure.

import type { DeviceAnswer } from '../answers/devices.ts';
import type { ProxyAnswer } from '../answers/proxies.ts';
import type { Rows } from '../answers/rows.ts';
import type { Pin } from '../policy/choices.ts';
import { counted } from '../syntax/words.ts';
import { type Row, table } from './columns.ts';
import { tunnelText } from './text-status.ts';

export function pinsText({ rows: pins }: Rows<Pin>): string {
  if (pins.length === 0) return 'nothing is pinned\n';
  return `${table([['address', 'app'], ...pins.map((one): Row => [one.address, one.app])])}\n`;
}

export function proxiesText({ rows: proxies }: Rows<ProxyAnswer>): string {
  if (proxies.length === 0) return 'no proxy is enabled\n  whp check\n';
  const rows = proxies.map((one): Row => {
    const alone = one.preferred ? ' (alone until whp proxy use auto)' : '';
    return [one.proxy, one.address, tunnelText(one), `${one.apps.join(' ') || '-'}${alone}`];
  });
  return `${table([['proxy', 'address', 'state', 'apps'], ...rows])}\n`;
}

export function devicesText({ rows: devices, more }: Rows<DeviceAnswer>): string {
  if (devices.length === 0) return 'no device is known: DHCP has no lease\n';
  const head: Row = ['name', 'MAC', 'open', 'apps', 'addresses'];
  const rows = devices.map(
    (one): Row => [
      one.device ?? '-',
      one.mac ?? '-',
      one.flows,
      one.apps.join(' ') || '-',
      one.addresses.join(' ') || '-',
    ],
  );
  const rest = more === true ? `at most ${counted(rows.length, 'device')}\n` : '';
  return `${table([head, ...rows])}\n${rest}`;
}
