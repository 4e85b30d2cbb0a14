// docs/json.md as JSON schemas: its tables are the only list of the fields of answers. Tests read answers of `--json`
// and of rpcd by this file, and so compare each with the page.
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';

interface Schema {
  readonly [keyword: string]: unknown;
}

/** A row of a table. */
interface Field {
  /** `rows.app`; `rows.*`: all fields of the named object. */
  readonly path: string;
  readonly type: string;
  readonly meaning: string;
}

/** A chapter of the page about one object. */
export interface Chapter {
  readonly title: string;
  readonly fields: readonly Field[];
  /** Text of its JSON block. */
  readonly example: string;
}

export const chapters: ReadonlyMap<string, Chapter> = readChapters();

function readChapters(): Map<string, Chapter> {
  const page = readFileSync('docs/json.md', 'utf8');
  const found = page.split(/^#{2,4} /m).flatMap((text): Chapter[] => {
    const example = /^```json\n(.*?)^```/ms.exec(text)?.[1];
    if (example === undefined) return [];
    const title = text.split('\n')[0]!.replaceAll('`', '');
    const rows = text.matchAll(/^\| `([\w.*]+)` \| (.+?) \| (.+) \|$/gm);
    const fields = Array.from(rows, ([, path, type, meaning]) => ({
      path: path!,
      type: type!,
      meaning: meaning!,
    }));
    return [{ title, fields: fields.filter(({ type }) => type !== ''), example }];
  });
  return new Map(found.map((one) => [one.title, one]));
}

/** The words of type "evidence", from the table of types. */
const EVIDENCE = wordsOf(
  /^\| evidence \| (.*) \|$/m.exec(readFileSync('docs/json.md', 'utf8'))?.[1] ?? '',
);

function wordsOf(text: string): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, word]) => word!);
}

/** The chapter that a link such as "[problem](#a-problem)" leads to. */
function linked(type: string): Chapter | null {
  const anchor = /\]\(#([\w-]+)\)$/.exec(type)?.[1];
  if (anchor === undefined) return null;
  const anchorOf = ({ title }: Chapter): string => title.toLowerCase().replaceAll(' ', '-');
  const found = Array.from(chapters.values()).find((one) => anchorOf(one) === anchor);
  if (found === undefined) throw new Error(`docs/json.md: no chapter ${anchor}`);
  return found;
}

const NUMBER: Schema = { type: 'integer', minimum: 0 };

/** `inner`: the fields below it. */
function schemaOf(type: string, inner: readonly Field[]): Schema {
  for (const [suffix, more] of [
    [' or null', { type: 'null' }],
    [' or empty', { const: '' }],
  ] as const) {
    if (type.endsWith(suffix))
      return { anyOf: [schemaOf(type.slice(0, -suffix.length), inner), more] };
  }
  const list = /^list of (.*)$/.exec(type)?.[1];
  if (list !== undefined) return { type: 'array', items: schemaOf(list.replace(/s$/, ''), inner) };
  const chapter = linked(type);
  if (chapter !== null) return objectOf(chapter.fields);
  switch (type) {
    case 'text':
      return { type: 'string' };
    case 'number':
      return NUMBER;
    case 'flag':
      return { type: 'boolean' };
    case 'true':
      return { const: true };
    case 'evidence':
      return { enum: EVIDENCE };
    case 'numbers by name':
      return { type: 'object', additionalProperties: NUMBER };
    case 'object':
      return inner.length === 0 ? { type: 'object' } : objectOf(inner);
    case 'list':
      return { type: 'array', items: objectOf(inner) };
  }
  const words = wordsOf(type);
  if (words.length === 0) throw new Error(`docs/json.md: type "${type}"`);
  return { enum: words };
}

/** The schema of an object with these fields and no other. */
function objectOf(fields: readonly Field[]): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const { path, type } of spread(fields)) {
    if (path.includes('.')) continue;
    const inner = fields.filter((one) => one.path.startsWith(`${path}.`));
    const below = inner.map((one) => ({ ...one, path: one.path.slice(path.length + 1) }));
    properties[path] = schemaOf(type.replace(/ or absent$/, ''), below);
    if (!type.endsWith(' or absent')) required.push(path);
  }
  return { type: 'object', properties, required, additionalProperties: false };
}

/** The fields, with those of a linked chapter in the place of `*`. */
function spread(fields: readonly Field[]): readonly Field[] {
  return fields.flatMap((one) => (one.path === '*' ? linked(one.type)!.fields : [one]));
}

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
const validators = new Map<string, ValidateFunction>();

export function schemaOfChapter(title: string): Schema {
  const chapter = chapters.get(title);
  if (chapter === undefined) throw new Error(`docs/json.md has no chapter "${title}"`);
  return objectOf(chapter.fields);
}

/** What is wrong with `value` by the chapter; empty: nothing. */
export function wrongWith(title: string, value: unknown): string {
  const validate = validators.get(title) ?? ajv.compile(schemaOfChapter(title));
  validators.set(title, validate);
  if (validate(value)) return '';
  return ajv.errorsText(validate.errors, { dataVar: title, separator: '\n' });
}

/** Every field of the page with its type, as "whp status: apps.app: text". */
export function fieldLines(): string[] {
  return Array.from(chapters.values()).flatMap(({ title, fields }) =>
    fields.map(({ path, type }) => `${title}: ${path}: ${type}`),
  );
}

const VIEWS: { readonly [word: string]: string } = {
  log: '--ended',
  evidence: '--recent',
  counters: '--totals',
};

/** The chapter about the answer of a command line. */
export function chapterOf(words: readonly string[]): string {
  const plain = words.filter((word) => !word.startsWith('-'));
  const [name = '', first] = plain;
  const view = VIEWS[name] ?? words.find((word) => Object.values(VIEWS).includes(word));
  switch (name) {
    case 'flows':
    case 'log':
    case 'evidence':
    case 'counters':
      if (words.includes('--csv')) return 'whp flows --ended --csv';
      if (view === '--totals' && first !== undefined) return 'whp flows --totals app skype';
      return view === undefined ? 'whp flows' : `whp flows ${view}`;
    case 'pin':
      return first === undefined || first === 'list' ? 'whp pin list' : 'whp pin ADDRESS';
    case 'proxy':
      return first === 'use' ? 'whp proxy use' : 'whp proxy list';
    case 'profile':
      return first === 'validate' ? 'whp check' : `whp profile ${first ?? 'list'}`;
    case 'completion':
      return first === undefined ? 'whp completion' : 'whp completion apps';
    case 'diag':
      return first === undefined ? 'whp diag' : 'whp diag FILE';
    default:
      return `whp ${name}`;
  }
}

/** The chapter about the answer of a method of rpcd's plugin. */
export function chapterOfRpc(method: string, input: Readonly<Record<string, unknown>>): string {
  const operand = typeof input.operand === 'string' ? input.operand : '';
  switch (method) {
    case 'counters':
      return chapterOf(['counters', ...(input.subject ? [String(input.subject)] : [])]);
    case 'log':
      return chapterOf(['log', ...(input.format === 'csv' ? ['--csv'] : [])]);
    case 'test':
    case 'traffic':
    case 'start':
      return `rpcd ${method}`;
    case 'profiles':
      return 'whp profile list';
    case 'action':
      if (input.name === 'use') return 'whp proxy use';
      return chapterOf([String(input.name), ...operand.split(' ').filter((word) => word !== '')]);
    default:
      return chapterOf([method]);
  }
}

/** Compares an answer with its chapter, or with that of errors; returns it. */
export function judged<T>(title: string, value: unknown): T {
  const isError = typeof value === 'object' && value !== null && 'error' in value;
  const isLine = title === 'whp monitor' && !isError;
  const chapter = isError ? 'An error' : isLine ? (value as { kind: string }).kind : title;
  const wrong = wrongWith(chapter, value);
  if (wrong === '') return value as T;
  throw new Error(`not as in docs/json.md: ${wrong}\n${JSON.stringify(value)}`);
}

/** The answer that a command line with --json printed. `words` without the program's name. */
export function answerOf<T>(words: readonly string[], printed: string): T {
  return judged<T>(chapterOf(words), JSON.parse(printed));
}

/** The same of a command that prints one object a line. */
export function linesOf<T>(words: readonly string[], printed: string): T[] {
  const lines = printed.split('\n').filter((line) => line !== '');
  return lines.map((line) => answerOf<T>(words, line));
}

/** The answer of a method of rpcd's plugin. */
export function rpcAnswerOf<T>(method: string, input: object, printed: string): T {
  return judged<T>(chapterOfRpc(method, { ...input }), JSON.parse(printed));
}
