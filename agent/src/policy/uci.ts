// Configuration files in UCI syntax, as `uci export whp` prints them and /etc/config holds them,
// read into sections with line numbers. Nothing is interpreted here; build gives it meaning.
import { fail, type Problem, type Result } from './result.ts';

export interface UciValue {
  readonly keyword: 'option' | 'list';
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

export interface UciSection {
  readonly type: string;
  /** Null for an anonymous section. */
  readonly name: string | null;
  readonly line: number;
  /** In the order of the file, repetitions included. */
  readonly values: readonly UciValue[];
}

export interface UciPackage {
  /** Null when the file has no `package` line, as in /etc/config. */
  readonly name: string | null;
  readonly file: string;
  readonly sections: readonly UciSection[];
}

interface Statement {
  readonly words: readonly string[];
  readonly line: number;
}

interface Cursor {
  readonly text: string;
  readonly file: string;
  at: number;
  line: number;
}

type OpenSection = Omit<UciSection, 'values'> & { values: UciValue[] };
type OpenPackage = Omit<UciPackage, 'sections'> & { sections: OpenSection[] };

/** Larger files are a mistake: a home has a few kilobytes. */
const MAX_LENGTH = 1 << 20;

/** Reads a whole file; every broken line is reported, with the file name as given. */
export function parseUci(text: string, file: string): Result<UciPackage[]> {
  if (text.length > MAX_LENGTH)
    return fail(`${file}:1`, 'larger than 1 MiB; is it the right file?');
  const cursor: Cursor = { text, file, at: 0, line: 1 };
  const problems: Problem[] = [];
  const packages: OpenPackage[] = [];
  while (cursor.at < text.length) {
    const statement = nextStatement(cursor, problems);
    if (statement.words.length > 0) addStatement(packages, statement, file, problems);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: packages };
}

/** Words up to the end of the line, or to a `;`; a quoted word may hold line breaks. */
function nextStatement(cursor: Cursor, problems: Problem[]): Statement {
  const words: string[] = [];
  const line = cursor.line;
  while (cursor.at < cursor.text.length) {
    const c = cursor.text[cursor.at]!;
    if (c === '#') {
      skipToLineEnd(cursor);
    } else if (c === '\n' || c === ';') {
      cursor.at += 1;
      if (c === '\n') cursor.line += 1;
      break;
    } else if (c === ' ' || c === '\t' || c === '\r') {
      cursor.at += 1;
    } else {
      words.push(nextWord(cursor, problems));
    }
  }
  return { words, line };
}

function skipToLineEnd(cursor: Cursor): void {
  const end = cursor.text.indexOf('\n', cursor.at);
  cursor.at = end < 0 ? cursor.text.length : end;
}

/** What ends a bare part of a word. */
const BARE = /[^ \t\r\n;'"\\]+/y;

/** One word: bare and quoted parts side by side are joined, as in 'it'\''s'. */
function nextWord(cursor: Cursor, problems: Problem[]): string {
  const { text } = cursor;
  let word = '';
  while (cursor.at < text.length) {
    const c = text[cursor.at]!;
    if (' \t\r\n;'.includes(c)) break;
    cursor.at += 1;
    if (c === "'" || c === '"') {
      word += quotedPart(cursor, c, problems);
    } else if (c === '\\' && cursor.at < text.length) {
      const escaped = text[cursor.at]!;
      cursor.at += 1;
      if (escaped === '\n') cursor.line += 1;
      else word += escaped;
    } else {
      BARE.lastIndex = cursor.at - 1;
      // A backslash that nothing follows stands for itself.
      const bare = BARE.exec(text)?.[0] ?? c;
      word += bare;
      cursor.at += bare.length - 1;
    }
  }
  return word;
}

/** What stands before the closing quote; only double quotes know the backslash. */
function quotedPart(cursor: Cursor, quote: string, problems: Problem[]): string {
  const { text } = cursor;
  const opened = cursor.line;
  const end = text.indexOf(quote, cursor.at);
  const plain = end < 0 ? '' : text.slice(cursor.at, end);
  if (end >= 0 && !/[\n\\]/.test(plain)) {
    cursor.at = end + 1;
    return plain;
  }
  const parts: string[] = [];
  while (cursor.at < text.length) {
    const c = text[cursor.at]!;
    cursor.at += 1;
    if (c === quote) return parts.join('');
    if (c === '\n') cursor.line += 1;
    if (c === '\\' && quote === '"' && cursor.at < text.length) {
      if (text[cursor.at] === '\n') cursor.line += 1;
      parts.push(text[cursor.at]!);
      cursor.at += 1;
    } else {
      parts.push(c);
    }
  }
  problems.push({
    where: `${cursor.file}:${opened}`,
    what: `${quote} is never closed; add the second ${quote}`,
  });
  return parts.join('');
}

function addStatement(
  packages: OpenPackage[],
  { words, line }: Statement,
  file: string,
  problems: Problem[],
): void {
  const [keyword, first = '', second] = words;
  const complain = (what: string) => problems.push({ where: `${file}:${line}`, what });
  if (keyword === 'package') {
    if (words.length !== 2 || !isName(first)) complain('write: package NAME');
    else packages.push({ name: first, file, sections: [] });
    return;
  }
  if (keyword === 'config') {
    if (words.length < 2 || words.length > 3) complain("write: config TYPE 'NAME'");
    else if (!isName(first)) complain(`section type "${first}": use letters, digits, - and _`);
    else if (second !== undefined && !/^[A-Za-z0-9_]+$/.test(second)) {
      complain(`section name "${second}": use letters, digits and _`);
    } else {
      if (packages.length === 0) packages.push({ name: null, file, sections: [] });
      const section = { type: first, name: second ?? null, line, values: [] };
      packages.at(-1)!.sections.push(section);
    }
    return;
  }
  if (keyword !== 'option' && keyword !== 'list') {
    complain(`unknown keyword "${keyword}"; a line starts with package, config, option or list`);
    return;
  }
  const section = packages.at(-1)?.sections.at(-1);
  if (words.length !== 3) complain(`write: ${keyword} NAME 'VALUE', with quotes around the value`);
  else if (!isName(first)) complain(`option name "${first}": use letters, digits, - and _`);
  else if (section === undefined) complain(`"${first}" stands before the first config line`);
  else section.values.push({ keyword, name: first, value: second!, line });
}

function isName(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}
