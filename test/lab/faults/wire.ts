// Reads the growing ISP capture, which the emulator writes frame by frame: the packets since a mark, decoded by
// the verdict's decoders.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { natureOf } from '../verdict/nature.ts';
import { type Sighting, sight } from '../verdict/sighting.ts';
import type { IspWire, Mark, WireFrame } from './fault.ts';

const FILE_HEADER = 24;
const FRAME_HEADER = 16;
const ETHERNET = 14;
const IP = new Set([0x0800, 0x86dd]);

/** Reads the capture at `path`, classic pcap in little-endian order with Ethernet frames. */
export function ispWire(path: string): IspWire {
  const read = (since: Mark, until: Mark): Buffer => {
    const file = openSync(path, 'r');
    try {
      const length = Math.max(0, Math.min(fstatSync(file).size, until) - since);
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, since);
      return bytes;
    } finally {
      closeSync(file);
    }
  };
  const end = (from: Mark): Mark => {
    let at = from;
    for (const { next } of walk(read(from, Infinity))) at = from + next;
    return at;
  };
  let last = FILE_HEADER;
  const frames = (since: Mark, until = Infinity): WireFrame[] =>
    Array.from(walk(read(since, until)), ({ frame }) => frame);
  const sightings = (since: Mark, until = Infinity): Sighting[] =>
    frames(since, until).flatMap((one) => {
      if (!IP.has(one.etherType)) return [];
      const seen = sight(one.time, one.bytes, one.offset, one.end);
      return seen === undefined ? [] : [seen];
    });
  return {
    mark: () => {
      last = end(last);
      return last;
    },
    frames,
    sightings,
    leaks: (since, until) =>
      sightings(since, until).filter((one) => !one.tunnelled && natureOf(one) === 'application'),
    strays: (since, until) =>
      sightings(since, until).filter((one) => one.tunnelled && natureOf(one) === 'unrelated'),
  };
}

/** Whole frames of a piece of capture that begins at one; a frame that is still being written is
 * left out. */
function* walk(bytes: Buffer): Generator<{ frame: WireFrame; next: number }> {
  for (let at = 0; at + FRAME_HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    const start = at + FRAME_HEADER;
    const next = start + length;
    if (next > bytes.length) return;
    const time = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) / 1e6;
    const etherType = length < ETHERNET ? 0 : bytes.readUInt16BE(start + 12);
    yield { frame: { time, etherType, bytes, offset: start + ETHERNET, end: next }, next };
    at = next;
  }
}
