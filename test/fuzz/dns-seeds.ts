// DNS messages to begin with: what resolvers really send (compressed answers, chains, SVCB hints,
// additional records, queries), and for step/step.ts the packets around them.
import { answerTo, concat, queryFor, u16be, wireName } from '../unit/wire/bytes.ts';

const A = 1;
const CNAME = 5;
const AAAA = 28;
const SRV = 33;
const NAPTR = 35;
const DNAME = 39;
const HTTPS = 65;
const v6 = [0x2a, 1, 1, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

export const DNS_SEEDS: readonly Uint8Array[] = [
  answerTo('ui.skype.com', [{ name: '@12', type: A, rdata: [203, 0, 113, 7] }]),
  answerTo('www.example.org', [{ name: '@12', type: A, rdata: [192, 0, 2, 7] }]),
  answerTo('api.skype.com', [
    { name: '@12', type: CNAME, rdata: wireName('dsn3.d.skype.net') },
    { name: '@43', type: A, ttl: 20, rdata: [198, 51, 100, 9] },
    { name: '@43', type: AAAA, ttl: 0x80000000, rdata: v6 },
  ]),
  answerTo(
    'pipe.prd.skypedata.akadns.net',
    [
      {
        name: '@12',
        type: HTTPS,
        rdata: [0, 1, ...wireName('x.skype.com'), 0, 4, 0, 4, 8, 8, 8, 8],
      },
      { name: '@12', type: HTTPS, rdata: [0, 1, 0, 0, 6, 0, 16, ...v6] },
    ],
    [{ name: 'x.skype.com', type: A, rdata: [203, 0, 113, 9] }],
  ),
  answerTo('edge.skype.com', [
    { name: '@12', type: A, rdata: [192, 168, 1, 1] },
    { name: '@12', type: A, rdata: [127, 0, 0, 1] },
  ]),
  answerTo('nobody.skype.com', [], [], 0x8183),
  answerTo(
    'a.b.c.d.e.f.skype.com',
    Array.from({ length: 30 }, (_, i) => ({ name: '@12', type: A, rdata: [203, 0, 113, i] })),
  ),
  queryFor('ui.skype.com'),
  queryFor('www.example.org'),
  // Names that others lead to, here and in the next answer.
  answerTo(
    '_sip._udp.skype.com',
    [
      { name: '@12', type: NAPTR, rdata: [0, 1, 0, 2, 1, 115, 0, 0, ...wireName('sip.e.net')] },
      { name: '@12', type: SRV, rdata: [0, 1, 0, 2, 19, 196, ...wireName('sip9.e.net')] },
    ],
    [{ name: 'sip9.e.net', type: A, rdata: [203, 0, 113, 10] }],
  ),
  answerTo('api.skype.com', [
    { name: '@16', type: DNAME, rdata: wireName('edge.example.net') },
    { name: '@12', type: CNAME, rdata: wireName('api.edge.example.net') },
  ]),
  answerTo('edge.example.net', [{ name: '@12', type: A, rdata: [203, 0, 113, 11] }]),
  queryFor('edge.example.net'),
];

/** Names and record heads that lead somewhere. */
export const DNS_WORDS: readonly (string | readonly number[])[] = [
  [0xc0, 12],
  [0xc0, 0],
  [5, 115, 107, 121, 112, 101, 3, 99, 111, 109, 0],
  [5, 115, 107, 121, 112, 101, 3, 110, 101, 116, 0],
  [0, 1, 0, 1, 0, 0, 1, 44, 0, 4],
  [0, 28, 0, 1, 0, 0, 1, 44, 0, 16],
  [0, 5, 0, 1, 0, 0, 1, 44, 0, 2, 0xc0, 12],
  [0, 65, 0, 1, 0, 0, 1, 44, 0, 11, 0, 1, 0, 0, 4, 0, 4],
  [0, 33, 0, 1, 0, 0, 1, 44, 0, 8, 0, 1, 0, 2, 19, 196, 0xc0, 12],
  [0, 35, 0, 1, 0, 0, 1, 44, 0, 9, 0, 1, 0, 2, 0, 0, 0, 0xc0, 12],
  [0, 39, 0, 1, 0, 0, 1, 44, 0, 2, 0xc0, 12],
  [4, 101, 100, 103, 101, 7, 101, 120, 97, 109, 112, 108, 101, 3, 110, 101, 116, 0],
  [10, 0, 0, 1],
  [169, 254, 1, 1],
  [192, 168, 1, 1],
  [198, 51, 100, 1],
];

/** A UDP datagram in IPv4, with the lengths right. */
export function udp4(
  source: readonly number[],
  sourcePort: number,
  destination: readonly number[],
  destinationPort: number,
  payload: Uint8Array,
): Uint8Array {
  const length = payload.length + 8;
  return concat(
    [0x45, 0, ...u16be(length + 20), 0, 0, 0, 0, 64, 17, 0, 0, ...source, ...destination],
    [...u16be(sourcePort), ...u16be(destinationPort), ...u16be(length), 0, 0],
    payload,
  );
}

export function udp6(sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  const length = payload.length + 8;
  const home = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
  return concat(
    [0x60, 0, 0, 0, ...u16be(length), 17, 64, ...v6, ...home],
    [...u16be(sourcePort), ...u16be(destinationPort), ...u16be(length), 0, 0],
    payload,
  );
}

/** One TCP segment in IPv4. */
export function tcp4(
  source: readonly number[],
  sourcePort: number,
  destination: readonly number[],
  destinationPort: number,
  sequence: number,
  payload: Uint8Array,
  flags = 0x18,
): Uint8Array {
  return concat(
    [0x45, 0, ...u16be(payload.length + 40), 0, 0, 0, 0, 64, 6, 0, 0, ...source, ...destination],
    [...u16be(sourcePort), ...u16be(destinationPort), ...u16be(sequence >>> 16)],
    [...u16be(sequence & 0xffff), 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0],
    payload,
  );
}

export const ROUTER = [192, 168, 1, 1];
export const DEVICE = [192, 168, 1, 11];
export const PEER = [198, 51, 100, 23];

/** A message as TCP carries it (RFC 1035 section 4.2.2). */
export function withLength(message: Uint8Array): Uint8Array {
  return concat(u16be(message.length), message);
}

/** Writes the lengths of IPv4 and UDP anew, mostly: else the decoder stops at the first header. */
export function mendPacket(bytes: Uint8Array, length: number): number {
  if (length < 28) return length;
  const total = Math.min(length, 0xffff);
  if (bytes[0]! >> 4 === 4) {
    bytes[2] = total >> 8;
    bytes[3] = total;
    const header = (bytes[0]! & 15) * 4;
    if (bytes[9] === 17 && header >= 20 && header + 8 <= total) {
      bytes[header + 4] = (total - header) >> 8;
      bytes[header + 5] = total - header;
    }
  } else if (bytes[0]! >> 4 === 6 && length >= 48) {
    bytes[4] = (total - 40) >> 8;
    bytes[5] = total - 40;
    if (bytes[6] === 17) {
      bytes[44] = (total - 40) >> 8;
      bytes[45] = total - 40;
    }
  }
  return length;
}
