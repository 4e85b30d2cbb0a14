// wire/dns-message: what it encodes is read by the decoders of packets and DNS, and teaches nothing.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeDns } from '../../../agent/src/wire/dns.ts';
import { datagram, dnsMessage, NO_SUCH_NAME, QUERY } from '../../../agent/src/wire/dns-message.ts';
import { plainUdp } from '../../../agent/src/wire/packet.ts';

function decoded(bytes: Uint8Array, offset = 0) {
  const message = decodeDns(bytes, offset, bytes.length);
  return 'malformed' in message ? assert.unreachable(message.malformed)! : message;
}

test('a question: one name, recursion desired', () => {
  const message = decoded(dnsMessage(0xabcd, QUERY, 'myip.opendns.com'));
  assert.is(message.id, 0xabcd);
  assert.is(message.response, false);
  assert.is(message.questions[0]!.name.text, 'myip.opendns.com');
  assert.is(message.questions[0]!.type, 1);
});

test('the probe: a plain UDP packet of IPv4 with an answer without a record', () => {
  const answer = dnsMessage(1, NO_SUCH_NAME, 'whp-test.invalid');
  const packet = datagram(
    [Uint8Array.of(192, 168, 1, 1), 53],
    [Uint8Array.of(224, 0, 0, 254), 9],
    answer,
  );
  const at = plainUdp(packet, 0, packet.length);
  assert.is(at, 28);
  const message = decoded(packet, at);
  assert.is(message.response, true);
  assert.is(message.rcode, 3);
  assert.equal(message.records, []);
  // Time to live.
  assert.is(packet[8], 1);
  assert.equal([...packet.subarray(12, 24)], [192, 168, 1, 1, 224, 0, 0, 254, 0, 53, 0, 9]);
});

test.run();
