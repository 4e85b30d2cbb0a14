// policy/schedule: parses the hours at which an app is proxied: spans of the week in local time. The agent
// tests them at every tick with the time as an argument. nft's `meta hour` would use the kernel's time zone,
// which most routers never set, and would not notice an unset clock.

import { type Checked, invalid, ok } from '../syntax/result.ts';

/** Minutes since Monday 00:00, local time: [from, to). `to` may exceed the week. */
export type WeekSpan = readonly [from: number, to: number];

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const DAY = 1440;
const WEEK = 7 * DAY;

/**
 * Parses `[DAYS] HH:MM-HH:MM`. DAYS: `daily`, or days and spans of days, separated by commas:
 * `mon-fri 16:00-20:00`, `sat,sun 09:00-21:30`, `22:00-06:00` (over midnight, every day).
 */
export function parseSchedule(text: string): Checked<WeekSpan[]> {
  const words = text.trim().toLowerCase().split(/\s+/);
  const [days, hours] = words.length === 1 ? ['daily', words[0]!] : [words[0]!, words[1]!];
  const shape = invalid(`"${text}" is no schedule; write it as mon-fri 16:00-20:00`);
  if (words.length > 2) return shape;
  const chosen = parseDays(days);
  if (chosen === null) return shape;
  const match = /^(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)$/.exec(hours);
  if (match === null) return shape;
  const [from, to] = [minute(match[1]!, match[2]!), minute(match[3]!, match[4]!)];
  if (from === null || to === null || from === DAY)
    return invalid(`"${text}" names no time of the day`);
  if (from === to)
    return invalid(`"${text}" ends when it begins; for a whole day write 00:00-24:00`);
  const length = to > from ? to - from : to + DAY - from;
  return ok(chosen.map((day) => [day * DAY + from, day * DAY + from + length] as const));
}

/** Minute of the day; null: out of range. 24:00 is the end of the day. */
function minute(hours: string, minutes: string): number | null {
  const value = Number(hours) * 60 + Number(minutes);
  return Number(minutes) < 60 && value <= DAY ? value : null;
}

function parseDays(text: string): number[] | null {
  if (text === 'daily') return [0, 1, 2, 3, 4, 5, 6];
  const chosen = new Set<number>();
  for (const part of text.split(',')) {
    const [first = '', last = first, ...rest] = part.split('-');
    const from = DAYS.indexOf(first);
    const to = DAYS.indexOf(last);
    if (from < 0 || to < 0 || rest.length > 0) return null;
    for (let day = from; ; day = (day + 1) % 7) {
      chosen.add(day);
      if (day === to) break;
    }
  }
  return [...chosen].sort((a, b) => a - b);
}

/** Whether `minute` of the week is in a span. */
export function isInside(spans: readonly WeekSpan[], minute: number): boolean {
  return spans.some(
    ([from, to]) =>
      (from <= minute && minute < to) || (from <= minute + WEEK && minute + WEEK < to),
  );
}

/** An earlier time means that the clock is not set: a router without a battery boots in the past. */
export const CLOCK_IS_SET = Date.UTC(2026, 0, 1);

/**
 * The minute of the week of a wall time (milliseconds since 1970) at `offset` minutes east of Greenwich;
 * null: the clock is not set.
 */
export function minuteOfWeek(wall: number, offset: number): number | null {
  if (!(wall >= CLOCK_IS_SET)) return null;
  const minutes = Math.floor(wall / 60000) + offset;
  // 1 January 1970 was a Thursday.
  return (((minutes + 3 * DAY) % WEEK) + WEEK) % WEEK;
}
