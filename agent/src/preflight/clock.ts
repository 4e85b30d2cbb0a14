// preflight/clock: checks the clock: while it is not set or is behind, schedules and expiry dates do not
// work. Pure.

import { CLOCK_IS_SET } from '../policy/schedule.ts';
import { dayOf } from '../profile/expiry.ts';
import type { Look } from './look.ts';
import type { LookedAt } from './seen.ts';

const FIX = 'date -s "YYYY-MM-DD hh:mm" sets it by hand; /etc/init.d/sysntpd restart';

export function clockLook({ policy, wall }: LookedAt): Look {
  const subject = 'clock';
  const seen = `${new Date(wall).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const newest =
    policy.apps
      .map(({ profile }) => profile.version)
      .sort()
      .at(-1) ?? '';
  const isSet = wall >= CLOCK_IS_SET;
  if (isSet && dayOf(wall) >= newest) return { subject, seen, problems: [], notes: [] };
  const timed = policy.apps
    .filter(({ schedule }) => schedule !== undefined)
    .map(({ name }) => name);
  const what = isSet
    ? `the clock is behind: it says ${dayOf(wall)}, and a profile is of ${newest}. Schedules follow the wrong time, and ranges that are no longer believed count; ${FIX}`
    : `the clock is not set (it says ${dayOf(wall)}): schedules do not count${timed.length === 0 ? '' : `, ${timed.join(', ')} is proxied at all hours`}, ranges that are no longer believed count, and times in the log are wrong; ${FIX}`;
  return { subject, seen, problems: [], notes: [{ where: 'clock', what }] };
}
