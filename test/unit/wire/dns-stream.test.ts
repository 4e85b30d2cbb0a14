// wire/dns-stream: TCP segments in any order give each DNS message once, when its last missing byte arrives;
// all memory is bounded.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createStreams,
  type DnsStreams,
  expireStreams,
  feedStream,
  isWhole,
} from '../../../agent/src/wire/dns-stream.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../../agent/src/wire/packet.ts';
import { concat, span, u16be } from '../../fixtures/bytes.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';

const ONE = Uint8Array.from({ length: 40 }, (_, i) => i);
const TWO = Uint8Array.from({ length: 700 }, (_, i) => i & 255);
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
  // Its last segment may be lost behind this router, and be retransmitted.
  assert.equal(feed(streams, 1000, 42, STREAM.length, TCP_FIN), []);
  assert.ok(isWhole(streams, 'flow'));
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
  // The message boundaries are unknown from here on.
  assert.equal([...streams.flows.keys()], ['c', 'b']);
  assert.not(isWhole(streams, 'b'));
  assert.is(streams.flows.get('b')!.ready.length, 0);
  assert.is(streams.dropped.overflowed, 1);
  assert.is(expireStreams(streams, 9), 0);
  assert.is(expireStreams(streams, 10), 2);
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
  assert.ok(streams.dropped.overflowed > 10);
});

test('64 KB in segments that all overtake the first', () => {
  const streams = createStreams();
  const big = Uint8Array.from({ length: 65535 }, (_, i) => i % 251);
  const stream = concat(u16be(big.length), big);
  const give = (from: number, to: number, flags = TCP_ACK) => {
    const sequence = flags === TCP_SYN ? 0 : 1 + from;
    return feedStream(
      streams,
      'flow',
      { sequence, flags, bytes: stream, offset: from, end: to },
      0,
    );
  };
  give(0, 0, TCP_SYN);
  const cuts = Array.from({ length: Math.ceil(stream.length / 1460) }, (_, i) => i * 1460);
  const got = cuts.reverse().flatMap((at) => give(at, Math.min(stream.length, at + 1460)));
  assert.equal(got, [big]);
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
      ...span(bytes),
    };
    feedStream(streams, String(random(4)), segment, i);
    assert.ok(streams.flows.size <= 3);
  }
});

test.run();
