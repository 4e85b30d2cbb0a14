// wire/message-bytes against Node's Buffer, alone and inside dns-packet: equal values, and it refuses what
// Buffer refuses.
import * as dnsPacket from 'dns-packet';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MessageBytes } from '../../agent/src/wire/message-bytes.ts';
import { type Random, randomOf } from '../fuzz/random.ts';

const INPUTS = 100_000;

function outcome<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Fails with both values; uvu's comparison would take most of the time. */
function same<T>(found: T, expected: T, what: string): void {
  if (found !== expected) assert.unreachable(`${what}: ${found}, where Buffer has ${expected}`);
}

/** Labels, pointers and similar bytes; some are not ASCII. */
function message(random: Random): Uint8Array {
  const bytes = Uint8Array.from({ length: random.below(48) }, () => 97 + random.below(26));
  for (let at = 0; at < bytes.length; at += 1) {
    const size = random.pick([0, 0, 1, 2, 3, 5, 0xc0, 0x40, 0x80, random.below(256)]);
    bytes[at] = size;
    if (at + 1 < bytes.length && size === 0xc0) bytes[at + 1] = random.below(48);
    if (at + 1 < bytes.length && size < 6 && random.once(8)) bytes[at + 1] = random.below(256);
    at += size < 64 ? size : 1;
  }
  return bytes;
}

/** Both views of a message inside other bytes. */
function views(inner: Uint8Array, before: number): { buffer: Buffer; ours: MessageBytes } {
  const whole = new Uint8Array(before + inner.length + 8).fill(0x61);
  whole.set(inner, before);
  return {
    buffer: Buffer.from(whole.buffer, before, inner.length),
    ours: new MessageBytes(whole.buffer, before, inner.length),
  };
}

test('two bytes, a byte and the length', () => {
  const random = randomOf(1);
  let refused = 0;
  for (let i = 0; i < INPUTS; i++) {
    const { buffer, ours } = views(message(random), random.below(9));
    const at = random.below(buffer.length + 8) - 4;
    const expected = outcome(() => buffer.readUInt16BE(at));
    same(
      outcome(() => ours.readUInt16BE(at)),
      expected,
      `two bytes at ${at} of ${buffer.length}`,
    );
    same(ours[at], buffer[at], `byte ${at}`);
    same(ours.length, buffer.length, 'length');
    if (expected === null) refused += 1;
  }
  assert.ok(refused > INPUTS / 10 && refused < INPUTS / 2, `${refused} refused`);
});

/** RFC 1035 section 5.1, RFC 4343 section 2.1. */
function escaped(text: string): string {
  const plain = (one: string): boolean => one > ' ' && one < '\x7f' && !'.\\'.includes(one);
  const code = (one: string): string => String(one.charCodeAt(0)).padStart(3, '0');
  return [...text].map((one) => (plain(one) ? one : `\\${code(one)}`)).join('');
}

test('text: the same, escaped, inside the message, else refused', () => {
  const random = randomOf(2);
  let texts = 0;
  for (let i = 0; i < INPUTS; i++) {
    const { buffer, ours } = views(message(random), random.below(9));
    const [from, to] = [random.below(52) - 2, random.below(52) - 2];
    const inside = from >= 0 && from <= to && to <= buffer.length;
    const expected = inside ? escaped(buffer.toString('latin1', from, to)) : null;
    same(
      outcome(() => ours.toString('utf-8', from, to)),
      expected,
      `text ${from} to ${to}`,
    );
    if (expected !== null && expected !== '') texts += 1;
  }
  assert.ok(texts > INPUTS / 20, `${texts} texts`);
});

test('names that dns-packet reads: the same, or refused', () => {
  const random = randomOf(3);
  const counts = { same: 0, refused: 0, escaped: 0 };
  for (let i = 0; i < INPUTS; i++) {
    const { buffer, ours } = views(message(random), random.below(9));
    const at = random.below(buffer.length + 2);
    const label = (_: string, from: number, to: number): string =>
      escaped(buffer.subarray(from, to).toString('latin1'));
    const theirs = Object.assign(buffer, { toString: label });
    const expected = outcome(() => dnsPacket.name.decode(theirs, at));
    const found = outcome(() => dnsPacket.name.decode(ours, at));
    same(found, expected, 'name');
    counts[expected === null ? 'refused' : expected.includes('\\') ? 'escaped' : 'same'] += 1;
  }
  for (const [what, count] of Object.entries(counts))
    assert.ok(count > INPUTS / 500, `${what}: ${count}`);
});

test.run();
