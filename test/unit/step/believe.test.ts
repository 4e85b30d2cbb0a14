// Which answers the agent believes: an answer must match an open question; an answer of the router's resolver
// counts for all devices, of another resolver for the device that asked; and the limits of each device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { takeToken } from '../../../agent/src/bounds/token-bucket.ts';
import { forgetTaught } from '../../../agent/src/learn/dynamic-sets.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { MOST_OF_A_NAME } from '../../../agent/src/learn/endpoint-evictions.ts';
import { findEndpoint, learnedEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { keptFor, pairOf } from '../../../agent/src/ruleset/elements.ts';
import { createState, type Event, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { concat, span } from '../../fixtures/bytes.ts';
import { answerTo, type WireRecord, wireName, withLength } from '../../fixtures/dns.ts';
import { answerEvent, askedEvents, queryEvent, queryTo } from '../../fixtures/dns-events.ts';
import { DEVICE as PHONE, ROUTER, tcp4, udp4, udp6 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';
import { rounds } from '../../lib/rounds.ts';

const ISP = [10, 20, 0, 53];
const TV = [192, 168, 1, 12];
const BANK = [198, 51, 100, 80];
const suffixes = [{ value: 'skype.com', evidence: 'capture' as const }];
const caps = { endpoints: 1024, ports: 64, peers: 512, devices: 64 };
const policy = policyFrom({ profile: { caps, dns: { ...profile.dns, suffixes } } });

function fresh(): State {
  return createState(policy, () => false);
}

function a(address: readonly number[], name = '@12'): WireRecord {
  return { name, type: 1, ttl: 600, rdata: address };
}

function said(
  name: string,
  records: readonly WireRecord[],
  { from = ROUTER, to = PHONE, flags = 0x8180 } = {},
): Uint8Array {
  return udp4(from, 53, to, 40000, answerTo(name, records, [], flags));
}

function play(state: State, events: readonly Event[], now = 1000): Effect[] {
  return events.flatMap((event) => step(state, event, now));
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map(({ kind }) => kind);
}

const unasked = said('ui.skype.com', [a(BANK)]);

test('a held answer that nobody asked for is refused and teaches nothing', () => {
  const state = fresh();
  const effects = step(state, answerEvent(unasked), 1000);
  assert.equal(kinds(effects), ['report', 'refuse']);
  assert.equal(learnedEndpoints(state.learned), []);
  assert.is(state.counters.unasked, 1);
  assert.is(state.counters.refused, 1);
});

test('one that is only watched has passed, and teaches nothing', () => {
  const state = fresh();
  assert.equal(kinds(step(state, answerEvent(unasked, { id: null }), 1000)), ['report']);
  assert.equal(kinds(step(state, answerEvent(unasked, { id: null }), 1001)), []);
  assert.equal(learnedEndpoints(state.learned), []);
});

test('an unrelated answer passes, asked for or not', () => {
  const other = said('www.example.org', [a(BANK)]);
  assert.equal(step(fresh(), answerEvent(other), 1000), [{ kind: 'release', id: 1 }]);
});

test('before an answer is refused the queries that wait are heard, and once', () => {
  const state = fresh();
  const event = { ...answerEvent(unasked), heard: false } as Event;
  assert.equal(step(state, event, 1000), [{ kind: 'hear' }]);
  assert.is(state.counters.answers, 0, 'counted when it is decided');
  step(state, queryEvent(unasked), 1000);
  assert.is(kinds(step(state, event, 1000)).at(-1), 'release', 'asked: not heard again');
});

test('a kernel that announces no queries: every answer is taken for one that was asked for', () => {
  const state = fresh();
  const event = { ...answerEvent(unasked), heard: null } as Event;
  assert.is(kinds(step(state, event, 1000)).at(-1), 'release');
  assert.is(learnedEndpoints(state.learned).length, 1);
});

test('an unrelated answer waits for no query', () => {
  const event = { ...answerEvent(said('www.example.org', [a(BANK)])), heard: false } as Event;
  assert.equal(step(fresh(), event, 1000), [{ kind: 'release', id: 1 }]);
});

test('the answer that comes twice, and the one to a query that was sent twice, teach', () => {
  const state = fresh();
  const other = said('ui.skype.com', [a([203, 0, 113, 9])]);
  play(state, [queryEvent(unasked), queryEvent(unasked)]);
  assert.is(kinds(step(state, answerEvent(unasked), 1000)).at(-1), 'release');
  assert.is(kinds(step(state, answerEvent(other), 1000)).at(-1), 'release');
  assert.is(learnedEndpoints(state.learned).length, 2);
});

test('a CNAME of a name that is nobody’s leads to the application’s: its query was noted', () => {
  const state = fresh();
  const chain = [
    { name: '@12', type: 5, ttl: 60, rdata: wireName('edge9.skype.com') },
    a([203, 0, 113, 7], 'edge9.skype.com'),
  ];
  const effects = play(state, askedEvents(said('www.vanity.example', chain)));
  assert.is(kinds(effects).at(-1), 'release');
  assert.is(learnedEndpoints(state.learned).length, 1);
});

const SYN_ACK = 0x12;

test('TCP with three queries in flight: each answer has its own, in any order', () => {
  const state = fresh();
  const names = ['ui.skype.com', 'www.example.org', 'api.skype.com'];
  const messages = names.map((name, i) => {
    const message = answerTo(name, [a([203, 0, 113, i])]);
    message[1] = i;
    return message;
  });
  let at = 1;
  for (const message of messages) {
    const query = queryTo(tcp4(ROUTER, 53, PHONE, 40000, at, withLength(message)));
    const all = span(query);
    step(state, { kind: 'query', age: 0, mac: null, ...all }, 1000);
    at += withLength(message).length;
  }
  const back = concat(...[...messages].reverse().map(withLength));
  const first = tcp4(ROUTER, 53, PHONE, 40000, 1, back.subarray(0, 20));
  const second = tcp4(ROUTER, 53, PHONE, 40000, 21, back.subarray(20));
  step(state, answerEvent(tcp4(ROUTER, 53, PHONE, 40000, 0, new Uint8Array(0), SYN_ACK)), 1000);
  assert.equal(kinds(step(state, answerEvent(first), 1000)), ['release']);
  // A retransmission while the first segment is held must not overtake it.
  const verdict = step(state, answerEvent(second), 1000).at(-1);
  assert.equal(verdict, { kind: 'release', id: 1, behind: true });
  assert.equal(step(state, answerEvent(second), 1000), [verdict]);
  assert.is(learnedEndpoints(state.learned).length, 2);
  step(state, answerEvent(tcp4(ROUTER, 53, PHONE, 40001, 0, new Uint8Array(0), SYN_ACK)), 1000);
  const stray = tcp4(ROUTER, 53, PHONE, 40001, 1, withLength(messages[0]!));
  assert.is(kinds(step(state, answerEvent(stray), 1000)).at(-1), 'refuse');
});

test('what a resolver outside says counts for the device that asked, private or not', () => {
  for (const from of [ISP, [9, 9, 9, 9]]) {
    const state = fresh();
    const events = askedEvents(said('ui.skype.com', [a(BANK)], { from }), { outside: true });
    const effects = play(state, events);
    assert.equal(learnedEndpoints(state.learned), []);
    const renew = effects.find((one) => one.kind === 'renew' && one.set === 'skype_peer4');
    assert.ok(renew?.kind === 'renew');
    if (renew?.kind !== 'renew') return;
    const pair = pairOf(renew.elements[0]!.key);
    assert.equal(pair, { device: PHONE.join('.'), peer: BANK.join('.') });
    assert.is(renew.elements[0]!.timeout, keptFor(600_000));
    const late = effects.filter((one) => one.kind === 'late').map((one) => one.recheck);
    const ends = { device: PHONE.join('.'), mac: null, remote: BANK.join('.') };
    assert.equal(late, [{ kind: 'peer', app: 'skype', ...ends }], 'its own flows alone are cut');
    assert.is(kinds(effects).at(-1), 'release');
  }
});

test('a device is its MAC: a pair by it beside the address, and of another family by it alone', () => {
  const mac = '02:00:00:00:00:0a';
  const sets = (effects: readonly Effect[]): string[] =>
    effects.flatMap((one) =>
      one.kind === 'renew' && !one.set.includes('portmap') ? [one.set] : [],
    );
  const state = fresh();
  const asker = { outside: true, mac };
  const ours = said('ui.skype.com', [a(BANK)], { from: ISP });
  assert.equal(sets(play(state, askedEvents(ours, asker))), ['skype_peer4', 'skype_peermac4']);
  // The device's next address is the same device: the same pair.
  const moved = said('ui.skype.com', [a(BANK)], { from: ISP, to: [192, 168, 1, 99] });
  play(state, askedEvents(moved, asker), 2000);
  assert.is(learnedEndpoints(state.pairs).length, 1);
  const six = udp6(53, 40000, answerTo('api.skype.com', [a([203, 0, 113, 8])]));
  assert.equal(sets(play(state, askedEvents(six, asker))), ['skype_peermac4']);
  const nobody = play(fresh(), askedEvents(six, { outside: true }));
  assert.is(kinds(nobody).at(-1), 'refuse', 'nothing is known by which to tell its flows');
});

test('a pair that has made room is taught again by the next answer', () => {
  const state = fresh();
  const events = askedEvents(said('ui.skype.com', [a(BANK)], { from: ISP }), { outside: true });
  const [renew] = play(state, events).filter((one) => one.kind === 'renew' && /peer/.test(one.set));
  assert.ok(renew?.kind === 'renew');
  if (renew?.kind !== 'renew') return;
  const again = (): boolean =>
    play(state, events, 1500).some((one) => one.kind === 'renew' && one.set === renew.set);
  assert.not.ok(again(), 'the kernel has it for long enough');
  forgetTaught(state.taught, renew.set, [renew.elements[0]!.key]);
  assert.ok(again());
});

test('two devices asked the same resolver outside: a pair each', () => {
  const state = fresh();
  for (const to of [PHONE, TV]) {
    const events = askedEvents(said('ui.skype.com', [a(BANK)], { from: ISP, to }), {
      outside: true,
    });
    assert.ok(kinds(play(state, events)).includes('renew'));
  }
  assert.is(learnedEndpoints(state.pairs).length, 2);
});

test('an address that the owner of another name writes beside the application’s is that device’s alone', () => {
  const state = fresh();
  // evil.example HTTPS 1 ui.skype.com ipv4hint=BANK, from the router's own resolver.
  const rdata = [0, 1, ...wireName('ui.skype.com'), 0, 4, 0, 4, ...BANK];
  play(state, askedEvents(said('evil.example', [{ name: '@12', type: 65, ttl: 60, rdata }])));
  assert.equal(learnedEndpoints(state.learned), []);
  assert.is(learnedEndpoints(state.pairs).length, 1);
});

test('answers that teach nothing use nothing up: a page of 200 names that do not exist', () => {
  const state = fresh();
  for (let i = 0; i < 200; i++) {
    const nothing: readonly Uint8Array[] = [
      said(`image${i}.skype.com`, [], { flags: 0x8183 }),
      said(`image${i}.skype.com`, []),
      said(`image${i}.skype.com`, [a(BANK)], { flags: 0x8380 }),
    ];
    const bytes = nothing[i % 3]!;
    assert.is(kinds(play(state, askedEvents(bytes))).at(-1), 'release', `answer ${i}`);
  }
  const good = play(state, askedEvents(said('ui.skype.com', [a([203, 0, 113, 7])])));
  assert.ok(kinds(good).includes('renew'));
  assert.is(kinds(good).at(-1), 'release');
});

test('answers with records are looked into 200 at once, whatever they hold', () => {
  const state = fresh();
  let released = 0;
  for (let i = 0; i < rounds(400, 1000); i++) {
    const private4 = said(`x${i}.skype.com`, [a([10, 0, 0, 1])]);
    if (kinds(play(state, askedEvents(private4))).at(-1) === 'release') released++;
  }
  assert.is(released, 200);
});

test('a name has 64 addresses, the newest; those in use are the last to go', () => {
  const state = fresh();
  const learn = (i: number): void => {
    const bytes = said('cdn.skype.com', [a([203, 0, 113, i])]);
    for (let used = 0; used < 50; used++) state.pace.buckets.clear();
    play(state, askedEvents(bytes), 1000 + i);
  };
  learn(1);
  const flow = udp4(PHONE, 50000, [203, 0, 113, 1], 443, new Uint8Array(8));
  const all = span(flow);
  step(state, { kind: 'evidence', mac: null, prefix: 'whp:addr:skype', ...all }, 1500);
  for (let i = 2; i < 200; i++) learn(i);
  const held = learnedEndpoints(state.learned).map(({ address }) => address);
  assert.is(held.length, MOST_OF_A_NAME);
  assert.ok(held.includes('203.0.113.1'), 'in use');
  assert.ok(held.includes('203.0.113.199') && held.includes('203.0.113.140'), 'the newest');
  assert.not.ok(held.includes('203.0.113.2'));
});

test('an answer with more than 64 addresses is learned whole; the next one of its name ends that', () => {
  const state = fresh();
  const many = Array.from({ length: 100 }, (_, i) => a([203, 0, 113, i]));
  const effects = play(state, askedEvents(said('dir.skype.com', many)));
  assert.is(kinds(effects).at(-1), 'release');
  assert.is(learnedEndpoints(state.learned).length, 100);
  const next = play(state, askedEvents(said('dir.skype.com', [a([203, 0, 114, 1])])), 2000);
  assert.is(kinds(next).at(-1), 'release');
  assert.ok(findEndpoint(state.learned, 'skype', '203.0.114.1'));
});

test('an answer larger than the room for it is refused, not passed half taught', () => {
  const few = { ...caps, endpoints: 16, peers: 16 };
  const small = policyFrom({ profile: { caps: few, dns: { ...profile.dns, suffixes } } });
  const many = Array.from({ length: 30 }, (_, i) => a([203, 0, 113, i]));
  for (const outside of [false, true]) {
    const state = createState(small, () => false);
    const effects = play(state, askedEvents(said('dir.skype.com', many), { outside }));
    assert.is(kinds(effects).at(-1), 'refuse');
  }
});

test('a device that fills its pairs loses its own; another device keeps what it was told', () => {
  const state = fresh();
  const told = said('ui.skype.com', [a(BANK)], { from: ISP, to: TV });
  play(state, askedEvents(told, { outside: true }));
  for (let i = 0; i < rounds(400, 2000); i++) {
    const rdata = [203, 0, i >> 8, i & 255];
    const flood = said(`x${i}.skype.com`, [a(rdata)], { from: ISP });
    state.pace.buckets.clear();
    state.looks.buckets.clear();
    play(state, askedEvents(flood, { outside: true }), 1001 + i);
  }
  const pairs = learnedEndpoints(state.pairs);
  assert.ok(pairs.some(({ device }) => device === TV.join('.')));
  assert.is(pairs.length, 65, 'sixty-four of the flood');
});

test('a device’s bucket is its own', () => {
  const state = fresh();
  for (let i = 0; i < 60; i++) takeToken(state.pace, PHONE.join('.'), 1000);
  const mine = play(state, askedEvents(said('ui.skype.com', [a(BANK)])));
  assert.is(kinds(mine).at(-1), 'refuse');
  const others = play(state, askedEvents(said('ui.skype.com', [a(BANK)], { to: TV })));
  assert.is(kinds(others).at(-1), 'release');
});

test.run();
