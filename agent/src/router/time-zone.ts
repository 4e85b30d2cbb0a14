// router/time-zone: the router's local time, for schedules. Each call checks the stamps of the files that
// define the zone and reads them after a change, so a new zone applies without a restart.

import { wallTime } from '../os/clock.ts';
import { readText, stampOf } from '../os/file.ts';
import { minuteOfWeek } from '../policy/schedule.ts';
import type { Clock } from '../syntax/local-time.ts';
import { type FoundZone, findZone, ZONE_FILES } from '../syntax/time-zone-files.ts';
import { offsetAt } from '../syntax/timezone.ts';

/** Bytes: zone data has a few thousand. */
const LARGEST = 1 << 16;

let known: { readonly stamp: string; readonly found: FoundZone } | null = null;

export function readZone(): FoundZone {
  const stamp = ZONE_FILES.map(stampOf).join(' ');
  if (known?.stamp === stamp) return known.found;
  const found = findZone((file) => {
    const read = readText(file, LARGEST);
    return read.ok ? read.text : null;
  });
  known = { stamp, found };
  return found;
}

/** The clock that people read. */
export function localClock(): Clock {
  return { zone: readZone().zone, wall: wallTime() };
}

/** The minute of the week, local time; null: the clock is not set or the zone is unknown. */
export function localMinute(): number | null {
  const { zone } = readZone();
  const wall = wallTime();
  return zone === null ? null : minuteOfWeek(wall, offsetAt(zone, wall));
}
