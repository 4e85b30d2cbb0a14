// tunnel/order: the order of steps when an app is moved, on a fake kernel: failover, failback, fallback direct,
// reload and takeover; and with each step failing once.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describe } from '../../../agent/src/reconcile/desired.ts';
import {
  adoptPolicy,
  assertGates,
  createSteering,
  type MoveEffect,
  type Open,
  type Steering,
  toBeMoved,
  waysOf,
} from '../../../agent/src/tunnel/failover.ts';
import { moveApp } from '../../../agent/src/tunnel/order.ts';
import { plan } from '../../../agent/src/tunnel/plan.ts';
import type { Choice, Way } from '../../../agent/src/tunnel/select.ts';
import { policyOf, words } from './scenario.ts';

const A: Way = { kind: 'tunnel', proxy: 'a' };
const B: Way = { kind: 'tunnel', proxy: 'b' };
const DIRECT: Way = { kind: 'direct' };
const BLOCKED: Way = { kind: 'blocked' };
const WITHDRAWN: Open = { kind: 'withdrawn' };

/** A steering whose app is on the way `open` and has to move to `chosen`. */
function steering(open: Open, chosen: Way): Steering {
  const self = createSteering();
  adoptPolicy(self, policyOf(['a', 'b']), () => null, 0);
  self.open.set('skype', open);
  choose(self, chosen);
  return self;
}

function choose(self: Steering, way: Way): void {
  const before = self.choices.get('skype') as Choice;
  self.choices.set('skype', { ...before, way });
}

/** A kernel that records its requests; dumps of connections take time, and the step `fails` fails. */
function kernel(fails = '') {
  const asked: string[] = [];
  let running = 0;
  const perform = async (effect: MoveEffect): Promise<string | null> => {
    running += 1;
    assert.is(running, 1, `${words(effect)} began before the one before it had ended`);
    for (let turns = effect.kind === 'sweep' ? 20 : 1; turns > 0; turns -= 1) await null;
    running -= 1;
    const what = words(effect);
    asked.push(what === fails ? `${what}: refused` : what);
    return what === fails ? `${what}: errno 1` : null;
  };
  return { asked, perform };
}

const WAYS: readonly Way[] = [A, B, DIRECT, BLOCKED];
const CASES = WAYS.flatMap((from) =>
  WAYS.filter((to) => to !== from).map((to) => [from, to] as const),
);
const name = (way: Open): string => (way.kind === 'tunnel' ? way.proxy : way.kind);

/** The plan of `self` has no default route through a device. */
function assertNothingOpen(self: Steering): void {
  const lines = plan(self.policy, waysOf(self)).map(describe);
  assert.not.ok(
    lines.some((line) => line.includes('default dev')),
    lines.join('\n'),
  );
}

for (const [from, to] of CASES) {
  test(`${name(from)} to ${name(to)}: withdraw, sweep, open, each after the other`, async () => {
    const self = steering(from, to);
    const { asked, perform } = kernel();
    assert.is(await moveApp(self, 'skype', perform), null);
    assert.equal(self.open.get('skype'), to);
    const swept = asked.indexOf(`sweep but ${name(to)}`);
    const opens = asked.findIndex(
      (one) => /^add .* dev/.test(one) || one === 'direct on' || /^delete .* prohibit/.test(one),
    );
    const closes = asked.map((one, at) => (/^delete .* dev|^direct off/.test(one) ? at : -1));
    assert.ok(swept >= 0);
    assert.ok(opens < 0 || opens > swept, asked.join('\n'));
    assert.ok(Math.max(...closes) < swept, asked.join('\n'));
  });

  test(`${name(from)} to ${name(to)}: each verb fails once`, async () => {
    const whole = kernel();
    await moveApp(steering(from, to), 'skype', whole.perform);
    for (const [at, verb] of whole.asked.entries()) {
      const self = steering(from, to);
      const failing = kernel(verb);
      assert.is(await moveApp(self, 'skype', failing.perform), `${verb}: errno 1`);
      assert.equal(failing.asked, [...whole.asked.slice(0, at), `${verb}: refused`]);
      assert.is(self.stuck.get('skype'), `${verb}: errno 1`);
      assert.equal(toBeMoved(self), ['skype']);
      // The plan for a repair in between opens no route.
      assertNothingOpen(self);
      assert.is(assertGates(self).find(({ gate }) => gate === 'direct')!.on, false);
      // The next look completes the move.
      const again = kernel();
      assert.is(await moveApp(self, 'skype', again.perform), null);
      assert.equal(self.open.get('skype'), to);
      assert.is(self.stuck.size, 0);
    }
  });
}

test('a proxy that dies while its entries are read is never opened', async () => {
  const self = steering(A, B);
  const { asked, perform } = kernel();
  await moveApp(self, 'skype', async (effect) => {
    if (effect.kind === 'sweep' && name(effect.way) === 'b') choose(self, BLOCKED);
    return perform(effect);
  });
  assert.equal(asked, [
    'delete route v4 default dev whp-a table 15001',
    'sweep but b',
    'blocked on',
    'sweep but blocked',
  ]);
  assert.equal(self.open.get('skype'), BLOCKED);
});

test('an app that is taken out of the configuration meanwhile is left alone', async () => {
  const self = steering(A, B);
  const { asked, perform } = kernel();
  await moveApp(self, 'skype', async (effect) => {
    if (effect.kind === 'sweep') adoptPolicy(self, { ...self.policy, apps: [] }, () => null, 0);
    return perform(effect);
  });
  assert.equal(asked, ['delete route v4 default dev whp-a table 15001', 'sweep but b']);
  assert.equal([self.open.size, self.stuck.size, toBeMoved(self)], [0, 0, []]);
});

test('a first start opens its way after a sweep; a restart stays where the kernel has it', async () => {
  const fresh = createSteering();
  adoptPolicy(fresh, policyOf(['a', 'b']), () => null, 0);
  assert.equal(fresh.open.get('skype'), WITHDRAWN);
  const { asked, perform } = kernel();
  await moveApp(fresh, 'skype', perform);
  assert.equal(asked, ['sweep but a', 'add route v4 default dev whp-a table 15001', 'blocked off']);
  const again = createSteering();
  adoptPolicy(again, policyOf(['a', 'b']), () => 'b', 0);
  assert.equal(toBeMoved(again), []);
});

test('a reload that takes the proxy away, or makes another of it: closed until its entries are gone', () => {
  const self = steering(A, A);
  assert.equal(toBeMoved(self), []);
  adoptPolicy(self, policyOf(['b']), () => 'a', 0);
  assert.equal(toBeMoved(self), ['skype']);
  assertNothingOpen(self);

  const other = steering(A, A);
  const policy = policyOf(['a', 'b']);
  const proxies = policy.proxies.map((one) => ({ ...one, local: `10.201${one.local.slice(6)}` }));
  adoptPolicy(other, { ...policy, proxies }, () => 'a', 0);
  assert.equal(other.open.get('skype'), WITHDRAWN);
  assert.equal(toBeMoved(other), ['skype']);
});

test.run();
