// tunnel/failover on a fake clock: detection, failover, failback, damping, and the order in which an app is
// moved.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { describe } from '../../../agent/src/reconcile/desired.ts';
import {
  adoptPolicy,
  assertGates,
  assertWays,
  isStray,
  moves,
  type Open,
  toBeMoved,
  waysOf,
} from '../../../agent/src/tunnel/failover.ts';
import { moveApp } from '../../../agent/src/tunnel/order.ts';
import { plan } from '../../../agent/src/tunnel/plan.ts';
import type { Way } from '../../../agent/src/tunnel/select.ts';
import {
  alive,
  dead,
  deadBetween,
  type Life,
  movesOf,
  policyOf,
  runUntil,
  start,
  stateOf,
  times,
  wayOf,
  words,
} from './scenario.ts';

/** In the order in which tunnel/order runs them. */
function inOrder(policy: Policy, from: Open, to: Way): string[] {
  const { withdraw, sweep, open } = moves(policy, policy.apps[0]!, from, to);
  return [...withdraw, ...sweep, ...open].map(words);
}

test('a proxy that answers is up, and the probes are few', () => {
  const run = start({ a: alive, b: alive });
  assert.is(stateOf(run), 'probing');
  assert.is(wayOf(run), 'a');
  runUntil(run, 60000);
  assert.is(stateOf(run), 'up');
  assert.equal(movesOf(run), []);
  // One probe a second for the proxy in use, one in five seconds for the other.
  assert.ok(run.probes <= 60 + 12 + 3, `${run.probes} probes`);
});

test('the last ten moves are remembered, with the reason where a proxy was lost', () => {
  const life = (dead: number) => (now: number) =>
    Math.floor(now / 60_000) % 2 === dead ? null : 20;
  const run = start({ a: life(1), b: life(0) });
  runUntil(run, 20 * 60_000);
  const all = times(run);
  const { moved } = run.steering;
  assert.ok(all.length > 10, `${all.length} moves`);
  assert.equal(
    moved.map(({ at }) => at),
    all.slice(-10),
  );
  const lost = moved.filter(({ from, reason }) => from.kind === 'tunnel' && reason !== '');
  assert.ok(lost.length > 2, `${lost.length} with a reason`);
});

test('a dead proxy is left within two and a half seconds, whenever it dies', () => {
  for (let at = 10000; at < 11000; at += 90) {
    const run = start({ a: deadBetween(at, 1e9), b: alive });
    runUntil(run, at + 5000);
    const [left] = times(run);
    assert.ok(left !== undefined && left - at <= 2500, `died ${at}, left ${left}`);
    assert.is(stateOf(run), 'failover');
    assert.is(wayOf(run), 'b');
  }
});

test('a spare that dies just after it was taken into use is left as fast', () => {
  const run = start({ a: deadBetween(10000, 1e9), b: deadBetween(11000, 1e9), c: alive });
  runUntil(run, 20000);
  assert.is(wayOf(run), 'c');
  assert.ok(times(run)[1]! - times(run)[0]! <= 2500, movesOf(run).join('\n'));
});

test('a proxy dead from the start is left as soon as that is known', () => {
  const run = start({ a: dead, b: alive });
  runUntil(run, 10000);
  assert.ok(times(run)[0]! <= 2000, `${times(run)}`);
  assert.is(wayOf(run), 'b');
});

test('no proxy: refused at once and said so; the first one that lasts ends it', () => {
  const run = start({ a: deadBetween(10000, 30000), b: dead });
  runUntil(run, 20000);
  assert.is(stateOf(run), 'down');
  assert.is(wayOf(run), 'blocked');
  runUntil(run, 60000);
  assert.is(stateOf(run), 'up');
  const [, back] = times(run);
  assert.ok(back! - 30000 < 4500, `back after ${back! - 30000} ms`);
});

test('fallback direct: past the tunnels only while there is no proxy', () => {
  const run = start({ a: deadBetween(10000, 30000) }, { fallback: 'direct' });
  runUntil(run, 9000);
  assert.is(wayOf(run), 'a');
  runUntil(run, 20000);
  assert.is(stateOf(run), 'direct');
  runUntil(run, 40000);
  assert.is(wayOf(run), 'a');
  assert.is(movesOf(run).length, 2);
});

test('flows go back only after the better proxy has lasted', () => {
  const run = start({ a: deadBetween(10000, 20000), b: alive });
  runUntil(run, 40000);
  assert.is(wayOf(run), 'b');
  assert.is(stateOf(run), 'failback');
  runUntil(run, 60000);
  assert.is(wayOf(run), 'a');
  assert.is(stateOf(run), 'up');
  const [, back] = times(run);
  assert.ok(back! >= 50000 && back! < 56000, `back at ${back}`);
});

test('a proxy that comes and goes moves flows ever more rarely', () => {
  // Ten seconds dead, fifty alive, for an hour: 120 moves without damping.
  const flapping: Life = (now) => (now % 60000 < 10000 ? null : 20);
  const run = start({ a: flapping, b: alive });
  runUntil(run, 3600000);
  assert.ok(times(run).length <= 12, `${times(run).length} moves`);
  assert.is(wayOf(run), 'b');
});

test('now and then a lost probe moves nothing', () => {
  let count = 0;
  const lossy: Life = () => (count++ % 12 === 0 ? null : 30);
  const run = start({ a: lossy, b: alive });
  runUntil(run, 600000);
  assert.equal(movesOf(run), []);
});

test('a proxy that loses much is left for one that does not', () => {
  let count = 0;
  const lossy: Life = (now) => (now > 60000 && count++ % 3 === 0 ? null : 30);
  const run = start({ a: lossy, b: alive });
  runUntil(run, 180000);
  assert.is(wayOf(run), 'b');
  assert.is(times(run).length, 1);
});

test('without another proxy, one that loses much is better than none; one that loses half is not', () => {
  let count = 0;
  const third: Life = () => (count++ % 3 === 0 ? null : 30);
  const run = start({ a: third });
  runUntil(run, 120000);
  assert.is(wayOf(run), 'a');
  const half: Life = () => (count++ % 2 === 0 ? null : 30);
  const bad = start({ a: half });
  runUntil(bad, 30000);
  assert.is(times(bad).length > 0, true);
});

test('a slow path is no dead path: the timeout follows the round trip time', () => {
  let now = 0;
  const slow: Life = (at) => {
    now = at;
    return at < 20000 ? 20 : 900;
  };
  const run = start({ a: slow, b: alive });
  runUntil(run, 60000);
  assert.ok(now > 0);
  assert.ok(times(run).length <= 1, movesOf(run).join('\n'));
});

test('an uplink that fills up answers late, all at once: no dead path either', () => {
  const scenario = start({ a: (now) => (now < 10_000 ? 20 : 950), b: alive });
  runUntil(scenario, 60_000);
  assert.equal(movesOf(scenario), []);
});

test('probes that are lost while data arrives: two seconds more, and no longer', () => {
  const busy = start({ a: deadBetween(10_000, 12_500), b: alive });
  busy.received = (_, now) => now;
  runUntil(busy, 20_000);
  assert.equal(movesOf(busy), []);

  const silent = start({ a: deadBetween(10_000, 12_500), b: alive });
  silent.received = () => 4711;
  runUntil(silent, 20_000);
  assert.is(times(silent).length, 1);

  // Received packets prove nothing about the direction to the proxy.
  const oneWay = start({ a: deadBetween(10_000, 90_000), b: alive });
  oneWay.received = (_, now) => now;
  runUntil(oneWay, 60_000);
  assert.is(times(oneWay).length, 1);
  assert.ok(times(oneWay)[0]! < 15_000, movesOf(oneWay).join());
});

test('after a restart the app stays where the kernel has it', () => {
  const run = start({ a: alive, b: alive }, {}, 'b');
  assert.is(wayOf(run), 'b');
  runUntil(run, 20000);
  assert.equal(movesOf(run), []);
  runUntil(run, 40000);
  assert.is(wayOf(run), 'a');
});

test('each app has its own order, and its own state', async () => {
  const run = start({ a: deadBetween(10000, 1e9), b: alive });
  const base = policyOf(['a', 'b']);
  const policy = {
    ...base,
    apps: [base.apps[0]!, { ...base.apps[0]!, name: 'other', slot: 2, proxies: ['b'] }],
  };
  adoptPolicy(run.steering, policy, () => null, 0);
  runUntil(run, 20000);
  assert.is(run.steering.choices.get('other')!.state, 'up');
  assert.is(stateOf(run), 'failover');
  for (const name of toBeMoved(run.steering)) await moveApp(run.steering, name, async () => null);
  const lines = plan(policy, waysOf(run.steering)).map(describe);
  assert.ok(lines.includes('route v4 default dev whp-b table 15001'));
  assert.ok(lines.includes('route v4 default dev whp-b table 15002'));
});

test('a configuration without the proxy in use moves the app', () => {
  const run = start({ a: alive, b: alive });
  runUntil(run, 10000);
  adoptPolicy(run.steering, policyOf(['b']), () => null, 10000);
  assert.is(wayOf(run), 'b');
});

test('from proxy to proxy: nothing leaves, entries go, then the new way opens', () => {
  const policy = policyOf(['a', 'b']);
  const from = { kind: 'tunnel', proxy: 'a' } as const;
  assert.equal(inOrder(policy, from, { kind: 'tunnel', proxy: 'b' }), [
    'delete route v4 default dev whp-a table 15001',
    'sweep but b',
    'add route v4 default dev whp-b table 15001',
  ]);
});

test('to blocked: the refusal stands before the way is taken away', () => {
  const policy = policyOf(['a']);
  const from = { kind: 'tunnel', proxy: 'a' } as const;
  assert.equal(inOrder(policy, from, { kind: 'blocked' }), [
    'blocked on',
    'delete route v4 default dev whp-a table 15001',
    'sweep but blocked',
  ]);
  assert.equal(inOrder(policy, { kind: 'blocked' }, from), [
    'sweep but a',
    'add route v4 default dev whp-a table 15001',
    'blocked off',
  ]);
});

test('to direct and back: what is bound to a tunnel never leaves by the WAN, nor the reverse', () => {
  const policy = policyOf(['a'], { fallback: 'direct' });
  const from = { kind: 'tunnel', proxy: 'a' } as const;
  assert.equal(inOrder(policy, from, { kind: 'direct' }), [
    'delete route v4 default dev whp-a table 15001',
    'sweep but direct',
    'direct on',
    'delete route v4 prohibit default table 15001',
    'delete route v6 prohibit default table 15001',
  ]);
  assert.equal(inOrder(policy, { kind: 'direct' }, from), [
    'direct off',
    'add route v4 prohibit default table 15001',
    'add route v6 prohibit default table 15001',
    'sweep but a',
    'add route v4 default dev whp-a table 15001',
  ]);
});

test('after a load the gates are said again, and strays swept', () => {
  const run = start({ a: dead });
  runUntil(run, 10000);
  assert.equal(assertGates(run.steering).map(words), ['blocked on', 'direct off', 'paused off']);
  assert.equal(assertWays(run.steering).map(words), ['sweep but blocked']);
  run.steering.policy = policyOf(['a'], { direct: 'paused' });
  assert.equal(assertGates(run.steering).map(words), ['blocked on', 'direct off', 'paused on']);
  const ways = waysOf(run.steering);
  const lines = plan(policyOf(['a']), ways).map(describe);
  assert.not.ok(lines.some((line) => line.includes('default dev')));
});

test('a connection is a stray by the address its answers come to', () => {
  const policy = policyOf(['a', 'b']);
  const a = { kind: 'tunnel', proxy: 'a' } as const;
  assert.is(isStray(policy, a, '10.200.0.1'), false);
  assert.is(isStray(policy, a, '10.200.1.1'), true);
  assert.is(isStray(policy, a, '203.0.113.2'), true);
  assert.is(isStray(policy, { kind: 'direct' }, '203.0.113.2'), false);
  assert.is(isStray(policy, { kind: 'direct' }, '10.200.0.1'), true);
  assert.is(isStray(policy, { kind: 'blocked' }, '203.0.113.2'), true);
});

test.run();
