// syntax/uci: parses UCI files (/etc/config, `uci export`) into sections with line numbers. Accepted input and
// values are those of OpenWrt's libuci (file.c, list.c); docs/uci.md has the grammar. policy/build interprets the
// result.
import { fail, ok, type Problem, type Result, sortByLine } from './result.ts';
import { createText, keywordOf, nextLine, skipSpace, type UciText, wordOf } from './uci-text.ts';

export interface UciValue {
  readonly keyword: 'option' | 'list';
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

export interface UciSection {
  readonly type: string;
  /** Null: an anonymous section. */
  readonly name: string | null;
  readonly line: number;
  /** The last value of each option, and all values of each list, empty ones too. */
  readonly values: readonly UciValue[];
}

export interface UciPackage {
  readonly file: string;
  /** In file order; sections with the same name and type are merged. */
  readonly sections: readonly UciSection[];
  /** Input that libuci accepts but that may not do what its writer meant. */
  readonly notes: readonly Problem[];
}

interface OpenSection {
  readonly type: string;
  readonly name: string | null;
  readonly line: number;
  readonly options: Map<string, UciValue[]>;
}

interface Reading {
  readonly file: string;
  readonly text: UciText;
  readonly sections: OpenSection[];
  readonly byName: Map<string, OpenSection>;
  /** Section of the current option and list lines; null before the first section. */
  section: OpenSection | null;
  readonly notes: Problem[];
}

/** Larger files are a mistake: a home's configuration has a few kilobytes. */
const MAX_LENGTH = 1 << 20;

/** Parses a whole file; every malformed line is reported, under the name `file`. */
export function parseUci(all: string, file: string): Result<UciPackage> {
  if (all.length > MAX_LENGTH) return fail(`${file}:1`, 'larger than 1 MiB; is it the right file?');
  if (all.startsWith('\ufeff'))
    return fail(`${file}:1`, 'the file begins with a byte-order mark; save it without one');
  const zero = all.indexOf('\0');
  if (zero >= 0) {
    const line = all.slice(0, zero).split('\n').length;
    return fail(`${file}:${line}`, 'holds a zero byte: the file is damaged; write it again');
  }
  const text = createText(all);
  const reading: Reading = {
    file,
    text,
    sections: [],
    byName: new Map(),
    section: null,
    notes: [],
  };
  const problems: Problem[] = [];
  while (nextLine(text)) {
    const problem = readLine(reading);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length > 0) return { ok: false, problems: sortByLine(problems) };
  const sections = reading.sections.map(({ type, name, line, options }) => {
    return { type, name, line, values: [...options.values()].flat() };
  });
  for (const line of text.unread) {
    const what = 'what stands behind the ";" is not read; put it into a line of its own';
    reading.notes.push({ where: `${file}:${line}`, what });
  }
  return ok({ file, sections, notes: sortByLine(reading.notes) });
}

/** Parses the statements of a line, and of lines that quotes and backslashes add to it, up to the first malformed
 * one. Returns its problem, or null. */
function readLine(reading: Reading): Problem | null {
  const { text, file } = reading;
  if (readPlain(reading)) return null;
  skipSpace(text);
  for (;;) {
    const { line } = text;
    text.opened = null;
    const keyword = keywordOf(text);
    if (keyword === '') return null;
    const what = readStatement(reading, keyword, line);
    if (what === null) continue;
    const { opened } = reading.text;
    // A problem of the form ('write: ...') is caused by a forgotten quote; a bad name is not.
    if (opened === null || (opened.closed && !what.startsWith('write: ')))
      return { where: `${file}:${line}`, what };
    const { quote } = opened;
    const seen = opened.closed ? 'is closed in a later line' : 'is never closed';
    return { where: `${file}:${opened.line}`, what: `${quote} ${seen}; add the second ${quote}` };
  }
}

/** A line as `uci export` writes it. Most lines are, and one expression is faster than wordOf. */
const PLAIN = /[ \t]*(option|list)[ \t]+([A-Za-z0-9_]+)[ \t]+'([^'\n]*)'\n/y;

function readPlain(reading: Reading): boolean {
  const { text, section } = reading;
  PLAIN.lastIndex = text.at;
  const match = section === null ? null : PLAIN.exec(text.all);
  if (section === null || match === null) return false;
  const keyword = match[1] === 'list' ? 'list' : 'option';
  putValue(reading, section, { keyword, name: match[2]!, value: match[3]!, line: text.line });
  return true;
}

const FORMS = {
  package: 'package NAME',
  config: "config TYPE 'NAME'",
  option: "option NAME 'VALUE', with quotes around the value",
  list: "list NAME 'VALUE', with quotes around the value",
};

const KEYWORDS = new Map(
  (['package', 'config', 'option', 'list'] as const).flatMap((word) => [
    [word as string, word],
    [word.charAt(0), word],
  ]),
);

/** What is wrong with the statement, or null. */
function readStatement(reading: Reading, text: string, line: number): string | null {
  const keyword = KEYWORDS.get(text);
  if (keyword === undefined) return unknownKeyword(text);
  const words = reading.text;
  const first = wordOf(words);
  const second = keyword === 'package' ? '' : wordOf(words);
  // A third word is an error; an empty word ends the statement, as `;` does.
  const isComplete = Boolean(first) && second !== null && isEnd(words);
  if (!first || second === null || !isComplete) return `write: ${FORMS[keyword]}`;
  if (keyword === 'package') {
    // libuci takes the package name from the file's path and ignores this one.
    return /^[A-Za-z0-9_-]+$/.test(first) ? null : `write: ${FORMS.package}`;
  }
  if (keyword === 'config') return openSection(reading, first, second, line);
  if (!isName(first)) return `option name "${first}": use letters, digits and _`;
  if (reading.section === null) return `"${first}" stands before the first config line`;
  putValue(reading, reading.section, { keyword, name: first, value: second, line });
  return null;
}

function isEnd(text: UciText): boolean {
  return text.at >= text.end || wordOf(text) === '';
}

function unknownKeyword(text: string): string {
  const word = text.trim();
  const keyword = KEYWORDS.get(word);
  if (keyword !== undefined) return `write: ${FORMS[keyword]}`;
  if (word === '') return '";" is for another statement in the same line; remove it';
  return `unknown keyword "${word}"; a line starts with package, config, option or list`;
}

/** Opens a section, or continues an existing one. Returns what is wrong, or null. */
function openSection(reading: Reading, type: string, name: string, line: number): string | null {
  const { sections, byName } = reading;
  const known = name === '' ? undefined : byName.get(name);
  const section = known ?? { type, name: name === '' ? null : name, line, options: new Map() };
  // Set for a malformed section too, so that its options do not go to the section before.
  reading.section = section;
  if (!/^[!-~]+$/.test(type)) return `section type "${type}": use letters, digits, - and _`;
  if (name !== '' && !isName(name)) return `section name "${name}": use letters, digits and _`;
  if (known !== undefined) {
    if (known.type === type) return null;
    return `section "${name}" is of type ${known.type} in line ${known.line}; rename one`;
  }
  sections.push(section);
  const key = name === '' ? generatedName(type, sections.length) : name;
  if (!byName.has(key)) byName.set(key, section);
  return null;
}

/** libuci's name of an anonymous section, which another line may use (list.c: uci_fixup_section). */
function generatedName(type: string, count: number): string {
  let hash = 5381;
  for (let i = 0; i < type.length; i++) hash = (hash * 33 + type.charCodeAt(i)) & 0xffff;
  return `cfg${count.toString(16).padStart(2, '0')}${hash.toString(16).padStart(4, '0')}`;
}

/** As uci_set and uci_add_list: an option without a value changes nothing, the last value of an option counts, and
 * a list includes an option of the same name. */
function putValue({ file, notes }: Reading, { options }: OpenSection, value: UciValue): void {
  const { keyword, name, line } = value;
  const held = options.get(name);
  if (keyword === 'option') {
    if (value.value === '') return;
    options.set(name, [value]);
    if (held === undefined) return;
    const what = `"${name}" has no effect, line ${line} sets it again; remove one of the two`;
    notes.push({ where: `${file}:${held[0]!.line}`, what });
  } else if (held === undefined) options.set(name, [value]);
  else if (held[0]!.keyword === 'list') held.push(value);
  else options.set(name, [{ ...held[0]!, keyword }, value]);
}

function isName(text: string): boolean {
  return /^[A-Za-z0-9_]+$/.test(text);
}
