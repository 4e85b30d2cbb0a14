// whp:nft in the host program: the elements in a message of a set's dump. netlink/probe-socket compares what it reads of real
// dumps with the decoder of the tests, and the fuzzer what it reads of broken ones.
import { count, elements } from 'whp:nft';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostOrder } from '../../agent/src/netlink/endian.ts';
import { byteString } from '../../agent/src/wire/hex.ts';
import { fromHex } from '../fixtures/bytes.ts';
import { asBigEndian } from '../fixtures/netlink-hex.ts';
import { elementsMessage } from '../fixtures/set-messages.ts';

const HEADER = 16;
const KEY = Uint8Array.of(0, 0x7f, 0x80, 0xff);

const read = (bytes: Uint8Array): (string | number)[] =>
  elements(bytes.buffer as ArrayBuffer, HEADER, bytes.length - HEADER);
const counted = (bytes: Uint8Array): number =>
  count(bytes.buffer as ArrayBuffer, HEADER, bytes.length - HEADER);

test('a key is one character a byte; what is left, and a counter, where there is one', () => {
  const bytes = elementsMessage([
    { key: KEY },
    { key: Uint8Array.of(1), expires: 604_800_000 },
    {
      key: new Uint8Array(64).fill(0xff),
      counter: { name: 'counter', packets: 3, bytes: 2 ** 40 },
    },
  ]);
  assert.equal(read(bytes), [
    byteString(KEY),
    -1,
    -1,
    -1,
    '\u0001',
    604_800_000,
    -1,
    -1,
    '\u00ff'.repeat(64),
    -1,
    3,
    2 ** 40,
  ]);
  assert.is(counted(bytes), 3);
});

test('a message that a kernel has sent', () => {
  const recorded = fromHex(`
    70000000 0c0a0200 0e000000 73420000 01000004 09000100 77687074 00000000
    09000200 70616972 00000000 44000300 14000100 10000100 0c000100 c0000202 c6336407
    2c000100 10000100 0c000100 c0000201 c6336407 0c000400 00000000 00000fa0
    0c000500 00000000 00000fa0`);
  const bytes = hostOrder === 'little' ? recorded : asBigEndian(recorded, { 3: { 1: { 1: {} } } });
  const [one, other] = [fromHex('c0000202 c6336407'), fromHex('c0000201 c6336407')];
  assert.equal(read(bytes), [byteString(one), -1, -1, -1, byteString(other), 4000, -1, -1]);
});

test('left out: no key, an empty one, one longer than the kernel has', () => {
  const bytes = elementsMessage([
    { expires: 5 },
    { key: new Uint8Array(0) },
    { key: new Uint8Array(65) },
    { key: KEY },
  ]);
  assert.equal(read(bytes), [byteString(KEY), -1, -1, -1]);
  assert.is(counted(bytes), 4);
});

test('an expression that is no counter counts nothing', () => {
  const counter = { name: 'limit', packets: 3, bytes: 300 };
  const bytes = elementsMessage([{ key: KEY, counter }]);
  assert.equal(read(bytes), [byteString(KEY), -1, -1, -1]);
});

test('a message without a list has no elements, and neither has a cut one', () => {
  assert.equal(read(elementsMessage(null)), []);
  const whole = elementsMessage([{ key: KEY }, { key: KEY }]);
  for (let end = HEADER; end < whole.length; end += 1) {
    const cut = whole.slice(0, end);
    // The list is cut with it: its length passes the end.
    assert.equal(read(cut), [], `${end}`);
    assert.is(counted(cut), 0);
  }
});

test('a wrong argument throws', () => {
  const bytes = elementsMessage([{ key: KEY }]).buffer as ArrayBuffer;
  for (const call of [elements, count] as const) {
    // biome-ignore lint/suspicious/noExplicitAny: wrong arguments are what this is about
    const any = call as any;
    assert.throws(() => any(null, 0, 4), TypeError);
    assert.throws(() => any(bytes, -1, 4), RangeError);
    assert.throws(() => any(bytes, 0, bytes.byteLength + 1), RangeError);
    assert.throws(() => any(bytes, '0', 4), TypeError);
  }
});

test.run();
