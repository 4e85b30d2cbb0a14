// wire/dns-stream: segments of DNS over TCP in any order give each message once, when its last
// missing byte arrives; nothing grows without bound.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createStreams,
  type DnsStreams,
  expireStreams,
  feedStream,
  giveBack,
  loseFlow,
  lostReason,
  STREAM_LIMITS,
} from '../../../agent/src/wire/dns-stream.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../../agent/src/wire/packet.ts';
import { concat, mutate, seeded, u16be } from './bytes.ts';

/** The head of a message with one question, and bytes that tell where they stand. */
const messageOf = (length: number) =>
  Uint8Array.from({ length }, (_, i) => [0, 7, 0x81, 0x80, 0, 1][i] ?? i & 255);
const ONE = messageOf(40);
const TWO = messageOf(700);
const STREAM = concat(u16be(ONE.length), ONE, u16be(TWO.length), TWO);

/** Feeds STREAM[from, to) at sequence base + from. */
function feed(
  streams: DnsStreams,
  base: number,
  from: number,
  to: number,
  flags = TCP_ACK,
  key = 'flow',
) {
  const sequence = (base + from) >>> 0;
  return feedStream(streams, key, { sequence, flags, bytes: STREAM, offset: from, end: to }, 0);
}

test('messages come out at the segment that completes them', () => {
  const streams = createStreams();
  assert.equal(feed(streams, 999, 0, 0, TCP_SYN), []);
  assert.equal(feed(streams, 1000, 0, 1), []);
  assert.equal(feed(streams, 1000, 1, 41), []);
  assert.equal(feed(streams, 1000, 41, 42), [ONE]);
  assert.equal(feed(streams, 1000, 42, STREAM.length, TCP_FIN), [TWO]);
  assert.is(streams.flows.size, 0);
});

test('both messages in one segment, the flow joined without its SYN', () => {
  const streams = createStreams();
  assert.equal(feed(streams, 5, 0, STREAM.length), [ONE, TWO]);
});

test('order, repetition and overlap do not matter, nor does the wrap of sequence numbers', () => {
  for (const base of [1000, 0xffffffff - 20, 0x7ffffff0]) {
    const streams = createStreams();
    feed(streams, base - 1, 0, 0, TCP_SYN);
    assert.equal(feed(streams, base, 300, STREAM.length), []);
    assert.equal(feed(streams, base, 30, 310), []);
    assert.equal(feed(streams, base, 30, 310), []);
    assert.equal(feed(streams, base, 0, 35), [ONE, TWO]);
    assert.equal(feed(streams, base, 0, 35), []);
    assert.equal(feed(streams, base, 0, STREAM.length), []);
  }
});

test('a flow joined late takes an earlier segment that was overtaken', () => {
  const streams = createStreams();
  assert.equal(feed(streams, 77, 20, 60), []);
  assert.equal(feed(streams, 77, 0, 20), [ONE]);
  assert.equal(feed(streams, 77, 60, STREAM.length), [TWO]);
});

test('any cutting into segments in any order gives both messages', () => {
  const random = seeded(3);
  for (let round = 0; round < 200; round++) {
    const cuts = Array.from({ length: 1 + random(8) }, () => random(STREAM.length));
    const borders = [0, ...cuts.sort((a, b) => a - b), STREAM.length];
    const pieces = borders
      .slice(1)
      .map((to, i) => [Math.max(0, borders[i]! - random(5)), to] as const);
    for (let i = pieces.length - 1; i > 0; i--) {
      const j = random(i + 1);
      [pieces[i], pieces[j]] = [pieces[j]!, pieces[i]!];
    }
    const streams = createStreams();
    feed(streams, 4294967000, 0, 0, TCP_SYN);
    const messages = pieces.flatMap(([from, to]) => feed(streams, 4294967001, from, to));
    assert.equal(messages, [ONE, TWO]);
  }
});

test('reset and a new SYN begin again', () => {
  const streams = createStreams();
  feed(streams, 10, 0, 20);
  feed(streams, 10, 0, 0, TCP_RST);
  assert.is(streams.flows.size, 0);
  feed(streams, 10, 0, 20);
  feed(streams, 9999, 0, 0, TCP_SYN);
  assert.equal(feed(streams, 10000, 0, 42), [ONE]);
});

test('flows, bytes and time are bounded', () => {
  const streams = createStreams({
    flows: 2,
    bytes: 500,
    total: 9999,
    pieces: 64,
    idleMilliseconds: 10,
  });
  for (const key of ['a', 'b', 'c']) feed(streams, 0, 0, 10, TCP_ACK, key);
  assert.equal([...streams.flows.keys()], ['b', 'c']);
  assert.is(streams.dropped.evicted, 1);
  feed(streams, 0, 10, 600, TCP_ACK, 'b');
  assert.equal([...streams.flows.keys()], ['c']);
  assert.is(streams.dropped.overflowed, 1);
  assert.is(expireStreams(streams, 9), 0);
  assert.is(expireStreams(streams, 10), 1);
  assert.is(streams.flows.size, 0);
});

test('a thousand segments behind a gap are given up', () => {
  const streams = createStreams({
    flows: 2,
    bytes: 2000,
    total: 9999,
    pieces: 64,
    idleMilliseconds: 10,
  });
  for (let i = 0; i < 1000; i++) feed(streams, i * 2, 5, 6);
  assert.is(streams.dropped.overflowed, 1);
  assert.match(lostReason(streams, 'flow') ?? '', /more of a message/);
  assert.is(streams.flows.size, 0, 'and what comes after is not read');
});

/** The first bytes of an answer: length, identifier, flags, one question. */
const BEGUN = Uint8Array.of(0xff, 0xff, 0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0);

function give(
  streams: DnsStreams,
  bytes: Uint8Array,
  { key = 'flow', sequence = 1, flags = TCP_ACK, now = 0, device = 'one' } = {},
) {
  const segment = { sequence, flags, bytes, offset: 0, end: bytes.length };
  return feedStream(streams, key, segment, now, device);
}

test('a message that stops half-way is lost: what the flow carries later is not read, until it begins anew', () => {
  const streams = createStreams();
  give(streams, BEGUN);
  assert.is(expireStreams(streams, STREAM_LIMITS.idleMilliseconds - 1), 0);
  assert.is(lostReason(streams, 'flow'), null);
  assert.is(expireStreams(streams, STREAM_LIMITS.idleMilliseconds), 1);
  assert.match(lostReason(streams, 'flow') ?? '', /half-way/);
  const later = { now: STREAM_LIMITS.idleMilliseconds, sequence: 15 };
  assert.equal(give(streams, concat(u16be(ONE.length), ONE), later), []);
  assert.is(streams.flows.size, 0);
  give(streams, new Uint8Array(0), { ...later, flags: TCP_SYN });
  assert.is(lostReason(streams, 'flow'), null);
  assert.equal(give(streams, concat(u16be(ONE.length), ONE), { ...later, sequence: 16 }), [ONE]);
  for (const flags of [TCP_RST, TCP_RST | TCP_ACK]) {
    loseFlow(streams, 'flow', 'one', 'why', 0);
    give(streams, new Uint8Array(0), { flags });
    assert.is(lostReason(streams, 'flow'), null);
  }
  loseFlow(streams, 'flow', 'one', 'why', 0);
  expireStreams(streams, 700_000);
  assert.is(lostReason(streams, 'flow'), null);
});

test('what is no DNS, and what is between two messages, is forgotten without a word', () => {
  const streams = createStreams();
  give(
    streams,
    Uint8Array.from('SSH-2.0-OpenSSH_9.2', (one) => one.charCodeAt(0)),
    { key: 'ssh' },
  );
  give(streams, concat(u16be(ONE.length), ONE), { key: 'idle' });
  assert.is(expireStreams(streams, 60_000), 2);
  assert.is(streams.lost.size, 0);
});

test('a device with many messages under way loses its own, and flows between messages make room first', () => {
  const streams = createStreams();
  for (let i = 0; i < 40; i++) give(streams, concat(u16be(ONE.length), ONE), { key: `idle ${i}` });
  for (let i = 0; i < 24; i++) give(streams, BEGUN, { key: `two ${i}`, device: 'two' });
  assert.is(streams.lost.size, 0);
  for (let i = 0; i < 5000; i++) give(streams, BEGUN, { key: `one ${i}` });
  assert.is(streams.flows.size, STREAM_LIMITS.flows);
  assert.ok(streams.lost.size <= 256, `${streams.lost.size} lost`);
  for (let i = 0; i < 24; i++) assert.ok(streams.flows.has(`two ${i}`), `${i}`);
  loseFlow(streams, 'two x', 'two', 'why', 0);
  for (let i = 0; i < 5000; i++) give(streams, BEGUN, { key: `three ${i}` });
  assert.is(lostReason(streams, 'two x'), 'why');
});

test('messages that are given back come again, whole, with the segment that comes again', () => {
  const streams = createStreams();
  const stream = concat(u16be(ONE.length), ONE, u16be(TWO.length), TWO);
  give(streams, new Uint8Array(0), { flags: TCP_SYN, sequence: 0 });
  assert.equal(give(streams, stream.slice(0, 30)), []);
  const rest = { sequence: 31 };
  const messages = give(streams, stream.slice(30), rest);
  assert.equal(messages, [ONE, TWO]);
  giveBack(streams, 'flow', messages, 1 + stream.length, 0, 'one');
  assert.equal(give(streams, stream.slice(30), rest), [ONE, TWO]);
  assert.equal(give(streams, stream.slice(30), rest), [], 'once');
  // With its end, and after something else has come in between.
  const last = { ...rest, flags: TCP_ACK | TCP_FIN };
  giveBack(streams, 'flow', give(createStreams(), concat(u16be(ONE.length), ONE)), 43, 0);
  assert.equal(give(streams, stream.slice(30), last), [ONE]);
  assert.is(streams.flows.size, 0);
  giveBack(streams, 'flow', [TWO], 1 + stream.length, 0, 'one');
  assert.equal(give(streams, stream.slice(30), last), [TWO], 'though its flow had ended');
});

test('64 KB in segments that all overtake the first', () => {
  const streams = createStreams();
  const big = messageOf(65535);
  const stream = concat(u16be(big.length), big);
  give(streams, new Uint8Array(0), { flags: TCP_SYN, sequence: 0 });
  const cuts = Array.from(
    { length: Math.ceil(stream.length / 1460) },
    (_, i) => i * 1460,
  ).reverse();
  const got = cuts.flatMap((at) =>
    give(streams, stream.slice(at, at + 1460), { sequence: 1 + at }),
  );
  assert.is(got.length, 1);
  assert.equal(got[0], big);
});

test('random segments neither throw nor hang', () => {
  const random = seeded(4);
  const streams = createStreams({
    flows: 3,
    bytes: 4000,
    total: 9999,
    pieces: 64,
    idleMilliseconds: 10,
  });
  for (let i = 0; i < 3000; i++) {
    const bytes = mutate(STREAM.subarray(0, 60), random);
    const segment = {
      sequence: random(300),
      flags: random(64),
      bytes,
      offset: 0,
      end: bytes.length,
    };
    feedStream(streams, String(random(4)), segment, i);
    assert.ok(streams.flows.size <= 3);
  }
});

test.run();
