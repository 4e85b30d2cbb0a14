// First station of the verdict: one captured frame -> what was seen on the wire. GRE is opened
// (RFC 2784, key of RFC 2890), the packet that an ICMP error quotes is read, nothing is judged.
// Written apart from the product's decoders, so that the judge shares no mistake with the judged.

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
const ICMP_ERRORS = new Set([3, 4, 5, 11, 12]);

function address(view: DataView, at: number): string {
  return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;
}

/** Offset of the packet inside GRE at `at`, or -1 when it holds no IPv4 packet. */
function insideGre(view: DataView, at: number, end: number): number {
  if (at + 4 > end || view.getUint16(at + 2) !== 0x0800) return -1;
  const flags = view.getUint16(at);
  const optional = [0x8000, 0x2000, 0x1000].filter((flag) => (flags & flag) !== 0).length;
  return at + 4 + optional * 4;
}

function flowAt(
  view: DataView,
  at: number,
  end: number,
): { flow: Flow; transport: number } | undefined {
  if (at < 0 || at + 20 > end || view.getUint8(at) >> 4 !== 4) return undefined;
  const transport = at + (view.getUint8(at) & 0x0f) * 4;
  const protocol = view.getUint8(at + 9);
  const first = (view.getUint16(at + 6) & 0x1fff) === 0;
  const ports = (protocol === TCP || protocol === UDP) && first && transport + 4 <= end;
  const flow = {
    protocol,
    source: address(view, at + 12),
    sourcePort: ports ? view.getUint16(transport) : 0,
    destination: address(view, at + 16),
    destinationPort: ports ? view.getUint16(transport + 2) : 0,
  };
  return { flow, transport };
}

/** Reads the IPv4 packet in bytes[offset, end); undefined for anything else. */
export function sight(
  time: number,
  bytes: Uint8Array,
  offset: number,
  end: number,
): Sighting | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = offset;
  let read = flowAt(view, at, end);
  const tunnelled = read?.flow.protocol === GRE;
  const outer = tunnelled ? read?.flow : undefined;
  if (read && tunnelled) {
    at = insideGre(view, read.transport, end);
    read = flowAt(view, at, end);
  }
  if (!read) return undefined;
  const { flow, transport } = read;
  const tcp = flow.protocol === TCP && transport + 14 <= end;
  const error =
    flow.protocol === ICMP && transport + 8 <= end && ICMP_ERRORS.has(view.getUint8(transport));
  return {
    ...flow,
    time,
    tos: view.getUint8(at + 1) & 0xfc,
    length: view.getUint16(at + 2),
    tunnelled,
    ...(outer === undefined ? {} : { outer }),
    tcpFlags: tcp ? view.getUint8(transport + 13) : 0,
    tcpSequence: tcp ? view.getUint32(transport + 4) : 0,
    quoted: error ? flowAt(view, transport + 8, end)?.flow : undefined,
  };
}
