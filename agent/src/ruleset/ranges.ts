// ruleset/ranges: profile ranges -> elements of interval sets. The kernel refuses overlapping
// elements (ENOTEMPTY, EEXIST) where profiles may well overlap, so the boxes address x protocol x
// port are cut up until they are disjoint; whatever is equal again afterwards is joined.
import type { PortSpan, ProfileRange } from '../policy/profile.ts';
import { type Family, familyOf, formatAddress, parseAddress, parseCidr } from '../wire/address.ts';
import type { Span } from './model.ts';
import { TCP, UDP } from './terms.ts';

type Interval = readonly [from: number, to: number];

interface Box {
  readonly from: bigint;
  readonly to: bigint;
  readonly ports: readonly Interval[];
}

export interface RangeChoice {
  readonly family: Family;
  /** Which protocols of a range count. */
  readonly protocols: (range: ProfileRange) => readonly ('tcp' | 'udp')[];
}

/** Elements address . protocol . port of the chosen family and protocols, disjoint and sorted. */
export function rangeElements(ranges: readonly ProfileRange[], choice: RangeChoice): Span[][] {
  const elements: Span[][] = [];
  for (const [name, number] of [
    ['tcp', TCP],
    ['udp', UDP],
  ] as const) {
    const boxes = ranges
      .filter((range) => choice.protocols(range).includes(name))
      .flatMap((range) => boxesOf(range, choice.family));
    for (const box of disjoint(boxes)) {
      for (const ports of box.ports) {
        elements.push([spanOf(box, choice.family), [number, number], ports]);
      }
    }
  }
  return elements;
}

/** Elements of an address set from CIDR blocks or `a-b`; the other family's are left out. */
export function addressElements(blocks: readonly string[], family: Family): Span[][] {
  const boxes = blocks.flatMap((block) => boxOf(block, family, [[0, 0]]));
  return disjoint(boxes).map((box) => [spanOf(box, family)]);
}

function boxesOf(range: ProfileRange, family: Family): Box[] {
  const ports = range.ports.map(intervalOf);
  return range.addresses.flatMap((block) => boxOf(block, family, ports));
}

function boxOf(block: string, family: Family, ports: readonly Interval[]): Box[] {
  const [first, last] = block.split('-').map(parseAddress);
  if (first && last) {
    const known = familyOf(first) === family && familyOf(last) === family;
    return known ? [{ from: numberOf(first), to: numberOf(last), ports }] : [];
  }
  const cidr = parseCidr(block);
  if (cidr === null || cidr.family !== family) return [];
  const width = BigInt(cidr.bytes.length * 8 - cidr.prefix);
  const from = (numberOf(cidr.bytes) >> width) << width;
  return [{ from, to: from + (1n << width) - 1n, ports }];
}

/** Cuts boxes at each other's edges and unites the ports of what lies on top of each other. */
function disjoint(boxes: readonly Box[]): Box[] {
  const edges = [...new Set(boxes.flatMap((box) => [box.from, box.to + 1n]))].sort(ascending);
  const out: Box[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const from = edges[i]!;
    const to = edges[i + 1]! - 1n;
    const over = boxes.filter((box) => box.from <= from && to <= box.to);
    if (over.length === 0) continue;
    const ports = united(over.flatMap((box) => box.ports));
    const last = out.at(-1);
    if (last !== undefined && last.to + 1n === from && samePorts(last.ports, ports)) {
      out[out.length - 1] = { from: last.from, to, ports };
    } else {
      out.push({ from, to, ports });
    }
  }
  return out;
}

function united(intervals: readonly Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => a[0] - b[0]);
  const out: Interval[] = [];
  for (const [from, to] of sorted) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1] + 1) {
      out[out.length - 1] = [last[0], Math.max(last[1], to)];
    } else {
      out.push([from, to]);
    }
  }
  return out;
}

function samePorts(a: readonly Interval[], b: readonly Interval[]): boolean {
  return a.length === b.length && a.every((one, i) => one[0] === b[i]![0] && one[1] === b[i]![1]);
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function intervalOf(span: PortSpan): Interval {
  return typeof span === 'number' ? [span, span] : span;
}

function spanOf(box: Box, family: Family): Span {
  return [textOf(box.from, family), textOf(box.to, family)];
}

function numberOf(bytes: Uint8Array): bigint {
  let number = 0n;
  for (const byte of bytes) number = (number << 8n) | BigInt(byte);
  return number;
}

function textOf(number: bigint, family: Family): string {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  for (let i = bytes.length - 1, rest = number; i >= 0; i--, rest >>= 8n) {
    bytes[i] = Number(rest & 0xffn);
  }
  return formatAddress(bytes, 0, family);
}
