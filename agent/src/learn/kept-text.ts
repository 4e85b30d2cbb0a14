// learn/kept-text: the learned sets as the text of a file on flash, and back: what the agent still knows after a
// reboot. Format: docs/kept.md. Pure. The file may contain anything; a text is accepted as a whole or not at all.

import { fairEvictions } from '../bounds/fair-share.ts';
import { addressKey, deviceOf } from '../ruleset/elements.ts';
import { byteString, bytesIn, bytesOf, hexBytes } from '../wire/hex.ts';

/** An element of a learned set in the file. */
export interface KeptElement {
  /** One character a byte (wire/hex). */
  readonly key: string;
  /** Seconds of its lease left when the file was written, whole, 1..LONGEST. */
  readonly left: number;
  /** The device that asked and the name it asked for; '': not known. */
  readonly device: string;
  readonly name: string;
}

export type KeptSets = ReadonlyMap<string, readonly KeptElement[]>;

/** `what`: why the text is no such file, as the end of a sentence about the file. */
export type ParsedSets =
  | { readonly ok: true; readonly value: KeptSets }
  | { readonly ok: false; readonly what: string };

/** Most bytes of the file: one block of a router's flash. */
export const MOST_BYTES = 65_536;
/** Seconds; the leases of profiles are shorter. */
const LONGEST = 31_536_000;
const FIRST_LINE = 'whp learned 1';
const MOST_NAME = 255;

/** Kinds dropped first when not all fits: one port teaches many peers, a peer teaches no port. */
const RANKS = [/_(?:peer|hello)/, /_addr/] as const;

interface Row {
  readonly set: string;
  readonly line: string;
  readonly device: string;
  readonly rank: number;
  readonly left: number;
}

/** `sets` as text of at most `most` bytes. If not all fits, drops elements of the devices with the most, each
 * device's least recently used first. */
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
  const seconds = Math.min(LONGEST, Math.max(1, Math.floor(left)));
  const origin = name !== '' && isWord(device) && isWord(name) ? ` ${device} ${name}` : '';
  const bytes = bytesIn(key);
  const whose = deviceOf(device === '' ? bytes : (addressKey(device) ?? bytes));
  return { set, line: `${hexBytes(bytes)} ${seconds}${origin}`, device: whose, rank, left };
}

/** No DNS name is longer, and none written as text contains a space. */
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

/** The sets in a text made by `keptText`. */
export function keptSets(text: string): ParsedSets {
  const lines = text.split('\n');
  if (lines[0] !== FIRST_LINE) {
    const isOther = lines[0]!.startsWith('whp learned ');
    return wrong(isOther ? 'is of another version' : 'holds nothing learned');
  }
  const count = lines.length - 2;
  if (lines[count + 1] !== '' || lines[count] !== `end ${count}`) return wrong('is cut off');
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
    if (element === null || elements === null) return wrong(`line ${at + 1} is no entry`);
    elements.push(element);
  }
  return { ok: true, value: sets };
}

function wrong(what: string): ParsedSets {
  return { ok: false, what };
}

const SET = /^set ([A-Za-z0-9_]{1,64})$/;
const ELEMENT = /^([0-9a-f]{8,80}) ([1-9][0-9]{0,7})(?: ([!-~]{1,255}) ([!-~]{1,255}))?$/;

function elementIn(line: string): KeptElement | null {
  const [, hex = '', seconds = '', device = '', name = ''] = ELEMENT.exec(line) ?? [];
  const left = Number(seconds);
  if (hex === '' || hex.length % 2 !== 0 || left > LONGEST) return null;
  return { key: byteString(bytesOf(hex)), left, device, name };
}
