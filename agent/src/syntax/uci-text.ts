// syntax/uci-text: splits a UCI file into words as libuci does (file.c: uci_getln, strtok, parse_str). It holds one
// line at a time; an open quote or a backslash at the end of the line adds the next one. uci parses the words.

export interface UciText {
  readonly all: string;
  /** Offset of the next character. */
  at: number;
  /** End of the lines that are held. */
  end: number;
  /** Number of the last held line, from 1. */
  line: number;
  /** The first quote of the current statement that is not closed in its line. */
  opened: { readonly line: number; readonly quote: string; closed: boolean } | null;
  /** Lines with a statement after `;` that libuci ignores. */
  readonly unread: number[];
}

export function createText(all: string): UciText {
  return { all, at: 0, end: 0, line: 0, opened: null, unread: [] };
}

/** Drops the held lines and takes the next one; false: end of the file. */
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

/** The keyword of a statement: all up to a space, a tab or the end of the line, quotes and line feed included.
 * Empty: only a comment follows. */
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

/** Includes a line feed that ends the line. */
const KEYWORD = /[^ \t\n]*\n?/y;
const HASH = 0x23;
const SEMICOLON = 0x3b;
const SINGLE = 0x27;
const DOUBLE = 0x22;
const BACKSLASH = 0x5c;

/** Characters of an unquoted part of a word. */
const BARE = /[^ \t\n\v\f\r;#'"\\]+/y;

/**
 * The next word; adjacent unquoted and quoted parts are joined, as in 'it'\''s'. Empty: the statement has no further
 * word, or an empty one. Null: a quote is never closed.
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
      // libuci writes the terminating zero over the `;` after an unquoted word, and so ignores the rest of the line.
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
  // The space after a word is consumed with it.
  if (text.at < text.end) text.at += 1;
  return word;
}

/** Skips to the end of the line, and notes the line if it has further statements. */
function dropRest(text: UciText): void {
  if (/^;\s*[^\s#;]/.test(text.all.slice(text.at, text.end))) text.unread.push(text.line);
  text.at = text.end;
}

/** The character after a backslash; empty at the end of a line, which the next line then continues. */
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

/** Text between two quotes, line feeds included; backslash escapes in double quotes only. Null: never closed. */
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

/** quotedPart character by character, for a quote that is never closed or has a backslash inside. */
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
