// First station of the verdict: one captured frame -> what was seen on the wire. GRE is opened
// (RFC 2784, key of RFC 2890), the packet that an ICMP error quotes is read, nothing is judged.
// Written apart from the product's decoders, so that the judge shares no mistake with the judged.
import { v6Text } from '../world/plan.ts';

export interface Flow {
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface Sighting extends Flow {
  /** Seconds since 1970. */
  readonly time: number;
  /** TOS byte without the ECN bits. */
  readonly tos: number;
  /** IP total length. */
  readonly length: number;
  /** True when it was inside GRE; the fields are those of the inner packet. */
  readonly tunnelled: boolean;
  /** The packet around it, when it was inside GRE. */
  readonly outer?: Flow;
  readonly tcpFlags: number;
  readonly tcpSequence: number;
  /** The packet an ICMP error quotes. */
  readonly quoted: Flow | undefined;
}

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const GRE = 47;
const ICMP6 = 58;
const ICMP_ERRORS = new Set([3, 4, 5, 11, 12]);
const ICMP6_ERRORS = new Set([1, 2, 3, 4]);
/** Hop-by-hop options, routing, destination options (RFC 8200): a length in eights at byte 1. */
const OPTIONS = new Set([0, 43, 60]);
const FRAGMENT = 44;

function address(view: DataView, at: number): string {
  return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
}

function address6(view: DataView, at: number): string {
  return v6Text(new Uint8Array(view.buffer, view.byteOffset + at, 16));
}

/** Offset of the packet inside GRE at `at`, or -1 when it holds no IP packet. */
function insideGre(view: DataView, at: number, end: number): number {
  if (at + 4 > end || ![0x0800, 0x86dd].includes(view.getUint16(at + 2))) return -1;
  const flags = view.getUint16(at);
  const optional = [0x8000, 0x2000, 0x1000].filter((flag) => (flags & flag) !== 0).length;
  return at + 4 + optional * 4;
}

interface Packet {
  readonly flow: Flow;
  readonly transport: number;
  readonly tos: number;
  readonly length: number;
}

/** The rest of what both families have: ports, where this is a first fragment. */
function packetOf(
  view: DataView,
  end: number,
  head: Omit<Packet, 'flow'> & { protocol: number; source: string; destination: string },
  first: boolean,
): Packet {
  const { protocol, source, destination, transport, tos, length } = head;
  const ports = (protocol === TCP || protocol === UDP) && first && transport + 4 <= end;
  const flow = {
    protocol,
    source,
    sourcePort: ports ? view.getUint16(transport) : 0,
    destination,
    destinationPort: ports ? view.getUint16(transport + 2) : 0,
  };
  return { flow, transport, tos, length };
}

function packet6(view: DataView, at: number, end: number): Packet | undefined {
  if (at + 40 > end) return undefined;
  let protocol = view.getUint8(at + 6);
  let transport = at + 40;
  let first = true;
  for (let headers = 0; headers < 8 && transport + 8 <= end; headers += 1) {
    if (protocol !== FRAGMENT && !OPTIONS.has(protocol)) break;
    if (protocol === FRAGMENT) first = (view.getUint16(transport + 2) & 0xfff8) === 0;
    const length = protocol === FRAGMENT ? 8 : 8 + view.getUint8(transport + 1) * 8;
    protocol = view.getUint8(transport);
    transport += length;
  }
  const tos = (view.getUint16(at) >> 4) & 0xfc;
  const [source, destination] = [address6(view, at + 8), address6(view, at + 24)];
  const length = 40 + view.getUint16(at + 4);
  return packetOf(view, end, { protocol, source, destination, transport, tos, length }, first);
}

function packetAt(view: DataView, at: number, end: number): Packet | undefined {
  if (at < 0 || at + 20 > end) return undefined;
  const version = view.getUint8(at) >> 4;
  if (version === 6) return packet6(view, at, end);
  if (version !== 4) return undefined;
  const transport = at + (view.getUint8(at) & 0x0f) * 4;
  const protocol = view.getUint8(at + 9);
  const first = (view.getUint16(at + 6) & 0x1fff) === 0;
  const [source, destination] = [address(view, at + 12), address(view, at + 16)];
  const tos = view.getUint8(at + 1) & 0xfc;
  const length = view.getUint16(at + 2);
  return packetOf(view, end, { protocol, source, destination, transport, tos, length }, first);
}

function isError(view: DataView, { flow, transport }: Packet, end: number): boolean {
  if (transport + 8 > end) return false;
  const type = view.getUint8(transport);
  if (flow.protocol === ICMP) return ICMP_ERRORS.has(type);
  return flow.protocol === ICMP6 && ICMP6_ERRORS.has(type);
}

/** Reads the IP packet in bytes[offset, end); undefined for anything else. */
export function sight(
  time: number,
  bytes: Uint8Array,
  offset: number,
  end: number,
): Sighting | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let read = packetAt(view, offset, end);
  const tunnelled = read?.flow.protocol === GRE;
  const outer = tunnelled ? read?.flow : undefined;
  if (read && tunnelled) read = packetAt(view, insideGre(view, read.transport, end), end);
  if (!read) return undefined;
  const { flow, transport, tos, length } = read;
  const tcp = flow.protocol === TCP && transport + 14 <= end;
  return {
    ...flow,
    time,
    tos,
    length,
    tunnelled,
    ...(outer === undefined ? {} : { outer }),
    tcpFlags: tcp ? view.getUint8(transport + 13) : 0,
    tcpSequence: tcp ? view.getUint32(transport + 4) : 0,
    quoted: isError(view, read, end) ? packetAt(view, transport + 8, end)?.flow : undefined,
  };
}
