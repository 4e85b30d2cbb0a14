// Generates configuration files by the grammar of docs/uci.md: it chooses statements first, then writes them.
// It contains no parser: the expected sections follow from the statements.

/** A whole number below the limit. */
export type Random = (limit: number) => number;

export interface Written {
  readonly text: string;
  /** Sections as [type, name, [keyword, option, value]...]; null: the file is to be refused. */
  readonly sections: readonly WrittenSection[] | null;
  /** First and last line of the broken statement; 0 where there is none. */
  readonly lines: readonly [number, number];
}

export interface WrittenSection {
  readonly type: string;
  readonly name: string | null;
  values: (readonly [keyword: string, name: string, value: string])[];
}

const TYPES = ['app', 'proxy', 'a-b', 'x!y', 'globals'];
const NAMES = ['x', 'y', 'z_9', '7'];
const OPTIONS = ['a', 'b', 'cc', 'd_1'];
const VALUES = [
  'v',
  '203.0.113.7',
  'two words',
  '',
  "it's",
  'say "no"',
  'back\\slash',
  'hash # no comment',
  'semi;colon',
  'two\nlines',
  'tab\there',
  'a\u00a0b',
  '\u00e9\u4e2d',
  'cr\rlf',
  ' ',
  '\v\f',
];
const GAPS = [' ', '\t', '  ', ' \v', '\t\f', ' \r'];
/** Bytes allowed before the first statement of a line. */
const LEADS = ['', '', '\t', '  ', '\v', '\f\t', '\r'];
const SPACE = ' \t\n\v\f\r';

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

/** A character outside of quotes: one with a meaning gets a backslash. A line feed cannot be written so. */
function bareCharacter(random: Random, c: string): string {
  if (`${SPACE}#;'"\\`.includes(c)) return `\\${c}`;
  return random(12) === 0 ? `\\${c}` : c;
}

function doubleCharacter(random: Random, c: string): string {
  const join = random(9) === 0 ? pick(random, ['\\\n', '\\\r\n']) : '';
  // A carriage return after a backslash might be the end of a line.
  return join + ('"\\'.includes(c) || (random(9) === 0 && !'\r\n'.includes(c)) ? `\\${c}` : c);
}

interface Word {
  readonly text: string;
  /** Written without a quote or a backslash: a `;` directly after it hides the rest of the line. */
  readonly bare: boolean;
}

/** One of the ways to write a value: in parts, each bare or in quotes. */
function word(random: Random, value: string): Word {
  if (value === '') return { text: pick(random, ["''", '""', `''""`]), bare: false };
  const characters = Array.from(value);
  let text = '';
  for (let at = 0; at < characters.length; ) {
    const part = characters.slice(at, at + 1 + random(characters.length - at));
    const kinds = ['bare', 'single', 'double'].filter(
      (one) =>
        (one !== 'bare' || !/[\r\n]/.test(part.join(''))) &&
        (one !== 'single' || !part.includes("'")),
    );
    const kind = pick(random, kinds);
    // A line continuation between two parts of a word, where no space follows.
    if (text !== '' && random(9) === 0) text += pick(random, ['\\\n', '\\\r\n']);
    if (kind === 'single') text += `'${part.join('')}'`;
    else if (kind === 'double') {
      text += `"${part.map((c) => doubleCharacter(random, c)).join('')}"`;
    } else text += part.map((c) => bareCharacter(random, c)).join('');
    at += part.length;
  }
  return { text, bare: text === value };
}

interface Statement {
  readonly text: string;
  readonly bare: boolean;
  /** The last word is missing: a `;` after it would be read as that word. */
  readonly open: boolean;
  readonly apply: (sections: WrittenSection[]) => void;
}

const keyword = (random: Random, full: string): string =>
  (random(4) === 0 ? full[0]! : full) + pick(random, [' ', '\t', ' ', '\t ']);

function config(random: Random): Statement {
  const type = pick(random, TYPES);
  const name = random(3) === 0 ? null : pick(random, NAMES);
  const [first, second] = [word(random, type), word(random, name ?? '')];
  const isWritten = name !== null || random(3) === 0;
  const text =
    keyword(random, 'config') + first.text + (isWritten ? pick(random, GAPS) + second.text : '');
  const apply = (sections: WrittenSection[]): void => {
    const known = name === null ? undefined : sections.find((one) => one.name === name);
    // A section that is repeated is continued by further options: it moves to the end.
    if (known !== undefined) sections.push(...sections.splice(sections.indexOf(known), 1));
    else sections.push({ type, name, values: [] });
  };
  return { text, bare: second.bare, open: !isWritten, apply };
}

function option(random: Random): Statement {
  const kind = pick(random, ['option', 'list']);
  const name = pick(random, OPTIONS);
  const value = pick(random, VALUES);
  const [first, second] = [word(random, name), word(random, value)];
  const isWritten = value !== '' || random(2) === 0;
  const text =
    keyword(random, kind) + first.text + (isWritten ? pick(random, GAPS) + second.text : '');
  const apply = (sections: WrittenSection[]): void => {
    const section = sections.at(-1)!;
    const isIt = ([, one]: WrittenSection['values'][number]) => one === name;
    const at = section.values.findIndex(isIt);
    if (kind === 'option') {
      if (value === '') return;
      if (at < 0) section.values.push(['option', name, value]);
      else {
        section.values[at] = ['option', name, value];
        section.values = section.values.filter((one, i) => i === at || !isIt(one));
      }
      return;
    }
    if (at < 0) section.values.push(['list', name, value]);
    else {
      section.values = section.values.map((one) => (isIt(one) ? ['list', one[1], one[2]] : one));
      section.values.splice(section.values.findLastIndex(isIt) + 1, 0, ['list', name, value]);
    }
  };
  return { text, bare: second.bare, open: !isWritten, apply };
}

/** Statements that OpenWrt refuses after any section, each on its own lines. */
const BROKEN = [
  'option',
  'config',
  'list ',
  'package',
  "option '' v",
  'config ""',
  "config 'a b'",
  'config a\u00e9',
  "config a 'b-c'",
  'config a b c',
  "config 'a' 'b';c",
  'option a-b v',
  "option 'a b' v",
  'option a.b v',
  'option \u00e9 v',
  'option a v w',
  "option 'a';v",
  "option 'a' 'v';w",
  "option 'a' 'v';",
  "option 'a' 'v'; ",
  'option a v ;',
  "option 'a' 'v';;",
  'list a v "w"',
  "'option' a v",
  '"option" a v',
  'opt\\ion a v',
  'option\va v',
  'Option a v',
  'options a v',
  'x',
  ';',
  'package a.b',
  'package a b',
  "package ''",
  '\\option a v',
  'option \\\n v',
  'option a v \\\n w',
  '\u00a0option a v',
  "option a 'v\nv' w",
  'config other unique_name\nconfig another unique_name',
];

const UNCLOSED = ["option a 'v", 'option a "v', "config 'a", 'option a "v\\"', "list 'a"];

const lineCount = (text: string): number => text.split('\n').length - 1;

/** A file of a few lines. One in three is broken in one place. */
export function writeFile(random: Random): Written {
  const sections: WrittenSection[] = [];
  // Sections in the order of the file; a section that is continued keeps its place.
  const order: WrittenSection[] = [];
  let text = pick(random, ['', '', '# comment\n', '\n', 'package whp\n', 'p a-b # c\n', ' \v\n']);
  let lines: [number, number] = [0, 0];
  const breakAt = random(3) === 0 ? random(6) : -1;
  const count = 1 + random(8);
  for (let i = 0; i < count; i++) {
    let visible = true;
    text += pick(random, LEADS);
    for (;;) {
      const one =
        sections.length === 0 || random(5) === 0 ? fitting(random, sections) : option(random);
      // Only the line is hidden, not what a quote or a backslash continues.
      if (!visible && one.text.includes('\n')) break;
      text += one.text;
      if (visible) one.apply(sections);
      for (const section of sections) if (!order.includes(section)) order.push(section);
      if (random(8) !== 0 || one.open) break;
      // A bare word directly before the `;`: it hides the rest of the line.
      const glued = random(2) === 0;
      text += glued ? ';' : ' ;';
      if (glued && one.bare) visible = false;
    }
    text += visible ? pick(random, ENDS) : pick(random, HIDDEN_ENDS);
    if (i !== breakAt) continue;
    const before = lineCount(text);
    const broken = pick(random, BROKEN);
    lines = [before + 1, before + 1 + lineCount(broken)];
    text += `${broken}\n`;
  }
  if (lines[0] !== 0) return { text, sections: null, lines };
  if (random(12) === 0) {
    const before = lineCount(text);
    text += pick(random, UNCLOSED) + pick(random, ['', '\n', '\n# the end\n']);
    return { text, sections: null, lines: [before + 1, before + 1] };
  }
  // The last line may have no line feed.
  if (random(6) === 0 && !/[;\\\r]\n$/.test(text)) text = text.replace(/\n$/, '');
  return { text, sections: order, lines };
}

/** A config statement that gives no name a second type. */
function fitting(random: Random, sections: readonly WrittenSection[]): Statement {
  for (;;) {
    const one = config(random);
    const alone: WrittenSection[] = [];
    one.apply(alone);
    const { type, name } = alone[0]!;
    const known = sections.find((section) => section.name === name);
    if (name === null || known === undefined || known.type === type) return one;
  }
}

const ENDS = [
  '\n',
  '\n',
  '\n',
  '\r\n',
  ' \n',
  '\t# comment\n',
  '#comment\n',
  "#'\n",
  ' ;# x\n',
  " ''\n",
  '\v\n',
];
const HIDDEN_ENDS = ['\n', '; ;\n', " 'open\n", ' # x\n', ' x y z\n', ' \\ \n'];
