// step: answers that the host program has taught and released (agent/native/judge.c). The script gives each element its
// own lease, learns what the answer leads to, and asks nobody for a token.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { noteTaught } from '../../../agent/src/learn/dynamic-sets.ts';
import { learnedEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { span } from '../../fixtures/bytes.ts';
import { answerTo, wireName } from '../../fixtures/dns.ts';
import { queryEvent } from '../../fixtures/dns-events.ts';
import { DEVICE, ROUTER, udp4 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';

const policy = policyFrom({ globals: { hold: true }, proxies: [], app: { proxies: [] } });
const fresh = (): State => createState(policy, () => false);
const A = { name: '@12', type: 1, ttl: 60, rdata: [203, 0, 113, 7] };
const told = udp4(ROUTER, 53, DEVICE, 40000, answerTo('ui.skype.com', [A]));

function hear(state: State, packet: Uint8Array, now: number, isTaught: boolean, outside = false) {
  const answer = { kind: 'answer', outside, ...span(packet) } as const;
  const event = isTaught
    ? ({ ...answer, id: null, heard: null, isTaught: true } as const)
    : ({ ...answer, id: 7, heard: true } as const);
  const effects = step(state, event, now);
  const leases = effects.flatMap((one) =>
    one.kind === 'renew' ? one.elements.map(({ timeout }) => `${one.set} ${timeout}`) : [],
  );
  return { kinds: effects.map(({ kind }) => kind), leases };
}

test('it gets no verdict, and each element its lease', () => {
  const state = fresh();
  step(state, queryEvent(told), 1000);
  const { kinds, leases } = hear(state, told, 1000, true);
  assert.equal(kinds, ['renew', 'late', 'monitor']);
  assert.equal(leases, ['skype_addr4 310000']);
  assert.is(learnedEndpoints(state.learned).length, 1);
});

test('an element that is known gets what is left of its lease: it was kept for the longest', () => {
  const state = fresh();
  step(state, queryEvent(told), 1000);
  hear(state, told, 1000, false);
  assert.equal(hear(state, told, 1500, false).leases, [], 'nothing to do where the script teaches');
  assert.equal(hear(state, told, 2000, true).leases, ['skype_addr4 309000']);
});

test('a pair gets its own lease each time; one that is in use keeps the lease of a peer', () => {
  const state = fresh();
  step(state, queryEvent(told), 1000);
  assert.equal(hear(state, told, 1000, true, true).leases, ['skype_peer4 310000']);
  assert.equal(hear(state, told, 2000, true, true).leases, ['skype_peer4 309000']);
  const [key] = state.taught.get('skype_peer4')!.keys();
  noteTaught(state.taught, 'skype_peer4', { key: key!, expires: 86_400_000 }, 100);
  assert.equal(hear(state, told, 3000, true, true).leases, []);
});

test('no token is asked for, and no query: the answer has gone', () => {
  const state = fresh();
  for (let i = 0; i < 300; i++) {
    const rdata = [203, 0, i >> 8, i & 255];
    const packet = udp4(ROUTER, 53, DEVICE, 40000, answerTo('ui.skype.com', [{ ...A, rdata }]));
    assert.is(hear(state, packet, 1000, true).leases.length, 1, `${i}`);
  }
  assert.is(state.waiting.count, 0);
  assert.equal([state.counters.refused, state.counters.unasked], [0, 0]);
});

test('a name that it leads to is the application’s from then on', () => {
  const state = fresh();
  const cname = { name: '@12', type: 5, ttl: 60, rdata: wireName('edge.example.net') };
  hear(state, udp4(ROUTER, 53, DEVICE, 40000, answerTo('ui.skype.com', [cname])), 1000, true);
  const next = udp4(ROUTER, 53, DEVICE, 40001, answerTo('edge.example.net', [A]));
  step(state, queryEvent(next), 1001);
  assert.is(hear(state, next, 1002, false).leases.length, 1);
});

test('a query that the host program has noted is not noted again', () => {
  const state = fresh();
  const notes: number[] = [];
  const { note } = state.asked;
  Object.assign(state.asked, {
    note: (...args: Parameters<typeof note>) => {
      notes.push(args[6]);
      note(...args);
    },
  });
  step(state, { ...queryEvent(told), isNoted: true } as ReturnType<typeof queryEvent>, 1000);
  assert.equal(notes, []);
  step(state, queryEvent(told), 1000);
  assert.equal(notes, [1000]);
});

test.run();
