// The words of a configuration file, cut as libuci cuts them (file.c: uci_getln, strtok, parse_str):
// it holds one line at a time, and a quote or a backslash at its end adds the next one. Before: the
// text of a file. After: uci, which makes statements of the words.

export interface UciText {
  readonly all: string;
  /** The next character. */
  at: number;
  /** Where the lines end that are held. */
  end: number;
  /** The number of the last of them. */
  line: number;
  /** The first quote of the statement that did not end in its line. */
  opened: { readonly line: number; readonly quote: string; closed: boolean } | null;
  /** Lines of which libuci forgets what stands behind a `;`. */
  readonly unread: number[];
}

export function createText(all: string): UciText {
  return { all, at: 0, end: 0, line: 0, opened: null, unread: [] };
}

/** Leaves what is held and takes the next line; false: there is none. */
export function nextLine(text: UciText): boolean {
  text.at = text.end;
  return extend(text);
}

function extend(text: UciText): boolean {
  const { all, end } = text;
  if (end >= all.length) return false;
  text.end = all.indexOf('\n', end) + 1 || all.length;
  text.line += 1;
  return true;
}

export function skipSpace(text: UciText): void {
  const { all, end } = text;
  let { at } = text;
  while (at < end && isSpace(all.charCodeAt(at))) at += 1;
  text.at = at;
}

/** isspace() in the C locale. */
function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** What begins a statement: all up to a space, a tab or the end of the line, quotes and line feed
 * included. Empty: nothing but a comment follows. */
export function keywordOf(text: UciText): string {
  const { all, end } = text;
  let from = text.at;
  while (from < end && (all.charCodeAt(from) === 0x20 || all.charCodeAt(from) === 0x09)) from += 1;
  KEYWORD.lastIndex = from;
  KEYWORD.test(all);
  const isComment = all.charCodeAt(from) === HASH;
  text.at = isComment || from >= end ? end : KEYWORD.lastIndex;
  return isComment ? '' : all.slice(from, text.at);
}

/** A line feed ends what is held. */
const KEYWORD = /[^ \t\n]*\n?/y;
const HASH = 0x23;
const SEMICOLON = 0x3b;
const SINGLE = 0x27;
const DOUBLE = 0x22;
const BACKSLASH = 0x5c;

/** What ends a bare part of a word. */
const BARE = /[^ \t\n\v\f\r;#'"\\]+/y;

/**
 * The next word: bare and quoted parts side by side are joined, as in 'it'\''s'. Empty: there is none
 * in this statement, or it is an empty one. Null: a quote of it is never closed.
 */
export function wordOf(text: UciText): string | null {
  const { all } = text;
  skipSpace(text);
  if (text.at < text.end && all.charCodeAt(text.at) === SEMICOLON) {
    text.at += 1;
    return '';
  }
  let word = '';
  let bare = true;
  while (text.at < text.end) {
    const c = all.charCodeAt(text.at);
    if (c === SINGLE || c === DOUBLE) {
      const part = quotedPart(text, c === SINGLE ? "'" : '"');
      if (part === null) return null;
      word += part;
      bare = false;
    } else if (c === BACKSLASH) {
      word += escaped(text);
      bare = false;
    } else if (c === HASH || c === SEMICOLON) {
      // libuci writes the end of a bare word over its `;` and so forgets the rest of the line.
      if (c === HASH || bare) dropRest(text);
      return word;
    } else {
      BARE.lastIndex = text.at;
      BARE.test(all);
      word += all.slice(text.at, BARE.lastIndex);
      text.at = BARE.lastIndex;
    }
    if (isSpace(all.charCodeAt(text.at))) break;
  }
  // The space behind a word goes with it.
  if (text.at < text.end) text.at += 1;
  return word;
}

/** Goes to the end of the line; statements that are passed by are noted. */
function dropRest(text: UciText): void {
  if (/^;\s*[^\s#;]/.test(text.all.slice(text.at, text.end))) text.unread.push(text.line);
  text.at = text.end;
}

/** What a backslash stands for: the character behind it, or nothing at the end of a line, which the
 * next one then continues. */
function escaped(text: UciText): string {
  const { all } = text;
  const at = text.at + 1;
  const c = at < text.end ? all[at]! : '';
  if (c === '' || c === '\n' || (c === '\r' && all[at + 1] === '\n')) {
    nextLine(text);
    return '';
  }
  text.at = at + 1;
  return c;
}

/** What stands between two quotes, line feeds included; only double quotes know the backslash. */
function quotedPart(text: UciText, quote: string): string | null {
  const { all, line } = text;
  const from = text.at + 1;
  const end = all.indexOf(quote, from);
  const plain = end < 0 ? '' : all.slice(from, end);
  text.at = from;
  if (end >= 0 && (quote === "'" || !plain.includes('\\'))) {
    text.at = end + 1;
    if (text.at > text.end) text.opened ??= { line, quote, closed: true };
    while (text.at > text.end) extend(text);
    return plain;
  }
  return escapedPart(text, quote, line);
}

/** The same where the quote is never closed or a backslash stands in between. */
function escapedPart(text: UciText, quote: string, line: number): string | null {
  const { all } = text;
  let part = '';
  for (;;) {
    if (text.at >= text.end) {
      text.opened ??= { line, quote, closed: true };
      if (extend(text)) continue;
      text.opened.closed = false;
      return null;
    }
    const c = all[text.at]!;
    if (c === quote) break;
    if (c === '\\' && quote === '"') part += escaped(text);
    else {
      part += c;
      text.at += 1;
    }
  }
  text.at += 1;
  return part;
}
