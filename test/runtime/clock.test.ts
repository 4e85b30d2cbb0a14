// os/clock on the host's event loop: a periodic job that takes longer than its period leaves other timers their turn.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { after, every, now } from '../../agent/src/os/clock.ts';

/** Milliseconds of the period, and of its job. */
const PERIOD = 1;
const JOB = 3;
/** Most times of the job: without a turn for the other timer it would go on for ever. */
const MOST = 200;

test('a timer runs beside a job that is always due', async () => {
  let times = 0;
  const isRun = await new Promise<boolean>((resolve) => {
    const stop = every(PERIOD, () => {
      for (const until = now() + JOB; now() < until; );
      times += 1;
      if (times === MOST) end(false);
    });
    const end = (value: boolean): void => {
      stop();
      resolve(value);
    };
    after(JOB, () => end(true));
  });
  assert.ok(isRun, `not in ${times} times`);
});

test('a stopped job does not run again', async () => {
  let times = 0;
  const stop = every(PERIOD, () => {
    times += 1;
    stop();
  });
  await new Promise<void>((resolve) => after(20, resolve));
  assert.is(times, 1);
});

test('jobs of one period come together, whenever each began', async () => {
  const period = 200;
  const one: number[] = [];
  const other: number[] = [];
  const stops = [every(period, () => one.push(now()))];
  await new Promise<void>((resolve) => after(0.6 * period, resolve));
  stops.push(every(period, () => other.push(now())));
  await new Promise<void>((resolve) => after(6 * period, resolve));
  for (const stop of stops) stop();
  const apart = other.map((at) => Math.min(...one.map((time) => Math.abs(time - at))));
  assert.ok(other.length > 1 && Math.max(...apart) < period / 4, `apart: ${apart.join(' ')}`);
});

test.run();
