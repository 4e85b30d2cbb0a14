// What an agent does at each tick for the next one (runtime/handover): thousands of elements are read, and their names
// written, for a small part of the time.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { after, now } from '../../agent/src/os/clock.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { tickHandover } from '../../agent/src/runtime/handover.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { fakeStage, policyOf } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-handover-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));

/** A long reading, milliseconds; the ticks go on for less than its pause. */
const LONG = 40;
const TICKS = 30;

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => void after(milliseconds, resolve));

/** Readings and written names after TICKS, each with news of an endpoint. */
async function ticksWith(reading: () => Promise<void>, writing: () => void) {
  removeHandover(FILE);
  const { agent } = fakeStage(FILE);
  await saidDuring(async () => {
    assert.is(await enforce(agent, policyOf()), null);
  });
  const count = { read: 0, written: 0 };
  const { kernel } = agent;
  const readInTurns = async (): Promise<boolean> => {
    count.read += 1;
    await reading();
    return true;
  };
  const { learned, counters } = agent.state;
  const slow = {
    ...agent,
    kernel: { ...kernel, sets: { ...kernel.sets, readInTurns } },
    state: {
      ...agent.state,
      counters: { ...counters },
      learned: {
        ...learned,
        get sets() {
          count.written += 1;
          writing();
          return learned.sets;
        },
      },
    },
  };
  for (let tick = 0; tick < TICKS; tick++) {
    slow.state.counters.matched += 1;
    tickHandover(slow);
    await sleep(0);
  }
  return count;
}

function busy(): void {
  for (const until = now() + LONG; now() < until; );
}

test('sets and names that take little time are read and written again soon', async () => {
  const count = await ticksWith(
    async () => {},
    () => {},
  );
  assert.ok(count.read > 1 && count.written > 1, JSON.stringify(count));
});

test('after a long reading the next one waits, as names do after a long writing', async () => {
  const count = await ticksWith(() => sleep(LONG), busy);
  assert.equal(count, { read: 1, written: 1 });
});

test.run();
