// system/hosts: the files in which OpenWrt's DHCP server keeps what it knows of the devices, and the
// time zone. Read by the daemon at its ticks; policy/ makes sense of them.
import * as os from 'qjs:os';
import { type Host, parseLeases, parseStaticHosts } from '../policy/hosts.ts';
import { minuteOfWeek } from '../policy/schedule.ts';
import { offsetAt, parseZone, UTC } from '../policy/timezone.ts';
import { wallTime } from './clock.ts';
import { readText } from './file.ts';

const STATIC = '/etc/config/dhcp';
const LEASES = '/tmp/dhcp.leases';
const ZONE = '/etc/TZ';

/** Devices by lease and by static entry; a file that is not there has none. */
export function readHosts(): Host[] {
  const fixed = readText(STATIC);
  const leases = readText(leaseFile(fixed.ok ? fixed.text : ''));
  return [
    ...(leases.ok ? parseLeases(leases.text) : []),
    ...(fixed.ok ? parseStaticHosts(fixed.text) : []),
  ];
}

/** dnsmasq may be told to keep them elsewhere. */
function leaseFile(configuration: string): string {
  return /^\s*option\s+leasefile\s+['"]?([^\s'"]+)/m.exec(configuration)?.[1] ?? LEASES;
}

/** A text that differs after a change of either file. */
export function hostsStamp(): string {
  return [STATIC, LEASES]
    .map((path) => {
      const [stat] = os.stat(path);
      return stat === null ? '-' : `${stat.mtime} ${stat.size} ${stat.ino}`;
    })
    .join(' ');
}

/** The minute of the week, local time; null while the clock is not set. */
export function localMinute(): number | null {
  const zone = readText(ZONE);
  const wall = wallTime();
  return minuteOfWeek(wall, offsetAt((zone.ok ? parseZone(zone.text) : null) ?? UTC, wall));
}
