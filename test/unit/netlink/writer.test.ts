// netlink/writer and netlink/message: layout in both byte orders, growth, malformed input.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostInt, netlinkAddress, unixAddress } from '../../../agent/src/netlink/endian.ts';
import {
  createAttributes,
  createMessage,
  createReader,
  has,
  readAck,
  readAttributes,
  readMessage,
} from '../../../agent/src/netlink/message.ts';
import {
  attributeBe64,
  attributeBytes,
  attributeString,
  attributeU32,
  beginAttribute,
  beginMessage,
  createWriter,
  endAttribute,
  endMessage,
  putBytes,
  putU16,
  resetWriter,
  type Writer,
} from '../../../agent/src/netlink/writer.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { firstMessage, groups, toHex, written } from '../../fixtures/netlink-hex.ts';

function sample(w: Writer): void {
  beginMessage(w, 0x0102, 0x0304, 0x05060708);
  const nest = beginAttribute(w, 0x8001);
  const short = beginAttribute(w, 2);
  putU16(w, 0x0a0b);
  endAttribute(w, short);
  attributeU32(w, 3, 0xfffffffe);
  endAttribute(w, nest);
  attributeString(w, 4, 'eth0');
  attributeBe64(w, 5, 0x123456789abc);
  endMessage(w);
}

test('header, nesting, padding and text, little-endian', () => {
  const w = createWriter(8, 'little');
  sample(w);
  const expected = groups(`
    3c000000 02010403 08070605 00000000
    14000180 06000200 0b0a0000 08000300 feffffff
    09000400 65746830 00000000
    0c000500 00001234 56789abc`);
  assert.is(written(w), expected);
});

test('the same, big-endian', () => {
  const w = createWriter(8, 'big');
  sample(w);
  const expected = groups(`
    0000003c 01020304 05060708 00000000
    00148001 00060002 0a0b0000 00080003 fffffffe
    00090004 65746830 00000000
    000c0005 00001234 56789abc`);
  assert.is(written(w), expected);
});

test('a used buffer leaves nothing in the padding', () => {
  const w = createWriter(64, 'little');
  putBytes(w, new Uint8Array(64).fill(0xff));
  resetWriter(w);
  attributeString(w, 1, 'a');
  assert.is(written(w), '06000100 61000000');
});

test('an attribute past 65535 bytes is noted', () => {
  const w = createWriter(16);
  attributeBytes(w, 1, new Uint8Array(65531));
  assert.is(w.overflow, false);
  attributeBytes(w, 1, new Uint8Array(65532));
  assert.is(w.overflow, true);
});

test('messages are walked to the end, in both orders', () => {
  for (const order of ['little', 'big'] as const) {
    const w = createWriter(16, order);
    sample(w);
    sample(w);
    const r = createReader(w.bytes, order);
    const m = createMessage();
    const second = readMessage(r, 0, w.length, m);
    assert.is(second, 60);
    assert.equal([m.type, m.flags, m.seq, m.end], [0x0102, 0x0304, 0x05060708, 60]);
    assert.is(readMessage(r, second, w.length, m), 120);
    const table = createAttributes(5);
    assert.is(readAttributes(r, m.body, m.end, table), undefined);
    assert.ok(has(table, 1, 16) && has(table, 4, 5) && has(table, 5, 8));
    assert.not(has(table, 2, 1));
  }
});

test('malformed messages and attributes are refused', () => {
  const m = createMessage();
  const read = (hex: string): number => {
    const bytes = fromHex(hex);
    return readMessage(createReader(bytes, 'little'), 0, bytes.length, m);
  };
  assert.is(read(''), -1);
  assert.is(read('10000000 00000000 00000000 000000'), -1);
  assert.is(read('0f000000 00000000 00000000 00000000'), -1);
  assert.is(read('11000000 00000000 00000000 00000000'), -1);
  assert.is(read('ffffffff 00000000 00000000 00000000'), -1);
  assert.is(read('10000000 00000000 00000000 00000000'), 16);
  const attributes = (hex: string): string | undefined => {
    const bytes = fromHex(hex);
    return readAttributes(createReader(bytes, 'little'), 0, bytes.length, createAttributes(3));
  };
  assert.match(attributes('03000100') ?? '', /below 4/);
  assert.match(attributes('00000100') ?? '', /below 4/);
  assert.match(attributes('09000100 00000000') ?? '', /passes the end/);
  assert.is(attributes('05000100 00'), undefined);
  assert.is(attributes('04000900'), undefined);
  const r = createReader(new Uint8Array(4));
  assert.match(readAttributes(r, 0, 8, createAttributes(1)) ?? '', /outside/);
});

test('an acknowledgement carries errno, request, words and offset', () => {
  // Recorded: RTM_NEWLINK of an unknown kind with NETLINK_EXT_ACK and NETLINK_CAP_ACK.
  const error = fromHex(`
    44000000 02000003 07000000 00000000 a1ffffff
    30000000 10000506 07000000 00000000
    18000100 556e6b6e 6f776e20 64657669 63652074 79706500
    08000200 1c000000`);
  const m = firstMessage(error);
  assert.ok(m);
  const ack = readAck(createReader(error, 'little'), m);
  assert.equal(ack, {
    ok: true,
    value: { errno: 95, seq: 7, type: 16, text: 'Unknown device type', offset: 28 },
  });
  const good = fromHex(`
    24000000 02000001 07000000 00000000 00000000 30000000 10000506 07000000 00000000`);
  const first = firstMessage(good);
  assert.ok(first);
  assert.equal(readAck(createReader(good, 'little'), first), {
    ok: true,
    value: { errno: 0, seq: 7, type: 16 },
  });
  const short = fromHex('14000000 02000001 07000000 00000000 00000000');
  const cut = firstMessage(short);
  assert.ok(cut);
  assert.is(readAck(createReader(short, 'little'), cut).ok, false);
});

test('an acknowledgement whose quoted request is too long is refused', () => {
  // 64 bytes, more than a signed number holds, and zero.
  for (const length of ['40000000', 'f0ffffff', '00000000']) {
    const bytes = fromHex(`
      24000000 02000002 07000000 00000000 feffffff ${length} 10000506 07000000 00000000`);
    const m = firstMessage(bytes);
    assert.ok(m);
    assert.equal(readAck(createReader(bytes, 'little'), m), {
      ok: false,
      reason: 'quoted request passes the end',
    });
  }
});

test('socket addresses and C integers in both orders', () => {
  assert.is(toHex(new Uint8Array(netlinkAddress(5, 0x41, 'little'))), '10000000 05000000 41000000');
  assert.is(toHex(new Uint8Array(netlinkAddress(5, 0x41, 'big'))), '00100000 00000005 00000041');
  assert.is(toHex(new Uint8Array(unixAddress('/x', 'big')!)), '00012f78 00');
  assert.is(unixAddress('x'.repeat(108)), undefined);
  assert.is(new Int32Array(hostInt(-7))[0], -7);
});

test.run();
