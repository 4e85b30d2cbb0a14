// The search for flows older than their evidence, on the fake kernel: its order, and when it looks once more.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setName } from '../../agent/src/ruleset/names.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { DEVICE, type FakeStage, fakeStage, policyOf, until } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-late-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));

const PORT = 13021;
const PEER = { to: '203.0.113.9', toPort: 4000 };
/** In a range of the profile that teaches UDP ports. */
const SUPERNODE = { to: '111.221.74.20', toPort: 33033 };

/** A stage with these flows of one port, none of them marked, before the agent enforces. */
async function stageWith(...ends: readonly (typeof PEER)[]): Promise<FakeStage> {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  for (const end of ends) await stage.addFlow({ from: DEVICE, port: PORT, mark: 0, ...end });
  return stage;
}

test('a port that a search shows is in its set before the flow is ended', async () => {
  const stage = await stageWith(SUPERNODE);
  const udp = setName('skype', 'udp', 4);
  const known: number[] = [];
  stage.fake.onChange = (what) => {
    if (what === 'delete 1 connections') known.push(stage.kernel.sets.count(udp));
  };
  await saidDuring(async () => {
    assert.is(await enforce(stage.agent, policyOf()), null);
    await until(() => stage.agent.effects.late.cut > 0);
  });
  assert.equal(known, [1]);
});

test('a further search for what one has shown does not wait, however long that one took', async () => {
  // The peer's flow is listed before the port is known.
  const stage = await stageWith(PEER, SUPERNODE);
  stage.fake.conntrack.spent = 1e6;
  const said = await saidDuring(async () => {
    assert.is(await enforce(stage.agent, policyOf()), null);
    await until(() => stage.agent.effects.late.cut === 2);
  });
  assert.equal(stage.fake.conntrack.entries, []);
  // The first search has left one flow, of which it is not known yet whether anything speaks for it.
  assert.equal(
    said.filter((line) => line.includes('nothing speaks')),
    [],
  );
});

test('connections for which nothing speaks are told of once, after all has been searched', async () => {
  const stage = await stageWith(PEER);
  const said = await saidDuring(async () => {
    assert.is(await enforce(stage.agent, policyOf()), null);
    await until(() => !stage.agent.effects.late.isFirst);
  });
  const told = said.filter((line) => line.includes('nothing speaks'));
  assert.is(told.length, 1);
  assert.match(told[0]!, /1 connection of devices$/);
});

test.run();
