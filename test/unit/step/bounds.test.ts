// One device floods the agent with names of the app, with flows and with DNS over TCP, on a fake clock. Every
// store keeps its cap, other devices keep their entries, every answer gets one verdict, and the log gets one
// line.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PACE } from '../../../agent/src/bounds/token-bucket.ts';
import {
  type AskedQuestions,
  createAskedQuestions,
  questionBook,
} from '../../../agent/src/learn/asked-questions.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { findEndpoint, learnedEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { findEvidence } from '../../../agent/src/learn/evidence.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { createState, type Event, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { concat, span } from '../../fixtures/bytes.ts';
import { answerTo, withLength } from '../../fixtures/dns.ts';
import { answerEvent, openQuestions, queryEvent, queryTo } from '../../fixtures/dns-events.ts';
import { DEVICE as MODEST, ROUTER, tcp4, udp4 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';
import { rounds } from '../../lib/rounds.ts';

const HOSTILE = [192, 168, 1, 66];
const caps = { endpoints: 1024, ports: 64, peers: 256, devices: 64 };
const suffixes = [{ value: 'skype.com', evidence: 'capture' as const }];
const policy: Policy = policyFrom({
  profile: { caps, dns: { ...profile.dns, suffixes } },
});

interface Life {
  readonly state: State;
  readonly book: AskedQuestions;
  readonly counts: Map<string, number>;
  now: number;
}

function begin(): Life {
  const book = createAskedQuestions();
  const state = createState(policy, () => false, null, questionBook(book));
  return { state, book, counts: new Map(), now: 0 };
}

function take(life: Life, event: Event): readonly Effect[] {
  const effects = step(life.state, event, life.now);
  for (const { kind } of effects) life.counts.set(kind, (life.counts.get(kind) ?? 0) + 1);
  return effects;
}

function answer(name: string, address: readonly number[], device: readonly number[]): Uint8Array {
  const rdata = Uint8Array.from(address);
  return udp4(
    ROUTER,
    53,
    device,
    40000,
    answerTo(name, [{ name: '@12', type: 1, ttl: 600, rdata }]),
  );
}

function resolve(life: Life, packet: Uint8Array): readonly string[] {
  step(life.state, queryEvent(packet), life.now);
  return take(life, answerEvent(packet)).map(({ kind }) => kind);
}

test('a flood of names of the application for two minutes by one device', () => {
  const count = rounds(6000, 30000);
  const life = begin();
  resolve(life, answer('ui.skype.com', [203, 0, 113, 7], MODEST));
  const flood = answer('x00000.skype.com', [198, 0, 0, 0], HOSTILE);
  const query = queryTo(flood);
  const verdicts = { release: 0, refuse: 0 };
  for (let i = 0; i < count; i++) {
    life.now += 120_000 / count;
    // Another name and another address in each round.
    for (let digit = 0, rest = i; digit < 5; digit++, rest = Math.floor(rest / 10)) {
      flood[28 + 12 + 6 - digit] = 48 + (rest % 10);
      query[28 + 12 + 6 - digit] = 48 + (rest % 10);
    }
    flood.set([1 + (i >> 16), (i >> 8) & 255, i & 255], flood.length - 3);
    step(life.state, { kind: 'query', age: 0, mac: null, ...span(query) }, life.now);
    verdicts[take(life, answerEvent(flood)).at(-1)!.kind as 'release' | 'refuse'] += 1;
    // The other device resolves a name every five seconds during the flood.
    const lookup = (i * 24) / count;
    if (Number.isInteger(lookup)) {
      const kinds = resolve(life, answer('api.skype.com', [203, 0, 113, 8], MODEST));
      assert.equal(kinds.slice(-2), ['monitor', 'release']);
      // The kernel keeps the first answer for five minutes.
      assert.is(kinds[0] === 'renew', lookup === 0, `after ${i}: ${kinds}`);
    }
  }
  assert.is(verdicts.release + verdicts.refuse, count);
  assert.ok(verdicts.release <= PACE.burst + PACE.perSecond * 121, `${verdicts.release} read`);
  assert.is(life.state.counters.refused, verdicts.refuse);
  assert.is(learnedEndpoints(life.state.learned).length, caps.endpoints);
  for (const address of ['203.0.113.7', '203.0.113.8']) {
    assert.ok(findEndpoint(life.state.learned, 'skype', address), `${address} was evicted`);
  }
  // One report for the set, one for the device.
  assert.is(life.counts.get('report'), 2);
});

test('a flood of flows of one device for twenty seconds: others keep the reason of theirs', () => {
  const count = rounds(2000, 20000);
  const life = begin();
  const own = udp4(MODEST, 13021, [198, 51, 100, 9], 443, new Uint8Array(8));
  take(life, { kind: 'evidence', mac: null, prefix: 'whp:port:skype', ...span(own) });
  const flood = udp4(HOSTILE, 13021, [93, 0, 0, 0], 443, new Uint8Array(8));
  for (let i = 0; i < count; i++) {
    life.now += 20_000 / count;
    flood.set([i >> 16, (i >> 8) & 255, i & 255], 17);
    take(life, { kind: 'evidence', mac: null, prefix: 'whp:full:skype', ...span(flood) });
    take(life, { kind: 'evidence', mac: null, prefix: 'whp:port:skype', ...span(flood) });
  }
  const { evidence } = life.state;
  assert.is(evidence.flows.size, evidence.cap);
  assert.is(findEvidence(evidence, '198.51.100.9').length, 1);
  assert.is(life.counts.get('report'), 1);
  // The kernel's sets are read at most every five seconds.
  assert.is(life.counts.get('make-room'), 4);
});

test('DNS over TCP that is begun and never ended: the total is bounded, others get through', () => {
  const life = begin();
  const message = withLength(
    answerTo('ui.skype.com', [{ name: '@12', type: 1, rdata: [203, 0, 113, 7] }]),
  );
  const start = tcp4(ROUTER, 53, MODEST, 40000, 0, new Uint8Array(0));
  start[33] = 0x12;
  take(life, { kind: 'answer', id: 1, outside: false, heard: null, ...span(start) });
  const half = tcp4(ROUTER, 53, MODEST, 40000, 1, message.subarray(0, 20));
  take(life, answerEvent(half));
  const big = new Uint8Array(1400);
  big[0] = 255;
  for (let i = 0; i < rounds(2400, 20000); i++) {
    life.now += 1;
    const packet = tcp4(ROUTER, 53, HOSTILE, 1024 + (i % 400), 1 + 1400 * Math.floor(i / 400), big);
    take(life, answerEvent(packet));
  }
  const { streams } = life.state;
  let kept = 0;
  for (const { ready, ahead } of streams.flows.values()) {
    kept += ready.length + ahead.reduce((sum, piece) => sum + piece.bytes.length, 0);
  }
  assert.ok(kept <= streams.limits.total, `${kept} bytes kept`);
  step(life.state, queryEvent(tcp4(ROUTER, 53, MODEST, 40000, 1, message)), life.now);
  const rest = tcp4(ROUTER, 53, MODEST, 40000, 21, message.subarray(20));
  const kinds = take(life, answerEvent(rest)).map(({ kind }) => kind);
  assert.equal([kinds[0], kinds.at(-1)], ['renew', 'release']);
});

test('queries over TCP count as those over UDP do, and each is noted', () => {
  const life = begin();
  const mac = '02:00:00:00:00:66';
  const query = (id: number): Uint8Array => {
    const packet = queryTo(answer('ui.skype.com', [203, 0, 113, 7], HOSTILE));
    packet.set([id >> 8, id & 255], 28);
    return packet;
  };
  const bytes = Array.from({ length: 200 }, (_, id) => withLength(query(id).subarray(28)));
  const stream = concat(...bytes);
  const ask = (packet: Uint8Array) => take(life, { kind: 'query', age: 0, mac, ...span(packet) });
  ask(tcp4(HOSTILE, 40000, ROUTER, 53, 0, new Uint8Array(0), 2));
  for (let from = 0; from < stream.length; from += 1460) {
    ask(tcp4(HOSTILE, 40000, ROUTER, 53, 1 + from, stream.subarray(from, from + 1460)));
  }
  assert.is(life.state.counters.asked, PACE.burst);
  assert.is(openQuestions(life.book), 200);
  // UDP takes from the same bucket.
  ask(query(1000));
  assert.is(life.state.counters.asked, PACE.burst);
  life.now += 1000;
  for (let id = 0; id < 20; id++) ask(query(2000 + id));
  assert.is(life.state.counters.asked, PACE.burst + PACE.perSecond);
  // Another device has its own.
  take(life, queryEvent(answer('ui.skype.com', [203, 0, 113, 7], MODEST)));
  assert.is(life.state.counters.asked, PACE.burst + PACE.perSecond + 1);
});

test.run();
