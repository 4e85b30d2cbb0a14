// preflight/time-zone: checks the router's time zone: without one, schedules do not apply. Pure.
import type { Look } from './look.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

const FIX =
  "uci set system.@system[0].timezone='CET-1CEST,M3.5.0,M10.5.0/3'; uci commit system; service system reload";

export function timeZoneLook({ policy }: LookedAt, { zone }: RouterSeen): Look {
  const { said, passed } = zone;
  const subject = 'time zone';
  if (said !== null) {
    return { subject, seen: `${said.text} (${said.file})`, problems: [], notes: [] };
  }
  const seen = `unknown: ${passed.map(({ where, what }) => `${where}: ${what}`).join('; ')}`;
  const timed = policy.apps.flatMap((one) => (one.schedule === undefined ? [] : one.name));
  const verb = timed.length === 1 ? 'is' : 'are';
  const what = `the time zone is not known: schedules do not count, ${timed.join(', ')} ${verb} proxied at all hours; for example ${FIX}`;
  return {
    subject,
    seen,
    problems: [],
    notes: timed.length === 0 ? [] : [{ where: subject, what }],
  };
}
