// wire/message-bytes: reads stay inside the message. test/node compares the values with Buffer.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MessageBytes } from '../../../agent/src/wire/message-bytes.ts';

/** The bytes 'xyAByz' with the message 'AB' in their middle. */
const message = new MessageBytes(Uint8Array.from([120, 121, 65, 66, 121, 122]).buffer, 2, 2);
const outside = (error: unknown): boolean => error instanceof RangeError;

test('what is inside', () => {
  assert.is(message.length, 2);
  assert.is(message.readUInt16BE(0), 0x4142);
  assert.is(message.toString('utf-8', 0, 2), 'AB');
  assert.is(message.toString('utf-8', 1, 2), 'B');
  assert.is(message.toString('utf-8', 2, 2), '');
  assert.is(String(message), 'AB');
});

test('two bytes that are not both inside', () => {
  for (const at of [1, 2, 3, -1, -2, 0.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => message.readUInt16BE(at), outside, `at ${at}`);
  assert.throws(() => new MessageBytes(new ArrayBuffer(0)).readUInt16BE(0), outside);
});

test('a text that is not inside', () => {
  for (const [from, to] of [
    [0, 3],
    [-1, 1],
    [2, 1],
    [3, 3],
    [0, 1.5],
    [Number.NaN, 1],
  ] as const)
    assert.throws(() => message.toString('utf-8', from, to), outside, `${from} to ${to}`);
});

test('every byte but letters, digits and other printed signs is escaped, and a dot and a backslash', () => {
  for (let byte = 0; byte < 256; byte++) {
    const one = new MessageBytes(Uint8Array.of(65, byte, 66).buffer);
    const sign = String.fromCharCode(byte);
    const plain = byte > 32 && byte < 127 && sign !== '.' && sign !== '\\';
    const text = plain ? sign : `\\${String(byte).padStart(3, '0')}`;
    assert.is(one.toString('utf-8', 0, 3), `A${text}B`, `byte ${byte}`);
  }
});

test.run();
