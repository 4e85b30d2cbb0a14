// syntax/timezone: parses a POSIX time zone (POSIX.1-2017, 8.3) as OpenWrt writes it (`CET-1CEST,M3.5.0,M10.5.0/3`)
// and computes its offset from UTC at a time. The C library is not used: not every one reads OpenWrt's file, and a
// changed zone must apply without a restart.

export interface Zone {
  /** Minutes east of Greenwich. */
  readonly standard: number;
  readonly summer: {
    readonly offset: number;
    readonly from: Change;
    readonly to: Change;
  } | null;
}

/** A day of the year; `seconds`: local time of the change, after that day's midnight. */
type Change = { readonly seconds: number } & (
  | { readonly kind: 'month'; readonly month: number; readonly week: number; readonly day: number }
  /** Day of the year from 0; `leap`: 29 February is counted. */
  | { readonly kind: 'day'; readonly day: number; readonly leap: boolean }
);

export const UTC: Zone = { standard: 0, summer: null };

const NAME = '([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)';
const TIME = '([+-]?\\d{1,3}(?::\\d\\d){0,2})';
const ZONE = new RegExp(`^${NAME}${TIME}(?:${NAME}${TIME}?(?:,([^,]+),([^,]+))?)?$`);

/** Null: not a POSIX time zone. "UTC", OpenWrt's default, has no offset, which POSIX requires. */
export function parseZone(text: string): Zone | null {
  if (/^(UTC|GMT|UCT)$/.test(text.trim())) return UTC;
  const match = ZONE.exec(text.trim());
  if (match === null) return null;
  const [, , offset = '', summer, summerOffset, from, to] = match;
  // POSIX offsets are positive west of Greenwich.
  const standard = -secondsOf(offset) / 60;
  if (summer === undefined) return { standard, summer: null };
  // Default without rules: those of the United States, as in C libraries.
  const begin = parseChange(from ?? 'M3.2.0');
  const end = parseChange(to ?? 'M11.1.0');
  if (begin === null || end === null) return null;
  const ahead = summerOffset === undefined ? standard + 60 : -secondsOf(summerOffset) / 60;
  return { standard, summer: { offset: ahead, from: begin, to: end } };
}

function secondsOf(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, '').split(':').map(Number);
  const value = hours * 3600 + minutes * 60 + seconds;
  return text.startsWith('-') ? -value : value;
}

function parseChange(text: string): Change | null {
  const [rule = '', time] = text.split('/');
  if (time !== undefined && !new RegExp(`^${TIME}$`).test(time)) return null;
  const seconds = time === undefined ? 7200 : secondsOf(time);
  const month = /^M(\d{1,2})\.([1-5])\.([0-6])$/.exec(rule);
  if (month !== null) {
    const [, m, week, day] = month.map(Number) as [number, number, number, number];
    return m >= 1 && m <= 12 ? { kind: 'month', month: m, week, day, seconds } : null;
  }
  const day = /^(J?)(\d{1,3})$/.exec(rule);
  if (day === null) return null;
  const leap = day[1] === '';
  const count = Number(day[2]) - (leap ? 0 : 1);
  return count >= 0 && count <= 365 ? { kind: 'day', day: count, leap, seconds } : null;
}

/** Minutes east of Greenwich at `wall` (milliseconds since 1970). */
export function offsetAt(zone: Zone, wall: number): number {
  if (zone.summer === null) return zone.standard;
  const { offset, from, to } = zone.summer;
  const year = new Date(wall + zone.standard * 60000).getUTCFullYear();
  // Each change is in the local time that is valid before it.
  const begin = momentOf(from, year) - zone.standard * 60000;
  const end = momentOf(to, year) - offset * 60000;
  // In the southern hemisphere summer time spans the new year.
  const isSummer = begin < end ? wall >= begin && wall < end : wall >= begin || wall < end;
  return isSummer ? offset : zone.standard;
}

/** The change in `year` as if local time were UTC, milliseconds since 1970. */
function momentOf(change: Change, year: number): number {
  return dayOfChange(change, year) + change.seconds * 1000;
}

const DAY = 86400000;

function dayOfChange(change: Change, year: number): number {
  if (change.kind === 'day') {
    const isLeap = new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1;
    // 59 days precede 29 February.
    const skip = isLeap && !change.leap && change.day >= 59 ? 1 : 0;
    return Date.UTC(year, 0, 1) + (change.day + skip) * DAY;
  }
  const first = Date.UTC(year, change.month - 1, 1);
  const ahead = (change.day - new Date(first).getUTCDay() + 7) % 7;
  const wanted = first + (ahead + (change.week - 1) * 7) * DAY;
  // Week 5 means the last week, which may be the fourth.
  return new Date(wanted).getUTCMonth() === change.month - 1 ? wanted : wanted - 7 * DAY;
}
