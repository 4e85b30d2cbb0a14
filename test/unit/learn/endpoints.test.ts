// learn/endpoints: endpoints are renewed, aged and bounded.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createLearned,
  expireLearned,
  findEndpoint,
  learnEndpoints,
  learnedEndpoints,
  retainApps,
} from '../../../agent/src/learn/endpoints.ts';
import type { Lesson } from '../../../agent/src/learn/observe-dns.ts';
import { rounds } from '../../lib/rounds.ts';

function lesson(at: number, addresses: string[], ttlSeconds = 60, app = 'skype'): Lesson {
  return {
    app,
    name: `name${at}.skype.com`,
    root: `name${at}.skype.com`,
    entry: '.skype.com',
    device: '192.168.1.34',
    at,
    addresses: addresses.map((address) => ({ address, ttlSeconds })),
    targets: [],
    refused: [],
  };
}

test('an endpoint keeps its first sight and is renewed, never shortened', () => {
  const learned = createLearned();
  learnEndpoints(learned, lesson(1000, ['203.0.113.1'], 600), 10);
  // The kernel's element already lasts longer: no transaction.
  assert.equal(learnEndpoints(learned, lesson(2000, ['203.0.113.1'], 60), 10).endpoints, []);
  assert.equal(findEndpoint(learned, 'skype', '203.0.113.1'), {
    app: 'skype',
    address: '203.0.113.1',
    key: String.fromCharCode(203, 0, 113, 1),
    family: 4,
    name: 'name2000.skype.com',
    root: 'name2000.skype.com',
    device: '192.168.1.34',
    firstSeen: 1000,
    lastSeen: 2000,
    expires: 601000,
    // The lease of twenty minutes: there is none of ten.
    kept: 1211000,
    mac: null,
    resolver: null,
    used: false,
  });
  assert.is(findEndpoint(learned, 'game', '203.0.113.1'), null);
});

test('who asks again and again renews an element seldom, and the kernel never keeps it too short', () => {
  const learned = createLearned();
  let kept = 0;
  const renewals: number[] = [];
  for (let at = 0; at <= 600_000; at += 200) {
    for (const one of learnEndpoints(learned, lesson(at, ['203.0.113.1'], 60), 10).endpoints) {
      renewals.push(at);
      kept = one.kept;
    }
    assert.ok(kept >= at + 60_000 && kept <= at + 310_000, `${kept} at ${at}`);
  }
  assert.equal(renewals, [0, 250_200, 500_400]);
});

test('expiry removes what is due', () => {
  const learned = createLearned();
  learnEndpoints(learned, lesson(0, ['203.0.113.1', '2001:db8::1'], 60), 10);
  learnEndpoints(learned, lesson(0, ['203.0.113.2'], 301), 10);
  learnEndpoints(learned, lesson(0, ['203.0.113.3'], 310.001), 10);
  assert.equal(expireLearned(learned, 309_999), []);
  assert.equal(
    expireLearned(learned, 310_000).map(({ address }) => address),
    ['203.0.113.1', '203.0.113.2', '2001:db8::1'],
  );
  assert.is(learnedEndpoints(learned).length, 1);
});

test('the cap counts per family, evicts the least recently seen and is reported', () => {
  const learned = createLearned();
  learnEndpoints(learned, lesson(1, ['203.0.113.1', '203.0.113.2', '2001:db8::1']), 2);
  learnEndpoints(learned, lesson(2, ['203.0.113.1']), 2);
  const full = learnEndpoints(learned, lesson(3, ['203.0.113.3']), 2);
  assert.equal(
    full.evicted.map(({ address }) => address),
    ['203.0.113.2'],
  );
  assert.match(full.report ?? '', /skype: 2 IPv4 endpoints/);
  assert.is(learned.evicted, 1);
  assert.is(learnedEndpoints(learned).length, 3);
});

test('an entry that has expired in the kernel is evicted without a deletion there', () => {
  const learned = createLearned();
  learnEndpoints(learned, lesson(1, ['203.0.113.1', '203.0.113.2'], 60), 2);
  const { kept } = findEndpoint(learned, 'skype', '203.0.113.1')!;
  const evictedAt = (at: number) =>
    learnEndpoints(learned, lesson(at, [`203.0.113.${at - kept + 10}`]), 2).evicted;
  assert.equal(evictedAt(kept), []);
  assert.is(learnedEndpoints(learned).length, 2);
});

test('a lesson larger than the cap keeps its last addresses', () => {
  const learned = createLearned();
  const addresses = Array.from({ length: 60 }, (_, i) => `203.0.113.${i + 1}`);
  const { endpoints, evicted } = learnEndpoints(learned, lesson(1, addresses), 5);
  // Those that were evicted at once are in no set of the kernel, where to delete them would fail.
  assert.equal(evicted, []);
  assert.equal(
    endpoints.map(({ address }) => address),
    addresses.slice(55),
  );
  // Of those that it has, each is deleted, once.
  const again = learnEndpoints(learned, lesson(2, [...addresses.slice(0, 57), ...addresses]), 5);
  assert.equal(again.evicted.map(({ address }) => address).sort(), []);
  const other = learnEndpoints(learned, lesson(3, ['198.51.100.1', '198.51.100.2']), 5);
  assert.equal(
    other.evicted.map(({ address }) => address),
    addresses.slice(55, 57),
  );
});

/** Keys of a store that count how many of them are visited. */
class CountedKeys extends Set<string> {
  visits = 0;
  override *[Symbol.iterator](): SetIterator<string> {
    for (const key of super.values()) {
      this.visits += 1;
      yield key;
    }
  }
}

test('an answer of a thousand addresses passes over the known ones once, however often it comes', () => {
  const count = 1100;
  const addresses = Array.from({ length: count }, (_, i) => `203.0.${i >> 8}.${i & 255}`);
  // Below the cap, where the name has too many, and above it, where the device has.
  for (const [isPairs, cap] of [
    [false, 4096],
    [false, 500],
    [true, 4096],
    [true, 9000],
  ] as const) {
    const learned = createLearned(isPairs);
    const told = { ...lesson(1, addresses), name: 'ui.skype.com' };
    const names = new CountedKeys();
    const own = new CountedKeys();
    learned.names.set(`skype 4 ui.skype.com${isPairs ? ' 192.168.1.34' : ''}`, names);
    const byDevice = new Map([['192.168.1.34', own]]);
    learned.shares.set('skype 4', { byDevice, deviceOf: new Map() });
    for (const at of [1, 2, 3]) {
      learnEndpoints(learned, { ...told, at }, cap);
      // At the cap, some are evicted and learned again each time.
      const visits = names.visits + own.visits;
      assert.ok(visits <= at * 3 * count, `${visits} visits for ${at} answers, cap ${cap}`);
    }
    const most = isPairs ? Math.max(64, cap >> 3) : cap;
    assert.is(learnedEndpoints(learned).length, Math.min(count, most));
    // The counted ones are still the store's.
    assert.ok(learned.names.get('skype 4 ui.skype.com') === names || isPairs);
    assert.is(byDevice.get('192.168.1.34'), own);
  }
});

test('one device’s flood evicts its own entries, never another’s', () => {
  const learned = createLearned();
  const modest = { ...lesson(0, ['198.51.100.1', '198.51.100.2'], 86400), device: '192.168.1.11' };
  learnEndpoints(learned, modest, 64);
  let reports = 0;
  const count = rounds(1000, 10000);
  for (let i = 0; i < count; i++) {
    const address = `203.0.${i >> 8}.${i & 255}`;
    if (learnEndpoints(learned, lesson(i, [address, '198.51.100.1'], 86400), 64).report) reports++;
  }
  assert.is(learnedEndpoints(learned).length, 64);
  assert.ok(findEndpoint(learned, 'skype', '198.51.100.1'));
  assert.ok(findEndpoint(learned, 'skype', '198.51.100.2'));
  assert.is(reports, count - 62);
  expireLearned(learned, 86400000 * 2);
  assert.is(learned.shares.get('skype 4')?.deviceOf.size, 0);
});

test('applications that are gone are forgotten', () => {
  const learned = createLearned();
  learnEndpoints(learned, lesson(1, ['203.0.113.1']), 5);
  learnEndpoints(learned, lesson(1, ['203.0.113.2'], 60, 'game'), 5);
  assert.equal(
    retainApps(learned, ['game']).map(({ app }) => app),
    ['skype'],
  );
  assert.equal(
    learnedEndpoints(learned).map(({ app }) => app),
    ['game'],
  );
});

test.run();
