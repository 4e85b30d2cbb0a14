// wire/packet: every offset returned lies inside the packet, and addresses are canonical.
import {
  decodePacket,
  destinationText,
  type Packet,
  sourceText,
  TCP,
  UDP,
} from '../../../agent/src/wire/packet.ts';
import { concat } from '../../fixtures/bytes.ts';
import { DNS_SEEDS } from '../../fixtures/dns-seeds.ts';
import { DEVICE, PEER, ROUTER, tcp4, udp4, udp6 } from '../../fixtures/plain-packets.ts';
import { mendPacket } from '../packet-input.ts';
import { isolated, kindOf, must, mustBeCanonical, type Target } from '../target.ts';

const message = DNS_SEEDS[0]!;
const plain = udp6(53, 40000, message);

/** The datagram after a hop-by-hop, a fragment and an authentication header. */
function extended(): Uint8Array {
  const headers = [
    44, 0, 1, 4, 0, 0, 0, 0, 51, 0, 0, 1, 0, 0, 0, 7, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  ];
  const packet = concat(plain.subarray(0, 40), headers, plain.subarray(40));
  packet[6] = 0;
  return packet;
}

const icmp = concat(
  [0x45, 0, 0, 84, 0, 0, 0, 0, 64, 1, 0, 0, ...PEER, ...DEVICE, 3, 4, 0, 0, 0, 0, 0, 0],
  udp4(DEVICE, 4000, PEER, 4001, message).subarray(0, 56),
);

function check(packet: Packet, offset: number, end: number): void {
  const width = packet.family === 4 ? 4 : 16;
  const { source, destination, payload, payloadEnd, transport, quoted } = packet;
  must(source >= offset && source + width <= end, 'source outside');
  must(destination >= offset && destination + width <= end, 'destination outside');
  must(payload >= offset && payload <= payloadEnd && payloadEnd <= end, 'payload outside');
  must(transport === -1 || (transport >= offset && transport <= end), 'transport outside');
  must(quoted === -1 || (quoted >= offset && quoted <= end), 'quoted packet outside');
  const hasPorts = transport >= 0 && (packet.protocol === UDP || packet.protocol === TCP);
  must(packet.sourcePort >= 0 === hasPorts, 'ports where there are none');
  mustBeCanonical(sourceText(packet));
  mustBeCanonical(destinationText(packet));
}

function decode(bytes: Uint8Array, offset: number, end: number): string {
  const packet = decodePacket(bytes, offset, end);
  if ('malformed' in packet) return kindOf(packet.malformed);
  check(packet, offset, end);
  const { family, protocol, transport, fragmentOffset, truncated } = packet;
  const header = transport < 0 ? -1 : transport - offset;
  const parts = [family, protocol, header, fragmentOffset > 0, truncated];
  const ends = `${sourceText(packet)} ${destinationText(packet)} ${packet.sourcePort}`;
  const rest = `${packet.payload - offset} ${packet.payloadEnd - offset} ${packet.tcpFlags}`;
  return `${parts.join(' ')} | ${ends} ${rest} ${packet.quoted}`.replace(/ -?\d+$/, '');
}

export const packet: Target = {
  name: 'packet',
  weight: 10,
  seeds: [
    udp4(ROUTER, 53, DEVICE, 40000, message),
    plain,
    extended(),
    tcp4(ROUTER, 53, DEVICE, 40000, 1000, message),
    icmp,
  ],
  mend: (bytes, length, random) => (random.once(3) ? length : mendPacket(bytes, length)),
  run: (input, random) => isolated(input, random, decode).split(' | ')[0]!,
};
