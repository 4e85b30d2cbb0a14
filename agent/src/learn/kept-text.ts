// learn/kept-text: what is learned as the text of a file on flash, and back: what a router knows again
// after a reboot. Before: snapshot (what holds now). After: os/file; back: kept-sets. Format: docs/kept.md.
// Pure; a file may hold anything, so that a text is understood as a whole or not at all.

import { fairEvictions } from '../bounds/fair-share.ts';
import { addressKey, deviceOf } from '../ruleset/elements.ts';

/** An element of a learned set as it is on file. */
export interface KeptElement {
  readonly key: Uint8Array;
  /** Whole seconds that it held when the file was written, 1..LONGEST. */
  readonly left: number;
  /** Who asked for it and by which name; '' where nobody knows. */
  readonly device: string;
  readonly name: string;
}

export type KeptSets = ReadonlyMap<string, readonly KeptElement[]>;

/** The whole file, bytes: one block of a router's flash. */
export const MOST_BYTES = 65_536;
/** Seconds; a lease of a profile is shorter. */
const LONGEST = 31_536_000;
const FIRST_LINE = 'whp learned 1';
const MOST_NAME = 255;

/** Kinds that go first where not all fits: many peers are told by one port, not the other way. */
const RANKS = [/_(?:peer|hello)/, /_addr/] as const;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

interface Row {
  readonly set: string;
  readonly line: string;
  readonly device: string;
  readonly rank: number;
  readonly left: number;
}

/** `sets` as text of at most `most` bytes. Where not all fits, those of the devices that hold most go,
 * of each what was unused for longest first. */
export function keptText(sets: KeptSets, most = MOST_BYTES): string {
  const rows = Array.from(sets, ([set, elements]) => {
    const rank = rankOf(set);
    return elements.map((one) => rowOf(set, rank, one));
  }).flat();
  let size = sizeOf(sets, rows);
  if (size <= most) return textOf(rows);
  const order = rows.slice().sort((a, b) => b.rank - a.rank || a.left - b.left);
  let staying = order;
  while (size > most) {
    const mean = Math.max(1, size / Math.max(1, staying.length));
    const gone = new Set(fairEvictions(staying, Math.ceil((size - most) / mean)));
    if (gone.size === 0) break;
    staying = staying.filter((row) => !gone.has(row));
    size = sizeOf(sets, staying);
  }
  const kept = new Set(staying);
  return textOf(rows.filter((row) => kept.has(row)));
}

function rankOf(set: string): number {
  const at = RANKS.findIndex((kind) => kind.test(set));
  return at < 0 ? 0 : RANKS.length - at;
}

function rowOf(set: string, rank: number, { key, left, device, name }: KeptElement): Row {
  let hex = '';
  for (let at = 0; at < key.length; at++) hex += HEX[key[at]!];
  const seconds = Math.min(LONGEST, Math.max(1, Math.floor(left)));
  const origin = name !== '' && isWord(device) && isWord(name) ? ` ${device} ${name}` : '';
  const whose = deviceOf(device === '' ? key : (addressKey(device) ?? key));
  return { set, line: `${hex} ${seconds}${origin}`, device: whose, rank, left };
}

/** No name of the DNS has more, and none that is written out has a space. */
function isWord(text: string): boolean {
  return text.length <= MOST_NAME && /^[!-~]+$/.test(text);
}

function sizeOf(sets: KeptSets, rows: readonly Row[]): number {
  let size = FIRST_LINE.length + 16;
  for (const set of sets.keys()) size += set.length + 5;
  for (const { line } of rows) size += line.length + 1;
  return size;
}

function textOf(rows: readonly Row[]): string {
  const lines = [FIRST_LINE];
  let set = '';
  for (const row of rows) {
    if (row.set !== set) lines.push(`set ${row.set}`);
    set = row.set;
    lines.push(row.line);
  }
  lines.push(`end ${lines.length}`);
  return `${lines.join('\n')}\n`;
}

/** What `keptText` wrote; a text: why it is not such a file. */
export function keptSets(text: string): KeptSets | string {
  const lines = text.split('\n');
  if (lines[0] !== FIRST_LINE) {
    return lines[0]!.startsWith('whp learned ') ? 'is of another version' : 'holds nothing learned';
  }
  const count = lines.length - 2;
  if (lines[count + 1] !== '' || lines[count] !== `end ${count}`) return 'is cut off';
  const sets = new Map<string, KeptElement[]>();
  let elements: KeptElement[] | null = null;
  for (let at = 1; at < count; at++) {
    const line = lines[at]!;
    const set = line.startsWith('set ') ? SET.exec(line)?.[1] : undefined;
    if (set !== undefined) {
      elements = sets.get(set) ?? [];
      sets.set(set, elements);
      continue;
    }
    const element = elementIn(line);
    if (element === null || elements === null) return `line ${at + 1} is no entry`;
    elements.push(element);
  }
  return sets;
}

const SET = /^set ([A-Za-z0-9_]{1,64})$/;
const ELEMENT = /^([0-9a-f]{8,80}) ([1-9][0-9]{0,7})(?: ([!-~]{1,255}) ([!-~]{1,255}))?$/;

function elementIn(line: string): KeptElement | null {
  const [, hex = '', seconds = '', device = '', name = ''] = ELEMENT.exec(line) ?? [];
  const left = Number(seconds);
  if (hex === '' || hex.length % 2 !== 0 || left > LONGEST) return null;
  const key = new Uint8Array(hex.length / 2);
  for (let at = 0; at < key.length; at++) {
    key[at] = (digitOf(hex.charCodeAt(2 * at)) << 4) | digitOf(hex.charCodeAt(2 * at + 1));
  }
  return { key, left, device, name };
}

/** Of 0-9 and a-f. */
function digitOf(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}
