// The host program looks at packets with the state in force (kernel/glance): with each new policy, from the moment at which
// the script judges by it, and with the other routers of the home.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { resolveGateways } from '../../agent/src/runtime/gateways.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { fakeStage, policyOf } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-glance-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));

test('each new policy is told at once, and its state is the one in force', async () => {
  removeHandover(FILE);
  const { agent, fake } = fakeStage(FILE);
  assert.is(fake.looked, null);
  // Whatever the kernel is asked for, the state in force and that of the host program are the same.
  fake.onChange = () => {
    if (agent.inForce.isEnforced) assert.ok(fake.looked === agent.state, 'while it is enforced');
  };
  const suffixes = [{ value: 'example.org', evidence: 'capture' as const }];
  const dns = { names: [], suffixes, patterns: [], except: [] };
  for (const policy of [policyOf(), policyOf({}, undefined, { dns }), policyOf()]) {
    await saidDuring(async () => {
      assert.is(await enforce(agent, policy), null);
    });
    assert.ok(fake.looked === agent.state);
  }
});

test('another router of the home is told when its MAC is known', async () => {
  removeHandover(FILE);
  const { agent, fake } = fakeStage(FILE);
  await saidDuring(async () => {
    assert.is(await enforce(agent, policyOf()), null);
  });
  fake.routing.neighbours.set('192.168.1.2', '02:00:00:00:00:02');
  agent.gateways.routers = ['192.168.1.2'];
  agent.gateways.isUnresolved = true;
  let told = 0;
  const { look } = agent.kernel.glance;
  agent.kernel.glance.look = (state, addresses) => {
    told += 1;
    look(state, addresses);
  };
  resolveGateways(agent);
  assert.is(told, 1);
  assert.ok(agent.state.gateways.has('02:00:00:00:00:02'));
});

test.run();
