// wire/flow-text: an announced flow and the conntrack entry of any protocol have the same text.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flowOf } from '../../../agent/src/learn/evidence.ts';
import type { Tuple } from '../../../agent/src/netlink/conntrack.ts';
import { flowText } from '../../../agent/src/wire/flow-text.ts';
import { decodePacket, type Packet } from '../../../agent/src/wire/packet.ts';
import { concat, fromHex } from '../../fixtures/bytes.ts';

const V4 = { source: '192.168.1.11', destination: '198.51.100.7' };
const V6 = { source: '2001:db8::11', destination: '2a01::7' };

function packet(protocol: number, body: string, six = false): Packet {
  const payload = fromHex(body);
  const byte = protocol.toString(16).padStart(2, '0');
  const length = (payload.length + (six ? 0 : 20)).toString(16).padStart(4, '0');
  const head = six
    ? `60000000 ${length} ${byte}40 20010db8000000000000000000000011 2a010000000000000000000000000007`
    : `4500${length} 00000000 40${byte}0000 c0a8010b c6336407`;
  const read = decodePacket(concat(fromHex(head), payload));
  if ('malformed' in read) throw new Error(read.malformed);
  return read;
}

/** conntrack's text: for ICMP the id, then type and code. */
function tuple(protocol: number, ports: readonly [number, number], ends = V4): Tuple {
  return { protocol, sourcePort: ports[0], destinationPort: ports[1], ...ends };
}

for (const [name, seen, listed, text] of [
  [
    'UDP',
    packet(17, '32dd01bb 00080000'),
    tuple(17, [13021, 443]),
    'udp 192.168.1.11:13021 198.51.100.7:443',
  ],
  [
    'TCP over IPv6',
    packet(6, '32dd01bb 00000000 00000000 50020000 00000000', true),
    tuple(6, [13021, 443], V6),
    'tcp [2001:db8::11]:13021 [2a01::7]:443',
  ],
  [
    'ICMP echo',
    packet(1, '08000000 12340001'),
    tuple(1, [0x1234, 0x800]),
    'icmp 192.168.1.11 198.51.100.7',
  ],
  [
    'ICMPv6 echo',
    packet(58, '80000000 12340001', true),
    tuple(58, [0x1234, 0x8000], V6),
    'icmpv6 2001:db8::11 2a01::7',
  ],
  ['GRE', packet(47, '20000800 00000007'), tuple(47, [0, 7]), '47 192.168.1.11 198.51.100.7'],
  [
    'SCTP',
    packet(132, '32dd01bb 00000000'),
    tuple(132, [13021, 443]),
    '132 192.168.1.11 198.51.100.7',
  ],
] as const) {
  test(name, () => {
    assert.is(flowText(flowOf(seen)), text);
    assert.is(flowText(listed), text);
  });
}

test.run();
