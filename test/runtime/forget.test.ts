// What `whp forget` does with thousands of elements (runtime/forget): the stores are not passed over again for each part
// of a set, unless an answer has taught something of that part meanwhile.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Endpoint,
  learnEndpoints,
  learnedEndpoints,
} from '../../agent/src/learn/endpoints.ts';
import { now } from '../../agent/src/os/clock.ts';
import { addressKey } from '../../agent/src/ruleset/elements.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { forgetLearned } from '../../agent/src/runtime/forget.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { fakeStage, PROXIES, policyOf } from '../scenario/stage.ts';
import { saidDuring } from './said.ts';

const FILE = `/tmp/whp-forget-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => removeHandover(FILE));

const SET = 'skype_addr4';
const CAPS = { endpoints: 4096, ports: 256, peers: 4096, devices: 256 };

/** Counts how often all endpoints are passed over. */
class Counted extends Map<string, Map<string, Endpoint>> {
  passes = 0;
  override [Symbol.iterator](): MapIterator<[string, Map<string, Endpoint>]> {
    this.passes += 1;
    return super[Symbol.iterator]();
  }
}

const addressOf = (index: number): string => `20.1.${index >> 8}.${index & 255}`;

/** Forgets so many endpoints; `teach` runs at each deletion from the set. */
async function forgetting(count: number, teach: (learn: (address: string) => void) => void) {
  removeHandover(FILE);
  const { agent } = fakeStage(FILE);
  await saidDuring(async () => {
    assert.is(await enforce(agent, policyOf({}, PROXIES, { caps: CAPS })), null);
  });
  const sets = new Counted();
  const learned = { ...agent.state.learned, sets };
  const learn = (address: string): void => {
    const target = { app: 'skype', name: 'x.skype.com', device: '192.168.1.11', at: now() };
    const addresses = [{ address, ttlSeconds: 3600 }];
    learnEndpoints(learned, { ...target, addresses } as never, CAPS.endpoints);
    const elements = [{ key: addressKey(address)!, timeout: 3_600_000 }];
    assert.is(agent.kernel.sets.change([{ operation: 'renew', set: SET, elements }]), null);
  };
  for (let index = 0; index < count; index += 1) learn(addressOf(index));
  const { kernel } = agent;
  let deletions = 0;
  const change: typeof kernel.sets.change = (changes) => {
    deletions += 1;
    const error = kernel.sets.change(changes);
    if (deletions === 1) teach(learn);
    return error;
  };
  const forgetful = {
    ...agent,
    kernel: { ...kernel, sets: { ...kernel.sets, change } },
    state: { ...agent.state, learned },
  };
  sets.passes = 0;
  const forgotten = await forgetLearned(forgetful, ['skype'], null);
  return { forgotten, passes: sets.passes, left: learnedEndpoints(learned), deletions };
}

test('the stores are passed over once, however many elements a set has', async () => {
  const few = await forgetting(100, () => {});
  const many = await forgetting(2000, () => {});
  assert.equal([few.forgotten, many.forgotten, many.left], [100, 2000, []]);
  assert.ok(many.deletions > 20, String(many.deletions));
  assert.is(many.passes, few.passes);
});

test('what an answer teaches meanwhile is forgotten in the set and in the store', async () => {
  const again = addressOf(1999);
  const { left, passes } = await forgetting(2000, (learn) => learn(again));
  assert.equal(left, []);
  assert.is(passes, 2);
});

test.run();
