// syntax/local-time: the time of the router's clock; a date and the offset when it is another day.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { momentText } from '../../../agent/src/syntax/local-time.ts';
import { parseZone } from '../../../agent/src/syntax/timezone.ts';

const at = (text: string): number => Date.parse(text);
const berlin = parseZone('CET-1CEST,M3.5.0,M10.5.0/3');

test('on the same day the clock alone', () => {
  assert.is(momentText(berlin, at('2026-11-29T17:35:00Z'), at('2026-11-29T16:35:00Z')), '18:35');
  assert.is(momentText(berlin, at('2026-07-01T22:10:59Z'), at('2026-07-01T22:05:00Z')), '00:10');
});

test('on another day of that place the date and the offset', () => {
  const late = at('2026-11-30T22:50:00Z');
  assert.is(momentText(berlin, late + 3_600_000, late), 'Tue 1 Dec 00:50 UTC+1');
  // In UTC it is the same day.
  assert.is(
    momentText(berlin, at('2026-11-30T23:20:00Z'), at('2026-11-30T22:20:00Z')),
    'Tue 1 Dec 00:20 UTC+1',
  );
  const newfoundland = parseZone('NST3:30NDT,M3.2.0,M11.1.0');
  assert.is(
    momentText(newfoundland, at('2026-01-02T03:30:00Z'), at('2026-01-01T12:00:00Z')),
    'Fri 2 Jan 00:00 UTC-3:30',
  );
});

test('the offset is that of the moment, not of now', () => {
  // Summer time ends on 25 October at 01:00 UTC.
  const before = at('2026-10-24T10:00:00Z');
  assert.is(momentText(berlin, before + 86_400_000, before), 'Sun 25 Oct 11:00 UTC+1');
});

test('a zone that is not known is UTC, and says so', () => {
  assert.is(momentText(null, at('2026-11-29T17:35:00Z'), at('2026-11-29T16:35:00Z')), '17:35 UTC');
});

test.run();
