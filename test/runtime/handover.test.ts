// What an agent does at each tick for the next one (runtime/handover): thousands of elements are read, and their names
// written, for a small part of the time.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findEndpoint } from '../../agent/src/learn/endpoints.ts';
import { after, now } from '../../agent/src/os/clock.ts';
import { addressKey } from '../../agent/src/ruleset/elements.ts';
import { setName } from '../../agent/src/ruleset/names.ts';
import type { Agent } from '../../agent/src/runtime/agent.ts';
import { catchUp, enforce } from '../../agent/src/runtime/enforce.ts';
import { adopt, leftBehind, tickHandover } from '../../agent/src/runtime/handover.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { keepLast } from '../../agent/src/runtime/kept.ts';
import { noteGone } from '../../agent/src/runtime/table-state.ts';
import { agentOn, fakeStage, policyOf } from '../scenario/stage.ts';
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

/** An agent that has taken over the table of one before, which had learned an address, and has enforced its policy. */
async function takenOver(): Promise<Agent> {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  await saidDuring(async () => {
    await enforce(stage.agent, policyOf());
    const elements = [{ key: addressKey(SERVER)!, timeout: 3_600_000 }];
    stage.kernel.sets.change([{ operation: 'add', set: ADDRESSES, elements }]);
    stage.agent = agentOn(stage, policyOf());
    await adopt(stage.agent, policyOf(), leftBehind(stage.kernel, stage.file));
    assert.is(await enforce(stage.agent, policyOf()), null);
  });
  return stage.agent;
}

const SERVER = '93.184.216.34';
const ADDRESSES = setName('skype', 'addr', 4);
const knows = ({ state }: Agent): boolean => findEndpoint(state.learned, 'skype', SERVER) !== null;

test('what the table that stands has learned is read after the policy is enforced', async () => {
  const agent = await takenOver();
  assert.not.ok(knows(agent));
  const said = await saidDuring(() => catchUp(agent));
  assert.ok(knows(agent));
  assert.match(said.join('\n'), 'a table stands: taken over; 1 learned element');
  // Once.
  assert.equal(await saidDuring(() => catchUp(agent)), []);
});

test('it is read before the table is loaded whole, and before the agent ends', async () => {
  for (const need of [
    async (agent: Agent) => {
      noteGone(agent.table);
      assert.is(await enforce(agent, policyOf()), null);
      const found = agent.kernel.sets.read(ADDRESSES);
      assert.is(found.ok && found.value.length, 1);
    },
    keepLast,
  ]) {
    const agent = await takenOver();
    await saidDuring(() => need(agent));
    assert.ok(knows(agent));
  }
});

test.run();
