// The file of learned elements: format, bounds, what is restored, and when the file is written.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noteTaught, taughtElements } from '../../../agent/src/learn/dynamic-sets.ts';
import { learnEndpoints } from '../../../agent/src/learn/endpoints.ts';
import {
  createKeptPace,
  dueSets,
  holdsMore,
  type KeptPace,
  lastSets,
  MOST_A_DAY,
  noteWritten,
  RENEWAL,
  SETTLE,
} from '../../../agent/src/learn/kept-pace.ts';
import {
  FRESH_SECONDS,
  isRestored,
  type Remembered,
  restoreSets,
  setsToKeep,
} from '../../../agent/src/learn/kept-sets.ts';
import {
  type KeptElement,
  type KeptSets,
  keptSets,
  keptText,
  MOST_BYTES,
} from '../../../agent/src/learn/kept-text.ts';
import { addressKey, pairKey, portKey } from '../../../agent/src/ruleset/elements.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { byteString, bytesIn } from '../../../agent/src/wire/hex.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { rounds } from '../../lib/rounds.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const APP = policyFrom({}).apps[0]!;
const UDP = `${APP.name}_udp4`;
const PEER = `${APP.name}_peer4`;
const ADDR = `${APP.name}_addr4`;
const never = (): boolean => false;

function memory(): Remembered {
  return createState(policyFrom({}), never);
}

function element(key: Uint8Array | null, left: number, device = '', name = ''): KeptElement {
  return { key: byteString(key!), left, device, name };
}

function sample(): KeptSets {
  return new Map([
    [UDP, [element(portKey('192.168.1.11', 13021), 5000)]],
    [PEER, [element(pairKey('192.168.1.11', '93.184.216.34'), 60)]],
    [ADDR, [element(addressKey('93.184.216.40'), 86_000, '192.168.1.11', 'api.skype.com')]],
  ]);
}

test('a text says the same when it is read', () => {
  const text = keptText(sample());
  assert.equal(keptSets(text), { ok: true, value: sample() });
  assert.match(text, /^whp learned 1\nset \w+_udp4\nc0a8010b32dd0000 5000\n/);
  assert.match(text, /\n5db8d828 86000 192\.168\.1\.11 api\.skype\.com\nend 7\n$/);
  assert.equal(keptSets(keptText(new Map())), { ok: true, value: new Map() });
});

test('a name or a device that is no word is left out, not the entry', () => {
  const odd = ['', 'a b', 'a\nend 9', 'ä', 'x'.repeat(300)];
  const elements = odd.map((name) => element(addressKey('93.184.216.40'), 9, '192.168.1.11', name));
  const read = keptSets(keptText(new Map([[ADDR, elements]])));
  assert.ok(read.ok);
  assert.equal(
    read.value.get(ADDR)!.map(({ name, device }) => name + device),
    odd.map(() => ''),
  );
});

const whatOf = (text: string): string | null => {
  const read = keptSets(text);
  return read.ok ? null : read.what;
};

test('every cut of a file, and every byte too many, is told', () => {
  const text = keptText(sample());
  for (let length = 0; length < text.length; length++) {
    assert.is(keptSets(text.slice(0, length)).ok, false, String(length));
  }
  assert.is(keptSets(`${text}\n`).ok, false);
  assert.is(keptSets(text + text).ok, false);
  assert.is(whatOf(text.replace('learned 1', 'learned 2')), 'is of another version');
  assert.is(whatOf(text.replace(' 5000', ' 0')), 'line 3 is no entry');
});

test('no more than 64 KiB: the device that holds most gives way, of its own the oldest first', () => {
  const flood = Array.from({ length: 6000 }, (_, i) =>
    element(pairKey('192.168.1.66', `93.${i >> 8}.${i & 255}.1`), 1 + i),
  );
  const honest = Array.from({ length: 50 }, (_, i) =>
    element(pairKey('192.168.1.11', `94.0.${i}.1`), 1 + i),
  );
  const sets = new Map([...sample(), [PEER, [...flood, ...honest]] as const]);
  const text = keptText(sets);
  assert.ok(text.length <= MOST_BYTES && text.length > MOST_BYTES - 1000, String(text.length));
  const read = keptSets(text);
  assert.ok(read.ok);
  const peers = read.value.get(PEER)!;
  const of = (device: number) => peers.filter(({ key }) => key.charCodeAt(3) === device);
  assert.is(of(11).length, 50);
  assert.is(read.value.get(UDP)!.length, 1);
  assert.is(read.value.get(ADDR)!.length, 1);
  const oldest = Math.min(...of(66).map(({ left }) => left));
  assert.is(of(66).length, 6000 - oldest + 1);
});

test('what is restored has a fresh lease, and no longer one than its profile gives', () => {
  const to = memory();
  const now = 7_000;
  const { taken, left } = restoreSets(to, [APP], sample(), never, now);
  assert.equal([taken, left], [3, 0]);
  const [peer] = taughtElements(to.taught, PEER, now);
  assert.is(peer!.expires, now + Math.min(FRESH_SECONDS, APP.profile.peers.leaseSeconds) * 1000);
  const long = new Map([[UDP, [element(portKey('192.168.1.11', 9), 31_536_000)]]]);
  restoreSets(to, [APP], long, never, now);
  const port = taughtElements(to.taught, UDP, now).find(({ key }) => key.charCodeAt(5) === 9)!;
  assert.is(port.expires, now + APP.profile.ports.leaseSeconds * 1000);
  const kept = setsToKeep(to, [APP], now);
  const [endpoint] = kept.get(ADDR)!;
  assert.equal([endpoint!.device, endpoint!.name], ['192.168.1.11', 'api.skype.com']);
  assert.ok(isRestored(to.restored, PEER, bytesIn(peer!.key), peer!.expires));
  assert.not.ok(isRestored(to.restored, PEER, bytesIn(peer!.key), peer!.expires + DAY));
});

test('started again and again, an entry that nobody uses comes to its end', () => {
  let sets = sample();
  let starts = 0;
  for (; (sets.get(ADDR) ?? []).length > 0 && starts < 10_000; starts++) {
    const one = memory();
    restoreSets(one, [APP], sets, never, 0);
    // The router runs for half an hour each time.
    sets = new Map(setsToKeep(one, [APP], HOUR / 2));
    if (starts === 0) assert.not.ok(sets.has(PEER), 'a minute was left');
  }
  assert.ok(starts > 24 && starts < 100, String(starts));
});

test('a use after the start is a lease of its own', () => {
  const one = memory();
  restoreSets(one, [APP], sample(), never, 0);
  const key = byteString(pairKey('192.168.1.11', '93.184.216.34')!);
  noteTaught(one.taught, PEER, { key, expires: HOUR + 2 * 3_600_000 }, 100);
  assert.is(setsToKeep(one, [APP], HOUR).get(PEER)![0]!.left, 7200);
});

test('apps that are gone, smaller caps, own and private addresses: what is left is as it should be', () => {
  const to = memory();
  const addresses = ['93.184.216.1', '198.51.100.10', '203.0.113.20', '10.0.0.1', '127.0.0.1'];
  const peers = ['93.184.216.2', '198.51.100.10', '192.168.1.12', '224.0.0.1'];
  const isOwn = (one: string): boolean => one === '198.51.100.10' || one === '203.0.113.20';
  const sets: KeptSets = new Map([
    [ADDR, addresses.map((one) => element(addressKey(one), 900))],
    [PEER, peers.map((one) => element(pairKey('192.168.1.11', one), 900))],
    [`${APP.name}_addr6`, [element(addressKey('fe80::1'), 900), element(addressKey('2a00::1'), 9)]],
    [`${APP.name}_request4`, [element(addressKey('192.168.1.11'), 900)]],
    [`${APP.name}_portmap4`, [element(addressKey('192.168.1.11'), 900)]],
    ['gone_udp4', [element(portKey('192.168.1.11', 9), 900)]],
  ]);
  const { taken, left } = restoreSets(to, [APP], sets, isOwn, 0);
  assert.equal([taken, left], [3, 11]);
  const small = { ...APP, profile: { ...APP.profile, caps: { ...APP.profile.caps, ports: 16 } } };
  const many = Array.from({ length: 100 }, (_, i) =>
    element(portKey('192.168.1.11', 1 + i), 1 + i),
  );
  restoreSets(to, [small], new Map([[UDP, many]]), isOwn, 0);
  const ports = taughtElements(to.taught, UDP, 0).map(({ key }) => key.charCodeAt(5));
  assert.ok(ports.length <= 16 && ports.length > 12, String(ports.length));
  assert.ok(Math.min(...ports) > 80, 'those used last');
});

/** Runs `hours` with a tick every 5 s; `sets` and `heard` give the state at a time. Returns the times of
 * writing. */
function played(
  pace: KeptPace,
  hours: number,
  sets: (at: number) => KeptSets,
  heard: (at: number) => number,
): number[] {
  const written: number[] = [];
  for (let at = 0; at <= hours * HOUR; at += 5000) {
    const due = dueSets(pace, heard(at), () => sets(at), at);
    if (due === null) continue;
    noteWritten(pace, due, at);
    written.push(at);
  }
  return written;
}

const one = (i: number): KeptSets =>
  new Map([[UDP, [element(portKey('192.168.1.11', 1 + (i % 60_000)), 900)]]]);

test('something new is on flash within a minute, and once', () => {
  const written = played(
    createKeptPace(0),
    11,
    () => one(1),
    () => 1,
  );
  assert.is(written.length, 1);
  assert.ok(written[0]! <= 2 * SETTLE);
});

test('what is only renewed is written twice a day; nothing at all, never', () => {
  const hours = rounds(40, 100);
  const at = played(
    createKeptPace(0),
    hours,
    () => one(1),
    (time) => time,
  );
  assert.is(at.length, 1 + Math.floor((hours * HOUR - at[0]!) / RENEWAL));
  assert.equal(
    played(
      createKeptPace(0),
      hours,
      () => new Map(),
      (time) => time,
    ),
    [],
  );
});

test('news without end is written 12 times in any day', () => {
  const written = played(
    createKeptPace(0),
    96,
    (at) => one(at / 5000),
    (at) => at,
  );
  for (const from of written) {
    const day = written.filter((at) => at >= from && at < from + DAY);
    assert.ok(day.length <= MOST_A_DAY, String(day.length));
  }
  assert.ok(written.length > 30);
});

test('who has heard nothing is not asked what there is', () => {
  let looks = 0;
  const look = (): KeptSets => {
    looks += 1;
    return one(1);
  };
  const pace = createKeptPace(0);
  noteWritten(pace, one(1), 0);
  for (let at = 0; at < RENEWAL; at += 5000) dueSets(pace, 0, look, at);
  assert.is(looks, 0);
});

test('an agent that ends writes news, and what has aged', () => {
  const pace = createKeptPace(0);
  noteWritten(pace, one(1), 0);
  assert.is(lastSets(pace, one(1), 1000), null);
  assert.equal(lastSets(pace, one(2), 1000), one(2));
  assert.equal(lastSets(pace, one(1), HOUR), one(1));
  assert.equal(lastSets(pace, new Map(), HOUR), new Map());
  noteWritten(pace, new Map(), HOUR);
  assert.is(lastSets(pace, new Map(), DAY), null);
});

test('what the owner takes back is written once, whatever else he says', () => {
  const pace = createKeptPace(0);
  noteWritten(pace, new Map([...sample()]), 0);
  assert.not.ok(holdsMore(pace, sample()));
  const less = new Map([...sample()].filter(([set]) => set !== PEER));
  assert.ok(holdsMore(pace, less));
  noteWritten(pace, less, 0);
  assert.not.ok(holdsMore(pace, less));
});

test('what a DNS answer taught is kept with its name and its device', () => {
  const from = memory();
  const lesson = {
    app: APP.name,
    name: 'api.skype.com',
    device: '192.168.1.11',
    at: 0,
    addresses: [{ address: '93.184.216.40', ttlSeconds: 300 }],
  };
  learnEndpoints(from.learned, lesson as never, 10);
  const kept = keptSets(keptText(setsToKeep(from, [APP], 1000)));
  assert.ok(kept.ok);
  const to = memory();
  restoreSets(to, [APP], kept.value, never, 0);
  const [endpoint] = Array.from(to.learned.sets.get(`${APP.name} 4`)!.values());
  assert.equal([endpoint!.name, endpoint!.device], ['api.skype.com', '192.168.1.11']);
});

test.run();
