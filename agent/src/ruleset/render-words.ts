// ruleset/render-words: writes values and names of the model as words and strings of nft, and with them the
// elements of static sets. What is written can never end the token that contains it.
import type { Constant, Datatype, NamedSet, Span, StaticSet } from './model.ts';

/**
 * Longest comment or log prefix, device name and other name that nft accepts (NFTNL_UDATA_COMMENT_MAXLEN,
 * NF_LOG_PREFIXLEN; IFNAMSIZ; NFT_NAME_MAXLEN is 256).
 */
export const LONGEST = { text: 127, device: 15, name: 127 };

/**
 * nft has no escapes in quoted strings: a quote ends the string, a final star of a device name is a wildcard,
 * even after a backslash. All such characters become "?".
 */
export function quoted(text: string, longest = LONGEST.text): string {
  return `"${text.replace(UNQUOTED, '?').slice(0, longest) || '?'}"`;
}

export const UNQUOTED = /[^A-Za-z0-9 _.:;,'@+!?=/()-]/g;

/** The name of a set, a chain or a counter. */
export function word(text: string): string {
  const known = words.get(text);
  if (known !== undefined) return known;
  const made = /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(text)
    ? text
    : `x${text.replace(/[^A-Za-z0-9_]/g, '_')}`.slice(0, LONGEST.name);
  words.set(text, made);
  return made;
}

/** The words of one table: each is written several times, and a regular expression allocates 2 KB. */
const words = new Map<string, string>();

/** Another table begins. */
export function forgetWords(): void {
  words.clear();
}

/** A value in nft's form: an address, a MAC, a state. Anything else becomes a word that nft refuses. */
export function bare(text: string): string {
  return BARE.test(text) ? text : 'no-such-value';
}

const BARE = /^[A-Za-z0-9.:_-]+$/;

export function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

const PROTOCOLS = new Map([
  [6, 'tcp'],
  [17, 'udp'],
]);

export function constantText(type: Datatype, value: Constant): string {
  switch (type) {
    case 'device':
      return quoted(String(value), LONGEST.device);
    case 'mark':
    case 'status':
      return hex(Number(value));
    case 'protocol':
      return PROTOCOLS.get(Number(value)) ?? bare(String(value));
    case 'family':
      return value === 2 ? 'ipv4' : 'ipv6';
    default:
      return bare(String(value));
  }
}

/** Their constants are written as they are, if they are values. */
const PLAIN: ReadonlySet<Datatype> = new Set(['ipv4', 'ipv6', 'port', 'ether']);

/** The elements of a static set. A span is written once (its address has many ports), and all values are checked
 * together: `plain` holds those that were written unchecked. */
function elementsText(
  key: readonly Datatype[],
  elements: readonly (readonly Span[])[],
  isTrusting = true,
): string {
  const plain: Constant[] = [];
  const written = key.map(() => new Map<Span, string>());
  const spanText = (i: number, span: Span): string => {
    const type = key[i]!;
    const isPlain = isTrusting && PLAIN.has(type);
    if (isPlain) plain.push(...span);
    const [first, last] = isPlain ? span : span.map((one) => constantText(type, one));
    const text = span[0] === span[1] ? `${first}` : `${first}-${last}`;
    written[i]!.set(span, text);
    return text;
  };
  const lines = elements.map((element) =>
    element.map((span, i) => written[i]!.get(span) ?? spanText(i, span)).join(' . '),
  );
  const areValues = !plain.includes('') && BARE.test(`0${plain.join('')}`);
  return areValues ? lines.join(',\n      ') : elementsText(key, elements, false);
}

/** The elements as text of a set block; null: a learned set. */
export function elementList(set: NamedSet): string | null {
  if (set.role !== 'static') return null;
  const known = listed.get(set.elements);
  if (known !== undefined) return known;
  const text = elementsText(set.key, set.elements);
  listed.set(set.elements, text);
  return text;
}

/** Cached by the elements array: most sets are unchanged in a reload (compile/ranges). */
const listed = new WeakMap<StaticSet['elements'], string>();
