// Looks at where the names and addresses of devices come from: a lease file or a static host that
// cannot be read leaves a device that the configuration names unknown. Pure.
import type { Problem } from '../policy/result.ts';
import type { Look } from './look.ts';
import type { RouterSeen, Subject } from './seen.ts';

const UNREADABLE =
  'until then devices with leases in it are known by their MAC alone; check option leasefile in /etc/config/dhcp';

export function hostsLook(_: Subject, { hosts }: RouterSeen): Look {
  const { leases, fixed, notes } = hosts;
  const files = leases.map(({ path, devices, trouble }) => {
    if (trouble !== null) return `${path}: ${trouble}`;
    return `${path}: ${devices === null ? 'not there' : count(devices, 'lease')}`;
  });
  const unread = leases.flatMap(({ path, trouble }): Problem[] =>
    trouble === null ? [] : [{ where: path, what: `cannot be read: ${trouble}; ${UNREADABLE}` }],
  );
  return {
    subject: 'dhcp leases and static hosts',
    seen: [...files, `/etc/config/dhcp: ${count(fixed, 'static host')}`].join(', '),
    problems: [],
    notes: [...notes, ...unread],
  };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
