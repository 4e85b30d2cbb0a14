// bounds/log-rate: a repeating fault cannot fill the log.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { admit, createLogRate, LOG_RATE } from '../../../agent/src/bounds/log-rate.ts';

const HOUR = 3_600_000;

test('a thousand lines a second for an hour are a burst and six a minute', () => {
  const rate = createLogRate(0);
  let said = 0;
  for (let at = 0; at < HOUR; at += 10) if (admit(rate, 'x', at) !== null) said += 1;
  assert.is(said, LOG_RATE.burst + 359);
});

test('what was left out is counted in the next line', () => {
  const rate = createLogRate(0);
  for (let i = 0; i < LOG_RATE.burst; i++) assert.is(admit(rate, 'x', 0), 'x');
  assert.is(admit(rate, 'y', 0), null);
  assert.is(admit(rate, 'y', 1), null);
  assert.is(admit(rate, 'z', 10000), 'z (2 lines before it were left out)');
  assert.is(admit(rate, 'z', 10001), null);
});

test('quiet lets it speak again, and a clock that stands still does not', () => {
  const rate = createLogRate(0);
  for (let i = 0; i < 2 * LOG_RATE.burst; i++) admit(rate, 'x', 5);
  assert.is(admit(rate, 'x', 5), null);
  let said = 0;
  for (let i = 0; i < 2 * LOG_RATE.burst; i++) if (admit(rate, 'x', HOUR) !== null) said += 1;
  assert.is(said, LOG_RATE.burst);
});

test.run();
