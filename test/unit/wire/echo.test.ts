// wire/echo: the probe follows RFC 792, and only its own reply is accepted.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { echoRequest, readEchoReply } from '../../../agent/src/wire/echo.ts';

const tag = { identifier: 0x1234, token: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
const IP = [0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 10, 213, 0, 2, 10, 213, 0, 1];

function reply(bytes: Uint8Array): Uint8Array {
  const answer = Uint8Array.from([...IP, ...bytes]);
  answer[20] = 0;
  return answer;
}

test('a request has type 8, its numbers, and a checksum that sums up to zero', () => {
  const bytes = echoRequest(4, tag, 0xabcd);
  assert.equal([...bytes.subarray(0, 2)], [8, 0]);
  assert.equal([...bytes.subarray(4, 8)], [0x12, 0x34, 0xab, 0xcd]);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  assert.is((sum & 0xffff) + (sum >>> 16), 0xffff);
  assert.is(echoRequest(6, tag, 1)[0], 128);
});

test('a larger one has the same fields, zeros behind, and a checksum of all', () => {
  const bytes = echoRequest(4, tag, 7, 1380);
  assert.is(bytes.length, 1380);
  assert.equal(bytes.subarray(4, 16), echoRequest(4, tag, 7).subarray(4, 16));
  const answer = reply(bytes);
  assert.is(readEchoReply(4, answer, answer.length, tag), 7);
  assert.is(echoRequest(4, tag, 7, 3).length, 16);
});

test('its answer is known, over IPv4 and IPv6', () => {
  const four = reply(echoRequest(4, tag, 7));
  assert.is(readEchoReply(4, four, four.length, tag), 7);
  const six = echoRequest(6, tag, 9);
  six[0] = 129;
  assert.is(readEchoReply(6, six, six.length, tag), 9);
});

test('anything else is not: a request, another identifier, another token, cut short', () => {
  const good = reply(echoRequest(4, tag, 7));
  const changed = (at: number): Uint8Array => {
    const bytes = good.slice();
    bytes[at] = bytes[at]! ^ 8;
    return bytes;
  };
  for (const at of [20, 21, 24, 28, 35]) assert.is(readEchoReply(4, changed(at), 36, tag), null);
  for (let end = 0; end < good.length; end++) assert.is(readEchoReply(4, good, end, tag), null);
  // A header length beyond the packet.
  assert.is(readEchoReply(4, Uint8Array.of(0x4f, 0, 0), 3, tag), null);
});

test.run();
