// By which way the table is loaded, on the fake kernel: as text the first time, and as messages once it is encoded.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Policy } from '../../agent/src/policy/policy.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { adopt, handoverOf } from '../../agent/src/runtime/handover.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { startKeeping } from '../../agent/src/runtime/repair.ts';
import { endProcess } from '../scenario/scenarios.ts';
import { agentOn, type FakeStage, fakeStage, policyOf, until } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-messages-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));

const enforced = (stage: FakeStage, policy: Policy): Promise<unknown> =>
  saidDuring(async () => {
    assert.is(await enforce(stage.agent, policy), null);
  });

test('a lost table is loaded as messages', async () => {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  const { fake, agent } = stage;
  await enforced(stage, policyOf());
  assert.equal(fake.byMessages, [false]);
  await until(() => agent.table.encoded !== null);
  // What has made the messages is not kept.
  assert.is(agent.table.compiled?.ruleset, null);
  const keeping = startKeeping(agent);
  await saidDuring(async () => {
    await stage.flush();
    await until(() => fake.byMessages.length === 2);
    await until(() => agent.repairs.count === 1);
  });
  if (keeping.ok) keeping.value();
  assert.equal(fake.byMessages, [false, true]);
});

test('a new table is loaded as text, and not by the messages of the one before', async () => {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  await enforced(stage, policyOf());
  await until(() => stage.agent.table.encoded !== null);
  await enforced(stage, policyOf({}, undefined, { ranges: [] }));
  assert.equal(stage.fake.byMessages, [false, false]);
});

test('a table that was taken over gets its messages too', async () => {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  await enforced(stage, policyOf());
  endProcess(stage.agent);
  stage.agent = agentOn(stage, policyOf());
  await saidDuring(() => adopt(stage.agent, policyOf(), handoverOf(stage.kernel, stage.file)));
  await enforced(stage, policyOf());
  await until(() => stage.agent.table.encoded !== null);
  const { encoded, piece } = stage.agent.table;
  assert.is(encoded!.standing, piece!.parts);
  assert.equal(stage.fake.byMessages, [false]);
});

test('without nft the table is encoded before it is loaded', async () => {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  Object.assign(stage.kernel.tables, { hasNft: () => false });
  await enforced(stage, policyOf());
  assert.equal(stage.fake.byMessages, [true]);
});

test.run();
