// wire/packet: decodes one IP packet of NFQUEUE, NFLOG or a capture into offsets. Addresses stay bytes until text is
// needed, since this runs for every DNS answer on a slow core. The ports select the next decoder: dns-walk, dns,
// portmap.
import { type Family, formatAddress } from './address.ts';
import { type Malformed, u16At, u32At } from './reader.ts';

export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_ACK = 16;

export interface Packet {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly family: Family;
  /** IP total length of the header, in bytes; more than was captured if `truncated`. */
  readonly length: number;
  readonly truncated: boolean;
  /** Offsets of the addresses: 4 or 16 bytes each, always inside `bytes`. */
  readonly source: number;
  readonly destination: number;
  /** The protocol after all IPv6 extension headers. */
  readonly protocol: number;
  /** Byte offset of this fragment; only the first (0) has ports. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** Offset of the transport header; -1 in later fragments. */
  readonly transport: number;
  /** UDP and TCP ports; -1: none (ICMP, later fragments). */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Transport payload: bytes[payload, payloadEnd). */
  readonly payload: number;
  readonly payloadEnd: number;
  readonly tcpFlags: number;
  readonly tcpSequence: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  /** Offset of the packet quoted by an ICMP error, else -1. The quoted packet is not decoded. */
  readonly quoted: number;
}

type Draft = { -readonly [K in keyof Packet]: Packet[K] };

/** Decodes bytes[offset, end); every offset of the result is inside that range. */
export function decodePacket(
  bytes: Uint8Array,
  offset = 0,
  end = bytes.length,
): Packet | Malformed {
  if (offset < 0 || end > bytes.length || end - offset < 20) {
    return { malformed: 'shorter than an IP header' };
  }
  const version = bytes[offset]! >> 4;
  if (version === 4) return decodeV4(bytes, offset, end);
  if (version === 6) return decodeV6(bytes, offset, end);
  return { malformed: `IP version ${version}` };
}

/** Set by `plainUdp`: end of the payload. */
export let plainEnd = 0;

/**
 * Offset of the payload if bytes[offset, end) is a complete, unfragmented UDP datagram without IPv6 extension
 * headers, as nearly all are; else -1. `decodePacket` finds the same for ten times the work.
 */
export function plainUdp(bytes: Uint8Array, offset: number, end: number): number {
  if (offset < 0 || end > bytes.length || end - offset < 28) return -1;
  const first = bytes[offset]!;
  let at = offset + 40;
  if (first >> 4 === 4) {
    at = offset + (first & 15) * 4;
    const isWhole = offset + u16At(bytes, offset + 2) === end;
    const isFragment = (u16At(bytes, offset + 6) & 0x3fff) !== 0;
    if (at < offset + 20 || !isWhole || isFragment || bytes[offset + 9] !== UDP) return -1;
  } else if (first >> 4 !== 6 || bytes[offset + 6] !== UDP) return -1;
  else if (at + u16At(bytes, offset + 4) !== end) return -1;
  if (end - at < 8) return -1;
  plainEnd = at + u16At(bytes, at + 4);
  return plainEnd < at + 8 || plainEnd > end ? -1 : at + 8;
}

/**
 * Address of the home device of the DNS message that plainUdp found at `payload` in the packet at `offset`: source
 * of a query, destination of an answer.
 */
export function plainDevice(bytes: Uint8Array, offset: number, payload: number): string {
  const family = bytes[offset]! >> 4 === 4 ? 4 : 6;
  const source = offset + (family === 4 ? 12 : 8);
  const isAnswer = (bytes[payload + 2]! & 0x80) !== 0;
  return formatAddress(bytes, isAnswer ? source + (family === 4 ? 4 : 16) : source, family);
}

/** The transport with ports; null: another protocol. */
export function transportName(protocol: number): 'udp' | 'tcp' | null {
  return protocol === UDP ? 'udp' : protocol === TCP ? 'tcp' : null;
}

export function sourceText(packet: Packet): string {
  return formatAddress(packet.bytes, packet.source, packet.family);
}

export function destinationText(packet: Packet): string {
  return formatAddress(packet.bytes, packet.destination, packet.family);
}

/**
 * Identifies the fragments of one packet. RFC 791: addresses, protocol, identification; RFC 8200: the identification
 * is the last 4 bytes of the fragment header.
 */
export function fragmentKey(packet: Packet): string {
  const { bytes, offset, family, protocol, transport, payload } = packet;
  const behind = transport >= 0 ? transport : payload;
  const [from, to] = family === 4 ? [offset + 4, offset + 6] : [behind - 4, behind];
  const identification = bytes.subarray(from, to).join('.');
  return `${protocol} ${sourceText(packet)} ${destinationText(packet)} ${identification}`;
}

function decodeV4(bytes: Uint8Array, offset: number, end: number): Packet | Malformed {
  const header = (bytes[offset]! & 15) * 4;
  const length = u16At(bytes, offset + 2);
  if (header < 20) return { malformed: `IPv4 header length ${header}` };
  if (length < header) return { malformed: `IPv4 total length ${length} below its header` };
  if (end - offset < header) return { malformed: 'IPv4 options cut off' };
  const fragment = u16At(bytes, offset + 6);
  const draft = draftOf(bytes, offset, 4, length, Math.min(end, offset + length));
  draft.truncated = offset + length > end;
  draft.source = offset + 12;
  draft.destination = offset + 16;
  draft.protocol = bytes[offset + 9]!;
  draft.fragmentOffset = (fragment & 0x1fff) * 8;
  draft.moreFragments = (fragment & 0x2000) !== 0;
  return decodeTransport(draft, offset + header);
}

function decodeV6(bytes: Uint8Array, offset: number, end: number): Packet | Malformed {
  if (end - offset < 40) return { malformed: 'shorter than an IPv6 header' };
  const length = 40 + u16At(bytes, offset + 4);
  const draft = draftOf(bytes, offset, 6, length, Math.min(end, offset + length));
  draft.truncated = offset + length > end;
  draft.source = offset + 8;
  draft.destination = offset + 24;
  draft.protocol = bytes[offset + 6]!;
  const at = skipExtensions(draft, offset + 40);
  if (typeof at !== 'number') return at;
  return decodeTransport(draft, at);
}

/** Walks at most 16 extension headers (RFC 8200 section 4); returns the offset after them. */
function skipExtensions(draft: Draft, from: number): number | Malformed {
  let at = from;
  for (let i = 0; i < 16; i++) {
    const kind = draft.protocol;
    const isFragment = kind === 44;
    const isAuthentication = kind === 51;
    const isOption = kind === 0 || kind === 43 || kind === 60 || kind === 135;
    if (!isFragment && !isAuthentication && !isOption) return at;
    if (draft.payloadEnd - at < 8) return { malformed: `IPv6 extension header ${kind} cut off` };
    draft.protocol = draft.bytes[at]!;
    if (isFragment) {
      const field = u16At(draft.bytes, at + 2);
      draft.fragmentOffset = field & 0xfff8;
      draft.moreFragments = (field & 1) !== 0;
      at += 8;
      // A later fragment continues with data, not with a header.
      if (draft.fragmentOffset !== 0) return at;
    } else {
      // Units of the length: 8 bytes beyond the first 8; for AH 4 bytes beyond the first 8.
      const units = draft.bytes[at + 1]!;
      at += isAuthentication ? (units + 2) * 4 : (units + 1) * 8;
      if (at > draft.payloadEnd) return { malformed: `IPv6 extension header ${kind} cut off` };
    }
  }
  return { malformed: 'more than 16 IPv6 extension headers' };
}

function draftOf(
  bytes: Uint8Array,
  offset: number,
  family: Family,
  length: number,
  payloadEnd: number,
): Draft {
  return {
    bytes,
    offset,
    family,
    length,
    truncated: false,
    source: 0,
    destination: 0,
    protocol: 0,
    fragmentOffset: 0,
    moreFragments: false,
    transport: -1,
    sourcePort: -1,
    destinationPort: -1,
    payload: payloadEnd,
    payloadEnd,
    tcpFlags: 0,
    tcpSequence: 0,
    icmpType: -1,
    icmpCode: -1,
    quoted: -1,
  };
}

function decodeTransport(draft: Draft, at: number): Packet | Malformed {
  draft.payload = at;
  if (draft.fragmentOffset !== 0) return draft;
  draft.transport = at;
  if (draft.protocol === UDP) return decodeUdp(draft, at);
  if (draft.protocol === TCP) return decodeTcp(draft, at);
  const isIcmp = draft.family === 4 ? draft.protocol === ICMP : draft.protocol === ICMPV6;
  return isIcmp ? decodeIcmp(draft, at) : draft;
}

function decodeUdp(draft: Draft, at: number): Packet | Malformed {
  if (draft.payloadEnd - at < 8) return { malformed: 'UDP header cut off' };
  const length = u16At(draft.bytes, at + 4);
  if (length < 8) return { malformed: `UDP length ${length}` };
  const whole = !draft.truncated && !draft.moreFragments;
  if (whole && at + length > draft.payloadEnd) return { malformed: 'UDP length beyond the packet' };
  draft.sourcePort = u16At(draft.bytes, at);
  draft.destinationPort = u16At(draft.bytes, at + 2);
  draft.payload = at + 8;
  draft.payloadEnd = Math.min(draft.payloadEnd, at + length);
  return draft;
}

function decodeTcp(draft: Draft, at: number): Packet | Malformed {
  if (draft.payloadEnd - at < 20) return { malformed: 'TCP header cut off' };
  const header = (draft.bytes[at + 12]! >> 4) * 4;
  if (header < 20) return { malformed: `TCP header length ${header}` };
  if (draft.payloadEnd - at < header) return { malformed: 'TCP options cut off' };
  draft.sourcePort = u16At(draft.bytes, at);
  draft.destinationPort = u16At(draft.bytes, at + 2);
  draft.tcpSequence = u32At(draft.bytes, at + 4);
  draft.tcpFlags = draft.bytes[at + 13]!;
  draft.payload = at + header;
  return draft;
}

function decodeIcmp(draft: Draft, at: number): Packet | Malformed {
  if (draft.payloadEnd - at < 8) return { malformed: 'ICMP header cut off' };
  draft.icmpType = draft.bytes[at]!;
  draft.icmpCode = draft.bytes[at + 1]!;
  draft.payload = at + 8;
  // ICMP errors quote a packet: RFC 792 types 3 4 5 11 12, RFC 4443 types below 128.
  const type = draft.icmpType;
  const isError =
    draft.family === 4
      ? type === 3 || type === 4 || type === 5 || type === 11 || type === 12
      : type > 0 && type < 128;
  if (isError) draft.quoted = draft.payload;
  return draft;
}
