// step: answers that cannot be decoded to their end, TCP streams, and answers beyond the rate.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { learnedEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../../agent/src/wire/packet.ts';
import { span } from '../../fixtures/bytes.ts';
import { answerTo } from '../../fixtures/dns.ts';
import { DEVICE, ROUTER, tcp4, udp4 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { rounds } from '../../lib/rounds.ts';

const OTHER = [192, 168, 1, 12];
const policy = policyFrom({ globals: { hold: true }, proxies: [], app: { proxies: [] } });

const fresh = (): State => createState(policy, () => false);

function message(name: string, ...last: number[]): Uint8Array {
  const address = (one: number) => ({ name: '@12', type: 1, rdata: [203, 0, 113, one] });
  return answerTo(name, last.map(address));
}

function hear(
  state: State,
  bytes: Uint8Array,
  now: number,
  id: number | null = 9,
  isBehind = false,
): string[] {
  const event = {
    isBehind,
    kind: 'answer',
    id,
    outside: false,
    heard: null,
    ...span(bytes),
  } as const;
  return kinds(step(state, event, now));
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map(({ kind }) => kind);
}

function ask(state: State, from: readonly number[], mac: string | null, now: number): void {
  const query = answerTo('ui.skype.com', []);
  query[2] = 1;
  const bytes = udp4(from, 40000, ROUTER, 53, query);
  step(state, { kind: 'query', age: 0, mac, ...span(bytes) }, now);
}

/** A TCP segment from the router's resolver. */
function segment(sequence: number, data: Uint8Array, flags = TCP_ACK): Uint8Array {
  const bytes = tcp4(ROUTER, 53, DEVICE, 40000, sequence, data);
  bytes[33] = flags;
  return bytes;
}

function framed(text: Uint8Array): Uint8Array {
  return Uint8Array.from([text.length >> 8, text.length & 255, ...text]);
}

const NONE = new Uint8Array(0);

test('a copy that was cut is counted; one that matches is not let through', () => {
  const state = fresh();
  const whole = udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com', 1, 2, 3, 4));
  assert.is(hear(state, whole.slice(0, whole.length - 10), 1).at(-1), 'refuse');
  assert.is(state.counters.cut, 1);
  const strange = udp4(ROUTER, 53, DEVICE, 40000, message('www.example.org', 1, 2, 3, 4));
  assert.is(hear(state, strange.slice(0, strange.length - 10), 2).at(-1), 'release');
  // Watched: the answer has passed; what can be decoded is learned.
  assert.ok(hear(fresh(), whole.slice(0, whole.length - 10), 3, null).includes('renew'));
});

test('a stream is read from its beginning, or its data is refused', () => {
  const state = fresh();
  const data = framed(message('ui.skype.com', 1));
  assert.is(hear(state, segment(101, data), 1).at(-1), 'refuse');
  assert.is(hear(state, segment(101, data), 2).at(-1), 'refuse');
  assert.equal(hear(state, segment(101, NONE, TCP_RST), 3), ['release']);
  assert.equal(hear(state, segment(100, NONE, TCP_SYN | TCP_ACK), 4), ['release']);
  assert.is(hear(state, segment(101, data), 5).at(-1), 'release');
  // Watched: the segment has passed; what can be decoded of it is learned.
  assert.ok(hear(fresh(), segment(101, data), 6, null).includes('renew'));
});

test('a stream is let through no further than it can be kept', () => {
  const state = fresh();
  hear(state, segment(100, NONE, TCP_SYN | TCP_ACK), 1);
  const piece = new Uint8Array(1400).fill(255);
  const said = new Set<string>();
  for (let i = 0; i < 80; i++) {
    for (const kind of hear(state, segment(5000 + i * 1400, piece), 2)) said.add(kind);
  }
  assert.ok(said.has('refuse'));
  // A refused segment did not reach the device: the rest is decoded when it is retransmitted, in order.
  const data = framed(message('ui.skype.com', 1));
  assert.equal(hear(state, segment(101, data), 3), ['renew', 'late', 'monitor', 'release']);
});

test('a segment that was refused is read like the first when it comes again', () => {
  const state = fresh();
  hear(state, segment(100, NONE, TCP_SYN | TCP_ACK), 1);
  const data = framed(message('ui.skype.com', 1));
  const [head, tail] = [data.slice(0, 30), data.slice(30)];
  assert.equal(hear(state, segment(101, head), 2), ['release']);
  for (let i = 0; i < 60; i++)
    hear(state, udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com', 2)), 3);
  assert.is(hear(state, segment(131, tail), 4).at(-1), 'refuse');
  assert.is(hear(state, segment(131, tail), 5).at(-1), 'refuse');
  assert.equal(kinds(step(state, { kind: 'tick' }, 6)), []);
  assert.equal(hear(state, segment(131, tail), 1006), ['renew', 'late', 'monitor', 'release']);
});

test('one device with forty addresses has the tokens of one', () => {
  const state = fresh();
  let taught = 0;
  for (let i = 0; i < 200; i++) {
    const address = [192, 168, 1, 100 + (i % 40)];
    ask(state, address, '02:00:00:00:00:66', 10);
    const bytes = udp4(ROUTER, 53, address, 40000, message('ui.skype.com', i % 200));
    if (hear(state, bytes, 10).at(-1) === 'release') taught += 1;
  }
  assert.is(taught, 50);
  ask(state, OTHER, '02:00:00:00:00:77', 11);
  const other = udp4(ROUTER, 53, OTHER, 40000, message('ui.skype.com', 201));
  assert.is(hear(state, other, 11).at(-1), 'release');
});

test('forged devices share what the home has: what is more is refused, never passed untaught', () => {
  const state = fresh();
  let released = 0;
  for (let i = 0; i < 1000; i++) {
    const device = [192, 168, i >> 8, i & 255];
    const bytes = udp4(ROUTER, 53, device, 40000, message('ui.skype.com', i % 250));
    const said = hear(state, bytes, 10);
    if (said.at(-1) === 'release') released += 1;
  }
  assert.is(released, 200);
  assert.is(state.counters.refused, 800);
});

test('watched answers beyond the tokens wait, and each is learned at their pace', () => {
  const state = fresh();
  for (let i = 0; i < 200; i++) {
    const bytes = udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com', i));
    hear(state, bytes, 1000, null);
  }
  assert.is(learnedEndpoints(state.learned).length, 50);
  assert.is(state.waiting.count, 150);
  assert.is(state.counters.refused, 0);
  let later = 1000;
  while (state.waiting.count > 0 && later < 60000) {
    later += 100;
    step(state, { kind: 'later' }, later);
  }
  assert.is(state.counters.matched, 200);
  assert.ok(later >= 15900 && later <= 16100, `${later} ms`);
});

test('what waits is bounded, and its loss is the loss of who has most of it', () => {
  const state = fresh();
  const one = udp4(ROUTER, 53, OTHER, 40000, message('ui.skype.com', 250));
  const others = Array.from({ length: 200 }, (_, i) =>
    udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com', i)),
  );
  const count = rounds(1200, 2000);
  for (let i = 0; i < count; i++) hear(state, others[i % 200]!, 10, null);
  for (let i = 0; i < 60; i++) hear(state, one, 10, null);
  assert.is(state.waiting.count, 512);
  assert.is(state.waiting.answers.filter(({ asker }) => asker === '192.168.1.12').length, 10);
  assert.ok(state.waiting.lost > count / 2);
  assert.ok(state.counters.refused > count / 2);
});

test('a queue that was full is counted, and said', () => {
  const state = fresh();
  assert.equal(kinds(step(state, { kind: 'full' }, 1)), ['report']);
  assert.equal(kinds(step(state, { kind: 'full' }, 2)), []);
  assert.is(state.counters.full, 2);
});

test('an agent that is behind refuses unread what it would have to teach, and lets go what it need not', () => {
  const state = fresh();
  const late = (bytes: Uint8Array): string[] => hear(state, bytes, 1000, 9, true);
  assert.equal(late(udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com', 7))), [
    'report',
    'refuse',
  ]);
  assert.equal(late(udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com'))), ['release']);
  assert.equal(late(udp4(ROUTER, 53, DEVICE, 40000, message('www.example.org', 7))), ['release']);
  assert.is(learnedEndpoints(state.learned).length, 0);
  assert.is(state.counters.refused, 1);
  assert.equal(
    hear(state, udp4(ROUTER, 53, DEVICE, 40000, message('ui.skype.com', 7)), 2000).slice(-1),
    ['release'],
  );
});

test.run();
