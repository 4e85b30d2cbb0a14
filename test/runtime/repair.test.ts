// A repair of the table waits for nothing that can take long (runtime/repair).
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TABLE } from '../../agent/src/ruleset/names.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { run } from '../../agent/src/runtime/repair.ts';
import { fakeStage, policyOf, until } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-repair-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));

test('a table that is deleted again is made again while connections are still being listed', async () => {
  const stage = fakeStage(FILE);
  const { agent, fake } = stage;
  const stands = (): boolean => fake.nft.tables.has(TABLE);
  await saidDuring(async () => {
    assert.is(await enforce(agent, policyOf()), null);
    let lists = 0;
    Object.assign(agent.kernel.conntrack, {
      list: () => {
        lists += 1;
        return new Promise(() => {});
      },
    });
    for (let times = 1; times <= 2; times++) {
      await stage.flush();
      assert.is(stands(), false);
      run(agent, { kind: 'table', fingerprint: '' });
      await until(stands, 1000);
      await until(() => agent.repairs.count === times, 1000);
    }
    assert.ok(lists > 0, 'connections are looked for after a repair');
  });
});

test('the sets of a changed table are read before it is made again, those of a deleted one are not', async () => {
  const stage = fakeStage(FILE);
  const { agent } = stage;
  await saidDuring(async () => {
    assert.is(await enforce(agent, policyOf()), null);
    const { sets } = agent.kernel;
    const { readInTurns } = sets;
    let reads = 0;
    Object.assign(sets, {
      readInTurns: (...asked: Parameters<typeof readInTurns>) => {
        reads += 1;
        return readInTurns(...asked);
      },
    });
    await stage.flush();
    run(agent, { kind: 'table', fingerprint: '' });
    await until(() => agent.repairs.count === 1, 1000);
    assert.is(reads, 0);
    run(agent, { kind: 'table', fingerprint: 'changed' });
    await until(() => agent.repairs.count === 2, 1000);
    assert.ok(reads > 0);
  });
});

test.run();
