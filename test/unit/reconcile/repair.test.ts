// reconcile/repair: changes by other programs on a fake clock: what is looked at, what is restored, and when.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RouteEvent } from '../../../agent/src/netlink/rt-event.ts';
import {
  createRepair,
  GUARD_MILLISECONDS,
  type RepairEffect,
  type RepairEvent,
  type RepairState,
  repairStep,
} from '../../../agent/src/reconcile/repair.ts';
import { kernelLink, kernelRule } from '../../fixtures/kernel-objects.ts';

function loaded(): RepairState {
  const state = createRepair(15000, 15000);
  repairStep(state, { kind: 'loaded', generation: 7, own: 1, fingerprint: 'prerouting 1 9' }, 0);
  return state;
}

function kinds(effects: readonly RepairEffect[]): string[] {
  return effects.map((effect) =>
    effect.kind === 'wake' ? `wake ${effect.milliseconds}` : effect.kind,
  );
}

/** Runs the events at their times; returns the effects of each. */
function play(
  state: RepairState,
  ...events: readonly (readonly [number, RepairEvent])[]
): string[][] {
  return events.map(([at, event]) => kinds(repairStep(state, event, at)));
}

const GONE: RepairEvent = { kind: 'table', fingerprint: '' };

function route(event: RouteEvent): RepairEvent {
  return { kind: 'route', event };
}

function ruleGone(preference: number): RepairEvent {
  return route({ kind: 'rule', gone: true, rule: kernelRule({ preference }) });
}

function link(name: string, gone: boolean, flags: number): RepairEvent {
  return route({ kind: 'link', gone, link: kernelLink({ name, flags, kind: 'gre' }) });
}

test('a transaction of others beside a load of the table is not taken for its own', () => {
  const state = createRepair(15000, 15000);
  repairStep(state, { kind: 'loaded', generation: 7, own: 1, fingerprint: 'a' }, 0);
  const before = state.foreign;
  repairStep(state, { kind: 'loaded', generation: 8, own: 1, fingerprint: 'b' }, 100);
  assert.is(state.foreign, before, 'the load alone');
  repairStep(state, { kind: 'loaded', generation: 10, own: 1, fingerprint: 'c' }, 200);
  assert.is(state.foreign, before + 1, 'fw4 reload, and whp reload behind it');
});

test('the table is known to be as loaded until others commit, and once it was read again', () => {
  const state = loaded();
  const knows = (event: RepairEvent): boolean => {
    repairStep(state, event, 100);
    return state.matches;
  };
  assert.is(createRepair(15000, 15000).matches, false);
  assert.is(knows({ kind: 'generation', generation: 9, own: 2 }), true, 'own transactions');
  assert.is(knows({ kind: 'generation', generation: 10, own: 0 }), false, 'one of others');
  assert.is(knows({ kind: 'table', fingerprint: 'prerouting 1 9' }), true, 'read: unchanged');
  assert.is(knows({ kind: 'generation', generation: 11, own: 0 }), false);
  assert.is(knows(GONE), false, 'read: deleted');
  assert.is(knows({ kind: 'loaded', generation: 12, own: 1, fingerprint: 'b' }), true);
});

test('own transactions are told from those of others by their number', () => {
  const state = loaded();
  const seen = play(
    state,
    [500, { kind: 'generation', generation: 7, own: 0 }],
    [1000, { kind: 'generation', generation: 10, own: 3 }],
    [1500, { kind: 'generation', generation: 12, own: 1 }],
  );
  assert.equal(seen, [[], [], ['look-table']]);
});

test('a table that is gone is made again, one that stands as it was left is not', () => {
  const state = loaded();
  assert.equal(play(state, [100, { kind: 'table', fingerprint: 'prerouting 1 9' }]), [[]]);
  assert.equal(play(state, [200, GONE]), [['restore-table']]);
  repairStep(state, { kind: 'loaded', generation: 9, own: 1, fingerprint: 'prerouting 8 9' }, 300);
  assert.equal(play(state, [400, { kind: 'table', fingerprint: 'prerouting 8 9' }]), [[]]);
  assert.equal(play(state, [500, { kind: 'table', fingerprint: 'prerouting 8 0' }]), [
    ['restore-table'],
  ]);
});

test('a hundred held packets ask for one look', () => {
  const state = loaded();
  const burst = Array.from({ length: 100 }, () => [10, { kind: 'unjudged' }] as const);
  assert.equal(play(state, ...burst).flat(), ['look-table']);
  // The table exists after all: the next look is a second later.
  assert.equal(play(state, [20, { kind: 'table', fingerprint: 'prerouting 1 9' }]), [[]]);
  assert.equal(play(state, [500, { kind: 'unjudged' }], [1100, { kind: 'unjudged' }]), [
    [],
    ['look-table'],
  ]);
});

/** The guard sees an unjudged packet every 100 ms; each look finds the table unchanged. */
function strays(state: RepairState, from: number, to: number): number | null {
  for (let at = from; at < to; at += 100) {
    const effects = kinds(repairStep(state, { kind: 'unjudged' }, at));
    if (effects.includes('lift-guard')) return at;
    if (effects.includes('look-table')) {
      repairStep(state, { kind: 'table', fingerprint: 'prerouting 1 9' }, at + 5);
    }
  }
  return null;
}

test('a guard that keeps back what the standing table has judged is lifted', () => {
  const lifted = strays(loaded(), 100, 20_000);
  assert.ok(lifted !== null && lifted >= GUARD_MILLISECONDS && lifted < 8000, `at ${lifted}`);
});

test('packets that were on their way while the table was made again do not lift the guard', () => {
  const state = loaded();
  assert.is(strays(state, 0, 2000), null);
  // Minutes later, for another reason; and again when the table is really gone.
  assert.is(strays(state, 60_000, 63_000), null);
  assert.equal(play(state, [70_000, GONE]), [['restore-table']]);
  repairStep(
    state,
    { kind: 'loaded', generation: 9, own: 1, fingerprint: 'prerouting 1 9' },
    70_500,
  );
  assert.is(strays(state, 71_000, 75_000), null);
});

test('somebody who deletes it again and again is not raced with', () => {
  const state = loaded();
  let restores = 0;
  for (let at = 0; at < 60_000; at += 100) {
    for (const event of [{ kind: 'due' }, GONE] as const) {
      for (const effect of repairStep(state, event, at)) {
        if (effect.kind === 'restore-table') restores += 1;
      }
    }
    repairStep(state, { kind: 'loaded', generation: 1, own: 1, fingerprint: 'prerouting 1 9' }, at);
  }
  assert.ok(restores >= 10 && restores <= 17, `${restores} restores in a minute`);
});

test('when the table cannot be made again, the guard is lifted after as long as the watchdog', () => {
  const state = loaded();
  play(state, [0, GONE]);
  let lifted: number | null = null;
  for (let at = 0; at < 8000 && lifted === null; at += 500) {
    const effects = kinds(repairStep(state, { kind: 'failed' }, at));
    if (effects.includes('lift-guard')) lifted = at;
    assert.ok(effects.includes('wake 500'));
    assert.equal(kinds(repairStep(state, { kind: 'due' }, at + 500)), ['look-table']);
    assert.equal(kinds(repairStep(state, GONE, at + 500)).length > 0, true);
  }
  assert.is(lifted, GUARD_MILLISECONDS);
});

test('every ip rule deleted at once is one look at the paths', () => {
  const state = loaded();
  const burst = [0, 15001, 15001, 32766].map((one) => [5, ruleGone(one)] as const);
  assert.equal(play(state, ...burst).flat(), ['wake 0']);
  assert.equal(play(state, [6, { kind: 'due' }]), [['mend-paths']]);
  assert.equal(play(state, [7, { kind: 'due' }]), [[]]);
});

test('rules and devices of others are theirs', () => {
  const state = loaded();
  assert.equal(play(state, [1, ruleGone(30001)], [1, ruleGone(15016)]), [[], []]);
  assert.equal(play(state, [2, link('whp-cloud', false, 1)]), [[]]);
});

test('a tunnel device deleted or set down is made again at once, a WAN that moves a little later', () => {
  const [one, two, three] = [loaded(), loaded(), loaded()];
  assert.equal(play(one, [1, link('whp-cloud', true, 1)]), [['wake 0']]);
  assert.equal(play(two, [1, link('whp-cloud', false, 0)]), [['wake 0']]);
  const moved = [link('eth1', false, 1), link('eth1', false, 0), link('eth1', false, 1)];
  assert.equal(play(three, ...moved.map((event, i) => [i, event] as const)).flat(), ['wake 150']);
  assert.equal(play(three, [100, { kind: 'due' }], [151, { kind: 'due' }]), [[], ['mend-paths']]);
});

test('lost notifications mean a look at everything', () => {
  assert.equal(play(loaded(), [1, { kind: 'overrun' }]), [['look-table', 'wake 0']]);
});

test.run();
