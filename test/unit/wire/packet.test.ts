// wire/packet: offsets of headers; a packet that is cut, has a wrong length or quotes another packet is never
// decoded as that one.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodePacket,
  destinationText,
  fragmentKey,
  sourceText,
} from '../../../agent/src/wire/packet.ts';
import { concat, fromHex, u16be } from '../../fixtures/bytes.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';

const UDP_NATPMP = fromHex(
  '45000028 00000000 4011 0000 c0a80122 c0a80101 32dd 14e7 0014 0000 00010000 32dd32dd 00000e10',
);

function v6(next: number, payload: Uint8Array): Uint8Array {
  const head = concat([0x60, 0, 0, 0], u16be(payload.length), [next, 64]);
  const addresses = fromHex('20010db8000000000000000000000001 20010db8000000000000000000000002');
  return concat(head, addresses, payload);
}

function decoded(bytes: Uint8Array, offset = 0, end = bytes.length) {
  const packet = decodePacket(bytes, offset, end);
  if ('malformed' in packet) throw new Error(packet.malformed);
  return packet;
}

function reason(bytes: Uint8Array): string {
  const packet = decodePacket(bytes, 0, bytes.length);
  return 'malformed' in packet ? packet.malformed : 'decoded';
}

test('UDP over IPv4, behind other bytes of the same array', () => {
  const packet = decoded(concat([9, 9, 9], UDP_NATPMP, [7]), 3, 3 + UDP_NATPMP.length);
  assert.is(sourceText(packet), '192.168.1.34');
  assert.is(destinationText(packet), '192.168.1.1');
  assert.is(packet.sourcePort, 13021);
  assert.is(packet.destinationPort, 5351);
  assert.is(packet.payload, 3 + 28);
  assert.is(packet.payloadEnd, 3 + 40);
  assert.is(packet.length, 40);
});

test('TCP with options over IPv4 with options', () => {
  const packet = decoded(
    fromHex(
      '46000036 00004000 40060000 c0a80122 cb007107 01010101' +
        '0401 01bb 00000064 00000000 6018 ffff 0000 0000 02040578 6869',
    ).subarray(0, 50),
    0,
    50,
  );
  assert.is(packet.protocol, 6);
  assert.is(packet.sourcePort, 1025);
  assert.is(packet.destinationPort, 443);
  assert.is(packet.tcpSequence, 100);
  assert.is(packet.tcpFlags, 0x18);
  assert.is(packet.payload, 48);
  assert.is(packet.payloadEnd, 50);
  assert.ok(packet.truncated);
});

test('IPv6 extension headers are walked to the transport', () => {
  const udp = fromHex('0035 c000 000a 0000 6869');
  const packet = decoded(
    v6(0, concat(fromHex('3c00 010400000000'), fromHex('1100 010400000000'), udp)),
  );
  assert.is(packet.protocol, 17);
  assert.is(packet.sourcePort, 53);
  assert.is(packet.payloadEnd - packet.payload, 2);
  assert.is(sourceText(packet), '2001:db8::1');
});

test('a later fragment has no ports, the first one has', () => {
  const first = UDP_NATPMP.slice();
  first[6] = 0x20;
  assert.is(decoded(first).sourcePort, 13021);
  assert.ok(decoded(first).moreFragments);
  const later = UDP_NATPMP.slice();
  later[7] = 5;
  assert.is(decoded(later).fragmentOffset, 40);
  assert.is(decoded(later).sourcePort, -1);
  assert.is(decoded(later).transport, -1);
  const sixth = decoded(v6(44, fromHex('11000009 00000001 1234567812345678')));
  assert.is(sixth.fragmentOffset, 8);
  assert.is(sixth.destinationPort, -1);
  // Bytes in a later fragment that look like a header are none.
  assert.is(decoded(v6(44, fromHex('3c000009 00000001 11ff000000000000'))).protocol, 60);
});

test('the fragments of one packet have one key, those of another have another', () => {
  const first = decoded(v6(44, fromHex('11000001 12345678 0035c00000280000 6869000000000000')));
  const later = decoded(v6(44, fromHex('11000010 12345678 1111111122222222')));
  const other = decoded(v6(44, fromHex('11000010 12345679 1111111122222222')));
  assert.is(first.sourcePort, 53);
  assert.is(later.fragmentOffset, 16);
  assert.is(fragmentKey(later), fragmentKey(first));
  assert.is.not(fragmentKey(other), fragmentKey(first));
  const whole = UDP_NATPMP.slice();
  const second = UDP_NATPMP.slice();
  second[7] = 5;
  assert.is(fragmentKey(decoded(second)), fragmentKey(decoded(whole)));
});

test('an ICMP error quotes a request and is none', () => {
  const error = concat(
    fromHex('45000044 00000000 4001 0000 c0a80101 c0a80122 0303 0000 00000000'),
    UDP_NATPMP,
  );
  const packet = decoded(error);
  assert.is(packet.icmpType, 3);
  assert.is(packet.sourcePort, -1);
  assert.is(packet.destinationPort, -1);
  assert.is(packet.quoted, 28);
  assert.is(decoded(error, packet.quoted, error.length).destinationPort, 5351);
  const echo = fromHex('4500001c 00000000 4001 0000 c0a80101 c0a80122 0800 0000 00000000');
  assert.is(decoded(echo).quoted, -1);
});

test('what is malformed says why', () => {
  assert.is(reason(fromHex('45')), 'shorter than an IP header');
  assert.is(reason(new Uint8Array(20)), 'IP version 0');
  assert.is(reason(concat([0x44], UDP_NATPMP.slice(1))), 'IPv4 header length 16');
  assert.is(
    reason(fromHex('45000010 00000000 40110000 c0a80122 c0a80101')),
    'IPv4 total length 16 below its header',
  );
  assert.is(reason(concat(UDP_NATPMP.slice(0, 24), [0, 7], UDP_NATPMP.slice(26))), 'UDP length 7');
  assert.is(
    reason(concat(UDP_NATPMP.slice(0, 24), [0, 99], UDP_NATPMP.slice(26))),
    'UDP length beyond the packet',
  );
  assert.is(reason(UDP_NATPMP.slice(0, 24)), 'UDP header cut off');
  assert.is(reason(v6(0, fromHex('1109 0000 0000 0000'))), 'IPv6 extension header 0 cut off');
  assert.is(
    reason(v6(60, concat(...Array.from({ length: 20 }, () => fromHex('3c00 010400000000'))))),
    'more than 16 IPv6 extension headers',
  );
});

test('mutated packets give a packet inside its bounds, or a reason', () => {
  const random = seeded(1);
  const seeds = [UDP_NATPMP, v6(0, fromHex('1100 010400000000 0035c000000a00006869'))];
  for (let i = 0; i < 4000; i++) {
    const bytes = mutate(seeds[i % seeds.length]!, random);
    const packet = decodePacket(bytes, 0, bytes.length);
    if ('malformed' in packet) continue;
    assert.ok(packet.payload <= bytes.length && packet.payloadEnd <= bytes.length);
    assert.ok(packet.payload <= packet.payloadEnd, 'payload runs forwards');
    assert.ok(sourceText(packet).length > 1);
  }
});

test.run();
