// policy/schedule and syntax/timezone: spans of the week in local time, across midnight, across the end of the
// week, across changes of summer time, and without a set clock.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isInside, minuteOfWeek, parseSchedule } from '../../../agent/src/policy/schedule.ts';
import { offsetAt, parseZone, UTC } from '../../../agent/src/syntax/timezone.ts';

const MON = Date.UTC(2026, 10, 16);
const MINUTE = 60000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function active(schedule: string, wall: number, offset = 0): boolean {
  const parsed = parseSchedule(schedule);
  if (!parsed.ok) throw new Error(parsed.what);
  return isInside(parsed.value, minuteOfWeek(wall, offset)!);
}

test('from the first minute to before the last, on its days', () => {
  assert.is(active('mon-fri 16:00-20:00', MON + 16 * HOUR), true);
  assert.is(active('mon-fri 16:00-20:00', MON + 16 * HOUR - 1), false);
  assert.is(active('mon-fri 16:00-20:00', MON + 20 * HOUR - 1), true);
  assert.is(active('mon-fri 16:00-20:00', MON + 20 * HOUR), false);
  assert.is(active('mon-fri 16:00-20:00', MON + 5 * DAY + 17 * HOUR), false);
  assert.is(active('Sat,Sun 09:00-24:00', MON + 6 * DAY + 23 * HOUR), true);
  assert.is(active('sat-mon 9:00-10:00', MON + 9 * HOUR), true);
});

test('over midnight, and from Sunday into Monday', () => {
  assert.is(active('sun 22:00-06:00', MON + 5 * HOUR), true);
  assert.is(active('sun 22:00-06:00', MON + 6 * HOUR), false);
  assert.is(active('22:00-06:00', MON + 3 * DAY + 23 * HOUR), true);
  assert.is(active('daily 00:00-24:00', MON), true);
});

test('in the time of the place', () => {
  assert.is(active('mon 00:00-01:00', MON - 2 * HOUR, 120), true);
  assert.is(active('sun 19:00-20:00', MON, -300), true);
});

test('a clock that nobody has set has no minute', () => {
  assert.is(minuteOfWeek(0, 60), null);
  assert.is(minuteOfWeek(Number.NaN, 0), null);
  assert.is(minuteOfWeek(Date.UTC(2025, 11, 31, 23), 600), null);
});

function said(text: string): string {
  const parsed = parseSchedule(text);
  return parsed.ok ? 'no problem' : parsed.what;
}

test('what is no schedule says so', () => {
  for (const text of [
    '',
    'mon',
    'mon 9-10',
    'foo 09:00-10:00',
    'mon 09:00-10:00 x',
    'mon,-fri 1:00-2:00',
  ]) {
    assert.match(said(text), /no schedule/, text);
  }
  assert.match(said('mon 25:00-26:00'), /no time of the day/);
  assert.match(said('mon 10:61-11:00'), /no time of the day/);
  assert.match(said('mon 10:00-10:00'), /ends when it begins/);
});

function offset(zone: string, wall: number): number {
  return offsetAt(parseZone(zone)!, wall);
}

test('summer time begins and ends at its second', () => {
  const berlin = 'CET-1CEST,M3.5.0,M10.5.0/3';
  assert.is(offset(berlin, Date.UTC(2026, 2, 29, 0, 59, 59)), 60);
  assert.is(offset(berlin, Date.UTC(2026, 2, 29, 1)), 120);
  assert.is(offset(berlin, Date.UTC(2026, 9, 25, 0, 59, 59)), 120);
  assert.is(offset(berlin, Date.UTC(2026, 9, 25, 1)), 60);
  const york = 'EST5EDT,M3.2.0,M11.1.0';
  assert.is(offset(york, Date.UTC(2026, 2, 8, 6, 59)), -300);
  assert.is(offset(york, Date.UTC(2026, 2, 8, 7)), -240);
  assert.is(offset(york, Date.UTC(2026, 10, 1, 5, 59)), -240);
  assert.is(offset(york, Date.UTC(2026, 10, 1, 6)), -300);
});

test('the south, odd minutes, names in brackets, days of the year', () => {
  const sydney = 'AEST-10AEDT,M10.1.0,M4.1.0/3';
  assert.is(offset(sydney, Date.UTC(2026, 0, 15)), 660);
  assert.is(offset(sydney, Date.UTC(2026, 6, 15)), 600);
  assert.is(offset('<+0530>-5:30', MON), 330);
  assert.is(offset('<-03>3<-02>,M3.5.0/-2,M10.5.0/-1', Date.UTC(2026, 6, 1)), -120);
  assert.is(offset('AAA0BBB,J60,J300', Date.UTC(2028, 2, 1, 1, 59)), 0);
  assert.is(offset('AAA0BBB,J60,J300', Date.UTC(2028, 2, 1, 2)), 60);
  assert.is(offset('AAA0BBB,59,300', Date.UTC(2028, 1, 29, 2)), 60);
  assert.equal(parseZone('UTC0'), UTC);
});

test('what is no zone is none', () => {
  for (const text of ['', 'Europe/Berlin', 'CET', 'CET-1CEST,M3.5.0', 'CET-1CEST,M13.5.0,M1.1.0']) {
    assert.is(parseZone(text), null, text);
  }
});

test.run();
