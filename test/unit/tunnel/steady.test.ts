// tunnel/health: probes that are left to the host program count as if they had been sent here.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createHealth,
  dueProbe,
  expireProbes,
  type Health,
  leaveSteady,
  lossOf,
  nextLook,
  setUsed,
  steadyPlan,
  takeAnswer,
  takeSteady,
} from '../../../agent/src/tunnel/health.ts';

/** A proxy in use whose first probe, number 1 at 0, was answered at 20. */
function up(): Health {
  const health = createHealth('a', 0);
  health.used = true;
  assert.is(dueProbe(health, 0), 1);
  assert.ok(takeAnswer(health, 1, 20));
  assert.is(health.state, 'up');
  return health;
}

test('probes are left to the host program while all are answered', () => {
  const health = up();
  const plan = { sequence: 1, first: 50, interval: 1000, timeout: 300 };
  assert.is(steadyPlan(createHealth('b', 0), 0), null, 'before the first answer');
  health.next = 70;
  assert.equal(steadyPlan(health, 20), plan);
  leaveSteady(health);
  assert.is(steadyPlan(health, 20), null, 'they are left already');
  assert.is(dueProbe(health, 5000), null);
  assert.is(nextLook(health), Number.POSITIVE_INFINITY);
  takeSteady(health, []);
  assert.is(nextLook(health), 70, 'none was sent: the next is due when it was');
});

test('what it has sent counts, with its own times', () => {
  const health = up();
  leaveSteady(health);
  const probe = (sequence: number, at: number) => ({ sequence, at, answered: at + 40 });
  takeSteady(health, [probe(2, 1000), probe(3, 2000), probe(4, 3000)]);
  assert.equal([health.sequence, health.results, health.sent.size], [4, 4, 0]);
  assert.ok(health.rtt > 20 && health.rtt < 40);
  assert.is(health.next, 4000);
  assert.is(dueProbe(health, 4000), 5);
});

test('one without an answer is in doubt at once, and lost when its time is over', () => {
  const health = up();
  leaveSteady(health);
  takeSteady(health, [
    { sequence: 2, at: 1000, answered: 1020 },
    { sequence: 3, at: 2000, answered: null },
  ]);
  assert.equal([health.state, health.sent.size], ['up', 1]);
  assert.is(steadyPlan(health, 2100), null);
  expireProbes(health, 2301);
  assert.equal([health.state, health.lostInARow], ['probing', 1]);
  assert.is(nextLook(health), 2301, 'the next one is sent at once');
  assert.ok(lossOf(health) > 0);
});

test('one that comes into use while they are left is looked at now', () => {
  const health = up();
  health.used = false;
  leaveSteady(health);
  setUsed(health, true, 1500);
  assert.is(nextLook(health), 1500);
  takeSteady(health, [{ sequence: 2, at: 1000, answered: 1020 }]);
  assert.is(dueProbe(health, 1500), 3);
});

test.run();
