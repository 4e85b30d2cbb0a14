// Text that tries to end what it stands in, and what of a rendered table stays the same whatever text
// is in it: its skeleton, as nft's scanner sees it.
import type { Ruleset } from '../../agent/src/ruleset/model.ts';

export const HOSTILE: readonly string[] = [
  'a"}accept#',
  'br"lan',
  'x" accept comment "',
  "x'; flush ruleset; '",
  'x\\" accept',
  'x\\',
  'x\naccept\n',
  'x\r\naccept',
  'x\0y',
  'x } chain y { type filter hook forward priority -500; accept',
  '$define',
  '@set',
  '/* x',
  '# x',
  'br*',
  '*',
  'x y',
  '{',
  '}',
  ';',
  '..',
  '',
  '\u00e9\u202e\u{1f600}',
  '-f /etc/passwd',
  'include "/etc/passwd"',
  '%s%n',
  '`id`',
  '$(id)',
  'x'.repeat(4000),
];

/** Every word and every string is one sign; null: some string does not end, or holds what it may not. */
export function skeleton(text: string): string | null {
  const strings = text.replace(/"[A-Za-z0-9 _.:;,'@+!?=/()-]*"/g, '"');
  if (/"[^ ,}\n]/.test(strings) || /[^\x20-\x7e\n]/.test(strings)) return null;
  return strings.replace(/[A-Za-z0-9_.:-]+/g, 'w').replace(/ +/g, ' ');
}

/** Words that compile alone chooses: of the model itself, and of nft's language. */
const OWN = [
  'kind',
  'operator',
  'target',
  'role',
  'key',
  'per',
  'answer',
  'verdict',
  'base',
  'any',
];

/** The same table with `put` of every text that could be somebody's, or (`isName`) of some. */
export function withTexts(
  ruleset: Ruleset,
  put: (text: string) => string,
  isName: (text: string, of: string) => boolean = () => true,
): Ruleset {
  return changed(ruleset, '') as Ruleset;

  function changed(value: unknown, of: string): unknown {
    if (typeof value === 'string') return isName(value, of) ? put(value) : value;
    if (Array.isArray(value)) return value.map((one) => changed(one, of));
    if (typeof value !== 'object' || value === null) return value;
    const { kind } = value as { kind?: string };
    const isFixed = (name: string): boolean =>
      name === 'verdict'
        ? typeof (value as { verdict?: unknown }).verdict === 'string'
        : OWN.includes(name) || kind === 'field' || kind === 'fib';
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, isFixed(name) ? one : changed(one, name)]),
    );
  }
}
