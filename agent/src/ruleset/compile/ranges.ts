// ruleset/compile/ranges: converts profile ranges to elements of interval sets. The kernel refuses
// overlapping elements (ENOTEMPTY, EEXIST), while profiles may overlap: boxes address x protocol x port are
// split until disjoint, and neighbours with equal ports are joined.

import type { PortSpan, ProfileRange } from '../../profile/profile.ts';
import {
  type Family,
  familyIn,
  familyOf,
  formatAddress,
  parseAddress,
  parseCidr,
} from '../../wire/address.ts';
import { TCP, UDP } from '../../wire/packet.ts';
import type { Span } from '../model.ts';

type Interval = readonly [from: number, to: number];

interface Box {
  readonly from: bigint;
  readonly to: bigint;
  /** Sorted and disjoint. */
  readonly ports: readonly Interval[];
  /** Both addresses as text, once they were needed: a range is in several sets. */
  span?: Span;
}

export interface RangeChoice {
  /** Key of the cache: each use selects ranges by one rule. */
  readonly use: string;
  readonly family: Family;
  /** The protocols of a range to include. */
  readonly protocols: (range: ProfileRange) => readonly ('tcp' | 'udp')[];
}

interface Chosen {
  readonly range: ProfileRange;
  readonly protocols: readonly ('tcp' | 'udp')[];
}

/** Elements address . protocol . port of the chosen family and protocols, disjoint and sorted. */
export function rangeElements(
  ranges: readonly ProfileRange[],
  choice: RangeChoice,
): readonly Span[][] {
  const chosen = ranges
    .map((range) => ({ protocols: choice.protocols(range), range }))
    .filter(({ protocols }) => protocols.length > 0);
  const [first] = chosen;
  if (first === undefined) return [];
  const uses = cut.get(first.range) ?? new Map<string, Cut>();
  cut.set(first.range, uses);
  const key = `${choice.use} ${choice.family}`;
  const before = uses.get(key);
  if (before !== undefined && sameChosen(before.chosen, chosen)) return before.elements;
  const elements = elementsOf(chosen, choice.family);
  uses.set(key, { chosen, elements });
  return elements;
}

interface Cut {
  readonly chosen: readonly Chosen[];
  readonly elements: readonly Span[][];
}

/**
 * The last result for each use, keyed by the first range. Splitting is most of the work of a reload, and most
 * reloads change no range, or only a pin.
 */
const cut = new WeakMap<ProfileRange, Map<string, Cut>>();

function sameChosen(a: readonly Chosen[], b: readonly Chosen[]): boolean {
  const same = (one: Chosen, i: number): boolean =>
    one.range === b[i]!.range && one.protocols === b[i]!.protocols;
  return a.length === b.length && a.every(same);
}

function elementsOf(chosen: readonly Chosen[], family: Family): Span[][] {
  const elements: Span[][] = [];
  for (const [name, number] of [
    ['tcp', TCP],
    ['udp', UDP],
  ] as const) {
    const boxes = chosen.flatMap(({ range, protocols }) =>
      protocols.includes(name) ? boxesOf(range, family) : [],
    );
    const protocol: Span = [number, number];
    for (const box of disjoint(boxes)) {
      const addresses = spanOf(box, family);
      for (const ports of box.ports) elements.push([addresses, protocol, ports]);
    }
  }
  return elements;
}

/** `addressElements` with a cache for a set of a fixed name. */
export function keptElements(
  set: string,
  blocks: readonly string[],
  family: Family,
): readonly Span[][] {
  const of = blocks.join();
  const before = kept.get(set);
  if (before?.of === of) return before.elements;
  const elements = addressElements(blocks, family);
  kept.set(set, { of, elements });
  return elements;
}

/** By the set's name. */
const kept = new Map<string, { of: string; elements: readonly Span[][] }>();

/** Elements of an address set from CIDR blocks or `a-b`; blocks of the other family are skipped. */
export function addressElements(blocks: readonly string[], family: Family): Span[][] {
  const boxes = blocks.flatMap((block) => boxOf(block, family, [[0, 0]]));
  return disjoint(boxes).map((box) => [spanOf(box, family)]);
}

/** `blocks` without the addresses in `holes`, as `a-b`; blocks of the other family are skipped. */
export function withoutBlocks(
  blocks: readonly string[],
  holes: readonly string[],
  family: Family,
): string[] {
  const cuts = disjoint(holes.flatMap((hole) => boxOf(hole, family, [[0, 0]])));
  return disjoint(blocks.flatMap((block) => boxOf(block, family, [[0, 0]]))).flatMap((box) => {
    const left: string[] = [];
    let { from } = box;
    for (const cut of cuts.filter(({ from: a, to: b }) => b >= box.from && a <= box.to)) {
      if (cut.from > from) left.push(blockOf(from, cut.from - 1n, family));
      if (cut.to >= from) from = cut.to + 1n;
    }
    if (from <= box.to) left.push(blockOf(from, box.to, family));
    return left;
  });
}

function blockOf(from: bigint, to: bigint, family: Family): string {
  return `${textOf(from, family)}-${textOf(to, family)}`;
}

/** Checked boxes by range: a range is in several sets, and parsing its blocks is most of the work. */
const known = { 4: new WeakMap<ProfileRange, Box[]>(), 6: new WeakMap<ProfileRange, Box[]>() };

function boxesOf(range: ProfileRange, family: Family): Box[] {
  const boxes = known[family].get(range) ?? readBoxes(range, family);
  known[family].set(range, boxes);
  return boxes;
}

function readBoxes(range: ProfileRange, family: Family): Box[] {
  const ports = united(range.ports.map(intervalOf));
  return range.addresses.flatMap((block) => boxOf(block, family, ports));
}

function boxOf(block: string, family: Family, ports: readonly Interval[]): Box[] {
  if (familyIn(block) !== family) return [];
  if (block.includes('-')) {
    const [first, last] = block.split('-').map(parseAddress);
    if (!first || !last || familyOf(first) !== family || familyOf(last) !== family) return [];
    const [from, to] = [numberOf(first), numberOf(last)];
    return from <= to ? [{ from, to, ports }] : [];
  }
  const cidr = parseCidr(block);
  if (cidr === null || cidr.family !== family) return [];
  const number = numberOf(cidr.bytes);
  if (!block.includes('/')) return [{ from: number, to: number, ports, span: [block, block] }];
  const width = BigInt(cidr.bytes.length * 8 - cidr.prefix);
  const from = (number >> width) << width;
  return [{ from, to: from + (1n << width) - 1n, ports }];
}

/** Boxes that do not overlap, and neighbours with equal ports joined. */
function disjoint(boxes: readonly Box[]): Box[] {
  const sorted = [...boxes].sort((a, b) => ascending(a.from, b.from));
  const out: Box[] = [];
  for (const box of sorted) {
    const last = out.at(-1);
    if (last !== undefined && last.to >= box.from) return split(sorted);
    if (last !== undefined && last.to + 1n === box.from && samePorts(last.ports, box.ports)) {
      out[out.length - 1] = { from: last.from, to: box.to, ports: box.ports };
    } else out.push(box);
  }
  return out;
}

/**
 * Splits boxes at each other's edges and unites the ports of overlapping boxes. One sweep over the edges with
 * the boxes open at each: bigint arithmetic is slow on a small router. `waiting`: sorted by their first address.
 */
function split(waiting: readonly Box[]): Box[] {
  const edges = waiting.flatMap((box) => [box.from, box.to + 1n]).sort(ascending);
  const out: Box[] = [];
  let open: Box[] = [];
  let next = 0;
  for (let i = 0; i + 1 < edges.length; i++) {
    const from = edges[i]!;
    const end = edges[i + 1]!;
    if (from === end) continue;
    if (open.length > 0) open = open.filter((box) => box.to >= from);
    while (next < waiting.length && waiting[next]!.from === from) open.push(waiting[next++]!);
    if (open.length === 0) continue;
    const ports = open.length === 1 ? open[0]!.ports : united(open.flatMap((box) => box.ports));
    const last = out.at(-1);
    if (last !== undefined && last.to + 1n === from && samePorts(last.ports, ports)) {
      out[out.length - 1] = { from: last.from, to: end - 1n, ports };
    } else {
      out.push({ from, to: end - 1n, ports });
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
  if (box.span === undefined) {
    const first = textOf(box.from, family);
    box.span = [first, box.from === box.to ? first : textOf(box.to, family)];
  }
  return box.span;
}

function numberOf(bytes: Uint8Array): bigint {
  let number = 0n;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += 4) {
    number = (number << 32n) | BigInt(view.getUint32(at));
  }
  return number;
}

function textOf(number: bigint, family: Family): string {
  if (family === 4) {
    const all = Number(number);
    return `${all >>> 24}.${(all >> 16) & 0xff}.${(all >> 8) & 0xff}.${all & 0xff}`;
  }
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (let at = 12, rest = number; at >= 0; at -= 4, rest >>= 32n) {
    view.setUint32(at, Number(BigInt.asUintN(32, rest)));
  }
  return formatAddress(bytes, 0, family);
}
