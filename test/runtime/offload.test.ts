// The table that keeps our flows out of others' flow tables, on the fake kernel: a namespace may have no flow tables.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { fakeStage, policyOf } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-offload-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));
const flowTable = (table: string, name: string): string => `table inet ${table} {
  flowtable ${name} {
    hook ingress priority 0; devices = { lo };
  }
  chain forward {
    type filter hook forward priority -199;
  }
}
`;

for (const foreign of [true, false]) {
  test(`that of an agent up to version 0.1.0 is deleted${foreign ? ', after its successor was made' : ''}`, async () => {
    removeHandover(FILE);
    const stage = fakeStage(FILE);
    const { tables } = stage.kernel;
    if (foreign) await tables.load(() => flowTable('fw4', 'ft'), null);
    await tables.load(() => flowTable('whp_apart', 'none'), null);
    const before = stage.fake.changes.length;
    await saidDuring(async () => {
      assert.is(await enforce(stage.agent, policyOf()), null);
    });
    const found = [...tables.flowTables()].sort();
    assert.equal(found, foreign ? ['fw4', 'whp_offload'] : []);
    const changes = stage.fake.changes.slice(before);
    const made = changes.findIndex((what) => what.includes('whp_offload'));
    const deleted = changes.findIndex((what) => what.includes('whp_apart'));
    assert.ok(deleted > made, changes.join('\n'));
    // The next policy finds nothing to do.
    const { length } = stage.fake.changes;
    await saidDuring(async () => {
      assert.is(await enforce(stage.agent, policyOf()), null);
    });
    const again = stage.fake.changes.slice(length).filter((what) => what.includes('whp_'));
    assert.equal(again, []);
  });
}

test.run();
