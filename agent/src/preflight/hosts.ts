// preflight/hosts: checks the sources of device names and addresses: devices are unknown while a lease file
// or the static hosts cannot be read. Pure.
import type { Problem } from '../syntax/result.ts';
import { counted } from '../syntax/words.ts';
import type { Look } from './look.ts';
import { placeOf, sectionsOf } from './place.ts';
import type { LookedAt, RouterSeen } from './seen.ts';
import { unmetDevices } from './unmet.ts';

const UNREADABLE =
  'until then devices with leases in it are known by their MAC alone; check option leasefile in /etc/config/dhcp';

export function hostsLook(subject: LookedAt, router: RouterSeen): Look {
  const { hosts } = router;
  const { leases, fixed, notes } = hosts;
  const files = leases.map(({ path, devices, trouble }) => {
    if (trouble !== null) return `${path}: ${trouble}`;
    return `${path}: ${devices === null ? 'not there' : counted(devices, 'lease')}`;
  });
  const unread = leases.flatMap(({ path, trouble }): Problem[] =>
    trouble === null ? [] : [{ where: path, what: `cannot be read: ${trouble}; ${UNREADABLE}` }],
  );
  return {
    subject: 'dhcp leases and static hosts',
    seen: [...files, `/etc/config/dhcp: ${counted(fixed, 'static host')}`].join(', '),
    problems: [],
    notes: [...notes, ...unread, ...unknownDevices(subject), ...unmetDevices(subject, router)],
  };
}

/** Apps limited to device names that no DHCP host has. */
function unknownDevices({ policy, uci }: LookedAt): Problem[] {
  const sections = sectionsOf(uci, 'app');
  return policy.apps.flatMap(({ name, macs, devices }): Problem[] => {
    const placed = sections.find(({ section }) => section.name === name);
    if (macs?.length !== 0 || devices.length > 0 || placed === undefined) return [];
    const what = `no lease and no static host has a name of its devices, so nobody's ${name} is proxied: write the MAC of each (list device); whp devices`;
    return [{ where: placeOf(placed, 'device'), what }];
  });
}
