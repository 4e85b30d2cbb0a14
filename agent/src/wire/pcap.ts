// wire/pcap: reads capture files (pcap and pcapng) as a stream of IP packets, for `whp replay` and the tests. packet
// decodes them, as it does those of the kernel.
import { ETHERNET, ipOffset, isKnownLink } from './link-type.ts';
import { left, type Malformed, type Reader, readerOf, take, u16At } from './reader.ts';

export interface Frame {
  /** Position in the file, counted from 1 as by tshark and tcpdump -#. */
  readonly number: number;
  /** Seconds since 1970; 0: the file has no time. */
  readonly time: number;
  readonly bytes: Uint8Array;
  /** The captured part of the IP packet is bytes[offset, end). */
  readonly offset: number;
  readonly end: number;
  /** Bytes of the frame that were not captured (snap length). */
  readonly cut: number;
  /** Offset of the sender's hardware address, 6 bytes inside the frame; -1: none of this form. */
  readonly mac: number;
}

/** Counts of frames that are not returned. */
export interface PassedOver {
  /** Frames without IP: ARP, LLDP and others. */
  others: number;
  /** Frames of an unknown link type, by the interface's number in the file, from 0. */
  readonly unknown: Map<number, { readonly link: number; frames: number }>;
}

export function createPassedOver(): PassedOver {
  return { others: 0, unknown: new Map() };
}

interface Interface {
  /** Number in the file, counted over all sections. */
  readonly id: number;
  readonly link: number;
  readonly snapLength: number;
  /** Time stamps count units of `resolution` seconds from `epoch` (seconds since 1970). */
  readonly resolution: number;
  readonly epoch: number;
}

interface Source {
  readonly reader: Reader;
  little: boolean;
  interfaces: Interface[];
  /** Interfaces of all sections so far. */
  known: number;
  number: number;
  readonly passed: PassedOver;
}

/**
 * The IP packets of a capture. Frames without IP, and in pcapng frames of interfaces of an unknown link type, are
 * counted in `passed`. A malformed file yields the reason, with its offset, as the last item.
 */
export function* captureFrames(
  bytes: Uint8Array,
  passed: PassedOver = createPassedOver(),
): Generator<Frame | Malformed, void> {
  const source: Source = {
    reader: readerOf(bytes),
    little: false,
    interfaces: [],
    known: 0,
    number: 0,
    passed,
  };
  if (bytes.length < 4) {
    yield { malformed: 'offset 0: shorter than the magic number of a capture' };
    return;
  }
  const magic = peek32(source, 0, false);
  if (magic === 0x0a0d0d0a) {
    yield* ngFrames(source);
    return;
  }
  const header = pcapHeader(source, magic);
  if (header !== null) {
    yield header;
    return;
  }
  yield* pcapFrames(source);
}

/** Reads the file header of classic pcap; returns a reason if it is malformed. */
function pcapHeader(source: Source, magic: number): Malformed | null {
  const little = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1;
  const nano = magic === 0xa1b23c4d || magic === 0x4d3cb2a1;
  if (!little && magic !== 0xa1b2c3d4 && magic !== 0xa1b23c4d) {
    return { malformed: 'offset 0: neither pcap nor pcapng' };
  }
  if (take(source.reader, 24) < 0) return { malformed: 'offset 0: file header cut off' };
  source.little = little;
  // The upper bits tell whether frames end in a checksum.
  const link = peek32(source, 20, little) & 0xffff;
  if (!isKnownLink(link)) return { malformed: `offset 20: link type ${link} is not known here` };
  source.interfaces.push({
    id: 0,
    link,
    snapLength: peek32(source, 16, little),
    resolution: nano ? 1e-9 : 1e-6,
    epoch: 0,
  });
  return null;
}

function* pcapFrames(source: Source): Generator<Frame | Malformed, void> {
  const { reader, little } = source;
  const format = source.interfaces[0]!;
  while (left(reader) > 0) {
    const at = reader.at;
    const header = take(reader, 16);
    const captured = header < 0 ? 0 : peek32(source, header + 8, little);
    const data = header < 0 ? -1 : take(reader, captured);
    if (data < 0) {
      yield { malformed: `offset ${at}: packet ${source.number + 1} cut off` };
      return;
    }
    const seconds = peek32(source, header, little);
    const time = seconds + peek32(source, header + 4, little) * format.resolution;
    const cut = peek32(source, header + 12, little) - captured;
    const frame = frameAt(source, format, { from: data, end: data + captured, cut }, time);
    if (frame !== null) yield frame;
  }
}

function* ngFrames(source: Source): Generator<Frame | Malformed, void> {
  const { reader } = source;
  while (left(reader) > 0) {
    const at = reader.at;
    const block = nextBlock(source);
    if (typeof block !== 'number') {
      yield block;
      return;
    }
    const end = reader.at - 4;
    const found = blockFrame(source, block, at, end);
    if (found !== null) yield found;
    if (found !== null && 'malformed' in found) return;
  }
}

/** Moves past one block and returns its type. */
function nextBlock(source: Source): number | Malformed {
  const { reader } = source;
  const at = reader.at;
  const cut = { malformed: `offset ${at}: block cut off` };
  if (left(reader) < 12) return cut;
  const type = peek32(source, at, source.little);
  if (peek32(source, at, false) === 0x0a0d0d0a) {
    // Each section has its own byte order and its own interfaces.
    const order = peek32(source, at + 8, false);
    if (order !== 0x1a2b3c4d && order !== 0x4d3c2b1a) {
      return { malformed: `offset ${at + 8}: section without a byte order` };
    }
    source.little = order === 0x4d3c2b1a;
    source.interfaces = [];
  }
  const length = peek32(source, at + 4, source.little);
  if (length < 12 || length % 4 !== 0) return { malformed: `offset ${at + 4}: block of ${length}` };
  return take(reader, length) < 0 ? cut : type;
}

/** `at`: start of the block; `end`: offset of its trailing length. */
function blockFrame(
  source: Source,
  type: number,
  at: number,
  end: number,
): Frame | Malformed | null {
  if (type === 1) return addInterface(source, at, end);
  if (type === 3) return simplePacket(source, at, end);
  if (type !== 6 && type !== 2) return null;
  if (end - at < 28) return { malformed: `offset ${at}: packet block cut off` };
  const { little, reader } = source;
  // Type 2, the obsolete packet block, has a 16-bit interface and a drop count instead.
  const id = type === 6 ? peek32(source, at + 8, little) : peek16(reader.bytes, at + 8, little);
  const format = source.interfaces[id];
  if (format === undefined) return { malformed: `offset ${at + 8}: unknown interface ${id}` };
  const data = at + 28;
  const captured = peek32(source, at + 20, little);
  if (captured > end - data) return { malformed: `offset ${at + 20}: packet beyond its block` };
  const high = peek32(source, at + 12, little);
  const stamp = high * 4294967296 + peek32(source, at + 16, little);
  const time = format.epoch + stamp * format.resolution;
  const cut = peek32(source, at + 24, little) - captured;
  return frameAt(source, format, { from: data, end: data + captured, cut }, time);
}

function simplePacket(source: Source, at: number, end: number): Frame | Malformed | null {
  const format = source.interfaces[0];
  if (format === undefined || end - at < 12) {
    return { malformed: `offset ${at}: simple packet block without an interface or a length` };
  }
  const limit = format.snapLength === 0 ? end : at + 12 + format.snapLength;
  const wire = at + 12 + peek32(source, at + 8, source.little);
  const last = Math.min(end, limit, wire);
  return frameAt(source, format, { from: at + 12, end: last, cut: wire - last }, 0);
}

function addInterface(source: Source, at: number, end: number): Malformed | null {
  if (end - at < 16) return { malformed: `offset ${at}: interface block cut off` };
  const { little } = source;
  const bytes = source.reader.bytes;
  let resolution = 1e-6;
  let epoch = 0;
  for (let option = at + 16; option + 4 <= end; ) {
    const code = peek16(bytes, option, little);
    const length = peek16(bytes, option + 2, little);
    const value = option + 4;
    if (code === 0 || value + length > end) break;
    if (code === 9 && length === 1) {
      const byte = bytes[value]!;
      resolution = byte & 0x80 ? 2 ** -(byte & 0x7f) : 10 ** -byte;
    }
    // Seconds to add, 64 bits; the upper half is 0 until 2106.
    if (code === 14 && length === 8) epoch = peek32(source, value + (little ? 0 : 4), little);
    option = value + ((length + 3) & ~3);
  }
  const link = peek16(bytes, at + 8, little);
  const snapLength = peek32(source, at + 12, little);
  source.interfaces.push({ id: source.known, link, snapLength, resolution, epoch });
  source.known += 1;
  return null;
}

interface Span {
  readonly from: number;
  readonly end: number;
  /** Bytes after `end` that were not captured. */
  readonly cut: number;
}

function frameAt(
  source: Source,
  { id, link }: Interface,
  { from, end, cut }: Span,
  time: number,
): Frame | null {
  source.number += 1;
  const { passed } = source;
  const bytes = source.reader.bytes;
  const offset = ipOffset(bytes, from, end, link);
  const mac = link === ETHERNET ? from + 6 : -1;
  if (offset >= 0)
    return { number: source.number, time, bytes, offset, end, cut: Math.max(0, cut), mac };
  if (offset === -1) passed.others += 1;
  else {
    const known = passed.unknown.get(id);
    if (known === undefined) passed.unknown.set(id, { link, frames: 1 });
    else known.frames += 1;
  }
  return null;
}

/** The caller checks that at + 1 is inside. */
function peek16(bytes: Uint8Array, at: number, little: boolean): number {
  return little ? bytes[at]! | (bytes[at + 1]! << 8) : u16At(bytes, at);
}

/** The caller checks that at + 3 is inside. */
function peek32(source: Source, at: number, little: boolean): number {
  const bytes = source.reader.bytes;
  const high = peek16(bytes, at + (little ? 2 : 0), little);
  return high * 65536 + peek16(bytes, at + (little ? 0 : 2), little);
}
