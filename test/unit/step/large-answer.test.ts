// Large answers over TCP in many segments: decoded to the end or refused, for each sender, rate and order of
// segments.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { span } from '../../fixtures/bytes.ts';
import { answerTo, type WireRecord, withLength } from '../../fixtures/dns.ts';
import { DEVICE, tcp4, udp4 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';

const SERVER = [198, 51, 100, 53];
const OTHER = [192, 168, 1, 12];
const policy = policyFrom({
  profile: { ranges: [], caps: { ...profile.caps, endpoints: 4096 } },
});

const fresh = (): State => createState(policy, () => false);

const addresses = (count: number): WireRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    name: '@12',
    type: 1,
    rdata: [203, 0, i >> 8, i & 255],
  }));

interface Sent {
  readonly device?: number[];
  readonly port?: number;
  readonly now?: number;
}

function send(state: State, packet: Uint8Array, now = 1000): readonly Effect[] {
  return step(
    state,
    {
      kind: 'answer',
      id: 1,
      outside: false,
      heard: null,
      ...span(packet),
    },
    now,
  );
}

/** The SYN+ACK of the server. */
function begin(
  state: State,
  { device = DEVICE, port = 40000, now = 1000 }: Sent = {},
  sequence = 0,
): void {
  send(state, tcp4(SERVER, 53, device, port, sequence, new Uint8Array(0), 0x12), now);
}

/** The segments of a stream from sequence 1. */
function segments(stream: Uint8Array, { device = DEVICE, port = 40000 }: Sent = {}): Uint8Array[] {
  return Array.from({ length: Math.ceil(stream.length / 1460) }, (_, i) =>
    tcp4(SERVER, 53, device, port, 1 + i * 1460, stream.subarray(i * 1460, (i + 1) * 1460)),
  );
}

const kinds = (effects: readonly Effect[]) => effects.map(({ kind }) => kind);
const verdict = (effects: readonly Effect[]) => effects.at(-1)!.kind;
const taught = (effects: readonly Effect[]) =>
  effects.reduce((sum, one) => sum + (one.kind === 'renew' ? one.elements.length : 0), 0);

test('700 addresses over TCP are all taught before the segment that completes them is released', () => {
  const whole = withLength(answerTo('ui.skype.com', addresses(700)));
  assert.ok(whole.length > 11_000);
  const packets = segments(whole);
  for (const order of [
    packets,
    [...packets].reverse(),
    [packets[1]!, packets[0]!, ...packets.slice(2)],
  ]) {
    const state = fresh();
    begin(state);
    const effects = order.map((packet) => send(state, packet));
    assert.ok(effects.slice(0, -1).every((one) => kinds(one).join() === 'release'));
    assert.is(taught(effects.at(-1)!), 700);
    assert.is(verdict(effects.at(-1)!), 'release');
  }
});

test('what is larger than can be read is refused, and again when it comes again', () => {
  for (const records of [addresses(1100), addresses(4000)]) {
    const state = fresh();
    begin(state);
    const stream = withLength(answerTo('ui.skype.com', records));
    const packets = segments(stream);
    const effects = packets.map((packet) => send(state, packet));
    assert.is(verdict(effects.at(-1)!), 'refuse');
    for (const now of [2000, 4000, 100_000]) {
      step(state, { kind: 'tick' }, now);
      assert.is(verdict(send(state, packets.at(-1)!, now)), 'refuse', `${now}`);
    }
    // A part of the answer in other segments is refused too.
    const from = stream.length - 100;
    const piece = tcp4(SERVER, 53, DEVICE, 40000, 1 + from, stream.subarray(from));
    assert.is(verdict(send(state, piece, 100_000)), 'refuse');
    // Another flow passes, and so does a new connection on the same ports.
    const small = withLength(answerTo('ui.skype.com', addresses(3)));
    const next = tcp4(SERVER, 53, DEVICE, 40001, 1, small);
    begin(state, { port: 40001, now: 100_000 });
    assert.is(verdict(send(state, next, 100_000)), 'release');
    begin(state, { now: 100_000 }, 4999);
    assert.is(
      verdict(send(state, tcp4(SERVER, 53, DEVICE, 40000, 5000, small), 100_000)),
      'release',
    );
  }
});

test('a flood is refused, and what was refused over TCP teaches when it comes again', () => {
  const state = fresh();
  const whole = withLength(answerTo('ui.skype.com', addresses(400)));
  const many = Array.from({ length: 12 }, (_, i) => segments(whole, { port: 41000 + i }));
  for (let i = 0; i < 12; i++) begin(state, { port: 41000 + i });
  const verdicts = many.map((packets) => packets.map((one) => verdict(send(state, one))).at(-1));
  assert.ok(verdicts.includes('refuse'), 'a large answer weighs more than a small one');
  // Answers of another device pass.
  const small = answerTo('ui.skype.com', addresses(1));
  assert.is(verdict(send(state, udp4(SERVER, 53, OTHER, 40000, small))), 'release');
  const at = verdicts.indexOf('refuse');
  const last = many[at]!.at(-1)!;
  assert.is(verdict(send(state, last, 1100)), 'refuse');
  const later = send(state, last, 60_000);
  assert.is(verdict(later), 'release');
  assert.is(taught(later), 400);
  assert.equal(kinds(send(state, last, 60_000)), ['release'], 'it has been read');
});

test('half a message, then silence, then the rest: the rest does not pass unread', () => {
  const state = fresh();
  const packets = segments(withLength(answerTo('ui.skype.com', addresses(200))));
  begin(state, { now: 0 });
  for (const packet of packets.slice(0, -1)) assert.is(verdict(send(state, packet, 0)), 'release');
  step(state, { kind: 'tick' }, 40_000);
  assert.is(verdict(send(state, packets.at(-1)!, 40_000)), 'refuse');
  const empty = tcp4(SERVER, 53, DEVICE, 40000, 9999, new Uint8Array(0));
  assert.is(verdict(send(state, empty, 40_000)), 'release', 'what carries nothing passes');
});

test('unrelated answers of any size pass', () => {
  const state = fresh();
  const packets = segments(withLength(answerTo('www.example.org', addresses(4000))));
  begin(state);
  for (const packet of packets) assert.equal(kinds(send(state, packet)), ['release']);
});

test.run();
