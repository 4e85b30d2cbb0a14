// profile/name-pattern: checks domain names, parses patterns, and matches one label against a pattern.
//
// A pattern is a domain name with wildcards in some labels. The number of labels is fixed.
//   *       one or more letters, digits, hyphens or underscores, within the label
//   {0-17}  a decimal number in that interval, without leading zeros
// Example: `dsn{0-17}.d.skype.net`. The last two labels have no wildcard: the matcher's filter needs them.

import { toAscii } from '../syntax/punycode.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';
import { parseCidr } from '../wire/address.ts';

type Token =
  | { readonly kind: 'text'; readonly bytes: Uint8Array }
  | { readonly kind: 'run' }
  | { readonly kind: 'number'; readonly from: number; readonly to: number };

/** The tokens of one label; text is lower case. */
export type LabelPattern = readonly Token[];

/** ASCII lower case by byte value (RFC 4343: DNS folds A-Z and nothing else). */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 65 && byte <= 90 ? byte + 32 : byte,
);

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** Two or more valid labels: one test accepts nearly every name of a profile. */
const NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.(?!$)|$)){2,}$/;
/** No top-level domain is a number (RFC 3696 section 2): such text is a mistyped address. */
const ENDS_IN_NUMBER = /(^|\.)\d+$/;
const MAX_NUMBER = 999999999;

/** Origin of a name. The proposed fix of a problem depends on it. */
export type NamePlace = 'profile' | 'rule' | 'question';

/** What is wrong with a domain name, and the fix; null: nothing. */
export function nameProblem(text: string, place: NamePlace = 'profile'): string | null {
  if (text.length <= 253 && NAME.test(text) && !ENDS_IN_NUMBER.test(text)) return null;
  const mistaken = mistakenProblem(text, place);
  if (mistaken !== null) return mistaken;
  const spelling = spellingProblem(text);
  if (spelling !== null) return spelling;
  const labels = text.split('.');
  if (labels.length < 2) return `"${text}" has one label; write at least two, as in skype.com`;
  const bad = labels.find((label) => !LABEL.test(label));
  if (bad === '') return `"${text}" has an empty label; write single dots between labels`;
  if (bad !== undefined) {
    return `"${bad}" in "${text}" is no host name label; use 1 to 63 of a-z 0-9 - _`;
  }
  return text.length > 253 ? `"${text}" is longer than 253 characters` : null;
}

/** Detects other input in place of a name: a URL, an address, several names, a wildcard. */
function mistakenProblem(text: string, place: NamePlace): string | null {
  const bare = text.trim();
  if (bare === '') return 'is empty; write a host name such as meet.example.com';
  const several = bare.split(/[\s,;]+/).filter((word) => word !== '');
  if (several.length > 1 || bare !== text || /[,;]/.test(bare)) {
    const words = several.map((word) => `"${hostIn(word) ?? word}"`).join(', ');
    return `"${text}": one name an entry, without spaces and commas: ${words}`;
  }
  const cidr = parseCidr(bare);
  if (cidr !== null || /^\[.*\]$/.test(bare)) return addressInstead(bare, place);
  const host = hostIn(bare);
  if (host !== null && parseCidr(host) !== null) return addressInstead(host, place);
  if (host !== null) return `"${text}" is more than a host name; write the host name only: ${host}`;
  if (ENDS_IN_NUMBER.test(bare)) return `"${text}" ends in a number, as no host name does`;
  const below = /^\*?\.(.+)$/.exec(bare)?.[1];
  if (below !== undefined && !below.includes('*')) {
    const fix =
      place === 'profile'
        ? 'and put it among the suffixes'
        : 'which stands for every name below it too';
    return `"${text}": write "${below}", ${fix}`;
  }
  if (!bare.includes('*')) return null;
  const fix =
    place === 'profile'
      ? 'put it among the patterns'
      : 'write the part to the right of it, which stands for every name below it, or a profile of your own';
  return `"${text}": a name has no *; ${fix}`;
}

/** The host of a URL, HOST:PORT, HOST/PATH or USER@HOST, lower case; null: `text` has none of these forms. */
function hostIn(text: string): string | null {
  if (!/[/:@?#]/.test(text)) return null;
  const rest = text
    .replace(/^[a-z][a-z0-9+.-]*:(\/\/)?(?!\d+(\/|$))/i, '')
    .replace(/^\/\//, '')
    .replace(/^[^/@]*@/, '');
  const host = /^\[([^\]]+)\]/.exec(rest)?.[1] ?? rest.split(/[/:?#]/)[0]!;
  return host === '' ? null : host.toLowerCase().replace(/\.$/, '');
}

function addressInstead(text: string, place: NamePlace): string {
  const fix =
    place === 'profile' ? 'write it in a range' : `write option address: list address '${text}'`;
  return `"${text}" is an IP address and no host name; ${fix}`;
}

/** Errors common to names and patterns, each with the correct spelling; null: none. */
function spellingProblem(text: string): string | null {
  if (text.endsWith('.')) return `write "${text.slice(0, -1)}" without the final dot`;
  if (/[^\0-~]/.test(text)) {
    const wire = text.split('.').map(toAscii).join('.');
    return `"${text}" is not as DNS carries it; write "${wire}"`;
  }
  return text === text.toLowerCase() ? null : `write "${text.toLowerCase()}" in lower case`;
}

/** The labels of a pattern from left to right, or the problem and its fix. */
export function parsePattern(text: string): Checked<readonly LabelPattern[]> {
  const spelling = spellingProblem(text);
  if (spelling !== null) return invalid(spelling);
  if (text.length > 253) return invalid(`"${text}" is longer than 253 characters`);
  const out: LabelPattern[] = [];
  const labels = text.split('.');
  for (const label of labels) {
    const parsed = parseLabel(label);
    if (!parsed.ok) return invalid(`"${text}": ${parsed.what}`);
    out.push(parsed.value);
  }
  if (labels.length < 3) return invalid(`"${text}": a pattern has at least three labels`);
  if (out.slice(-2).some((tokens) => tokens.some((token) => token.kind !== 'text'))) {
    return invalid(
      `"${text}": the last two labels must be plain; move the wildcard to the left of them`,
    );
  }
  return ok(out);
}

function parseLabel(label: string): Checked<LabelPattern> {
  const tokens: Token[] = [];
  let rest = label;
  if (label.length === 0 || label.length > 63) return invalid('a label has 1 to 63 characters');
  while (rest !== '') {
    const text = /^[a-z0-9_-]+/.exec(rest)?.[0];
    const span = /^\{(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,8})\}/.exec(rest);
    if (text !== undefined) {
      tokens.push({ kind: 'text', bytes: asciiBytes(text) });
      rest = rest.slice(text.length);
    } else if (rest.startsWith('*')) {
      tokens.push({ kind: 'run' });
      rest = rest.slice(1);
    } else if (span !== null) {
      const from = Number(span[1]);
      const to = Number(span[2]);
      if (from > to || to > MAX_NUMBER)
        return invalid(`${span[0]}: the first number is the smaller one`);
      tokens.push({ kind: 'number', from, to });
      rest = rest.slice(span[0].length);
    } else {
      return invalid(`"${rest}": use a-z 0-9 - _, * for a run of them, {0-17} for a number`);
    }
  }
  return ok(tokens);
}

export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

// Two sets of positions in a label of at most 63 bytes, reused so that matching allocates nothing.
let here = new Uint8Array(65);
let there = new Uint8Array(65);

/**
 * Whether bytes[at, at + size) matches the pattern. Each token advances a set of positions, without
 * backtracking: at most tokens x size x size steps for any input.
 */
export function matchLabel(
  pattern: LabelPattern,
  bytes: Uint8Array,
  at: number,
  size: number,
): boolean {
  const only = pattern.length === 1 ? pattern[0]! : undefined;
  if (only?.kind === 'text') {
    return only.bytes.length === size && sameText(only.bytes, bytes, at, size);
  }
  here.fill(0);
  here[0] = 1;
  for (const token of pattern) {
    there.fill(0);
    let any = false;
    for (let i = 0; i <= size; i++) {
      if (here[i] === 1 && advance(token, bytes, at, i, size)) any = true;
    }
    if (!any) return false;
    [here, there] = [there, here];
  }
  return here[size] === 1;
}

/** Marks in `there` every position where `token` can end if it starts at position i. */
function advance(token: Token, bytes: Uint8Array, at: number, i: number, size: number): boolean {
  if (token.kind === 'text') {
    if (!sameText(token.bytes, bytes, at + i, size - i)) return false;
    there[i + token.bytes.length] = 1;
    return true;
  }
  let any = false;
  let value = 0;
  for (let j = i; j < size; j++) {
    const byte = LOWER[bytes[at + j]!]!;
    if (token.kind === 'run') {
      if (!isHostByte(byte)) return any;
      there[j + 1] = 1;
      any = true;
      continue;
    }
    // No leading zeros: no digit follows a first digit 0.
    if (byte < 48 || byte > 57 || (j > i && value === 0)) return any;
    value = value * 10 + byte - 48;
    if (value > token.to) return any;
    if (value < token.from) continue;
    there[j + 1] = 1;
    any = true;
  }
  return any;
}

/** Whether bytes[at, at + left) starts with `text`, ignoring ASCII case. `text` is lower case. */
export function sameText(text: Uint8Array, bytes: Uint8Array, at: number, left: number): boolean {
  const size = text.length;
  if (size > left) return false;
  for (let i = 0; i < size; i++) if (LOWER[bytes[at + i]!] !== text[i]) return false;
  return true;
}

function isHostByte(byte: number): boolean {
  return (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57) || byte === 45 || byte === 95;
}
