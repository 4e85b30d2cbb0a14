// syntax/json-schema: checks a value against a JSON Schema (draft 2020-12), for the keywords of profile.schema.json.
// A problem names the place by JSON pointer and the fix by the schema's description. profile/parse uses it; a test
// compares it with a full implementation.
import type { Problem } from './result.ts';

export interface Schema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly oneOf?: readonly Schema[];
}

interface Check {
  readonly root: Schema;
  readonly file: string;
  /** Names and indexes that lead to the current value; joined to a pointer only for a problem. */
  readonly path: (string | number)[];
  readonly problems: Problem[];
}

/** Limit on problems: a hostile file could have millions. */
const MAX_PROBLEMS = 50;

/** All problems of `value` under `root`, at most 50, each at "FILE: /json/pointer". */
export function checkSchema(root: Schema, value: unknown, file: string): Problem[] {
  const check: Check = { root, file, path: [], problems: [] };
  visit(check, root, value);
  return check.problems.slice(0, MAX_PROBLEMS);
}

/** Visits a member or an entry of the current value. */
function visitAt(check: Check, at: string | number, given: Schema, value: unknown): void {
  check.path.push(at);
  visit(check, given, value);
  check.path.pop();
}

function visit(check: Check, given: Schema, value: unknown): void {
  if (check.problems.length >= MAX_PROBLEMS) return;
  const { root } = check;
  const schema = resolve(root, given);
  if (schema.oneOf !== undefined) {
    const fitting = schema.oneOf.filter((one) => isValid(root, one, value)).length;
    if (fitting !== 1) complain(check, schema, 'has none of the allowed forms');
  }
  if (schema.const !== undefined && !isEqual(schema.const, value)) {
    complain(check, schema, `must be ${JSON.stringify(schema.const)}`);
  }
  const { enum: listed } = schema;
  if (listed && !listed.includes(value) && !listed.some((one) => isEqual(one, value))) {
    const known = listed.map((one) => JSON.stringify(one)).join(', ');
    complain(check, schema, `must be one of ${known}`);
  }
  if (schema.type !== undefined && !hasType(schema.type, value)) {
    complain(check, schema, `must be of type ${schema.type}, is ${typeName(value)}`);
    return;
  }
  if (typeof value === 'number') visitNumber(check, schema, value);
  else if (typeof value === 'string') visitString(check, schema, value);
  else if (Array.isArray(value)) visitArray(check, schema, value);
  else if (isRecord(value)) visitObject(check, schema, value);
}

function visitNumber(check: Check, schema: Schema, value: number): void {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && value < minimum) {
    complain(check, schema, `is ${value}, must be at least ${minimum}`);
  }
  if (maximum !== undefined && value > maximum) {
    complain(check, schema, `is ${value}, must be at most ${maximum}`);
  }
}

function visitString(check: Check, schema: Schema, value: string): void {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
  // A character is one or two UTF-16 units; counting is needed only between these bounds.
  if (value.length < 2 * minLength && codePoints(value) < minLength) {
    complain(check, schema, `is shorter than ${minLength} characters`);
  }
  if (value.length > maxLength && codePoints(value) > maxLength) {
    complain(check, schema, `is longer than ${maxLength} characters`);
  }
  if (schema.pattern !== undefined && !expressionOf(schema.pattern).test(value)) {
    complain(check, schema, `is ${JSON.stringify(value.slice(0, 80))}`);
  }
}

/** Length in characters as JSON Schema counts them; `length` counts a surrogate pair twice. */
function codePoints(text: string): number {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text).length : text.length;
}

/** Compiled patterns: a profile has many entries with the same few. */
const expressions = new Map<string, RegExp>();

function expressionOf(pattern: string): RegExp {
  const known = expressions.get(pattern) ?? new RegExp(pattern, 'u');
  expressions.set(pattern, known);
  return known;
}

function visitArray(check: Check, schema: Schema, value: unknown[]): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    complain(check, schema, `has ${value.length} entries, needs ${schema.minItems}`);
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    complain(check, schema, `has ${value.length} entries, allows ${schema.maxItems}`);
    return;
  }
  if (schema.uniqueItems === true) {
    const at = firstRepeat(value);
    if (at >= 0) complainAt(check, at, schema, 'is there twice; remove one');
  }
  const items = schema.items;
  if (items === undefined) return;
  for (let i = 0; i < value.length; i++) visitAt(check, i, items, value[i]);
}

function visitObject(check: Check, schema: Schema, value: Readonly<Record<string, unknown>>): void {
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(value, name)) continue;
    const wanted = schema.properties?.[name];
    complainAt(check, name, wanted ?? schema, 'is missing');
  }
  const known = schema.properties ?? {};
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(known, name)) visitAt(check, name, known[name]!, value[name]);
    else if (schema.additionalProperties === false) {
      const what = `is not known here; remove it, or use one of ${Object.keys(known).join(', ')}`;
      complainAt(check, name, {}, what);
    }
  }
}

function complainAt(check: Check, at: string | number, schema: Schema, what: string): void {
  check.path.push(at);
  complain(check, schema, what);
  check.path.pop();
}

function complain({ root, file, path, problems }: Check, schema: Schema, what: string): void {
  const fix = resolve(root, schema).description;
  problems.push({
    where: `${file}: /${path.map(escapePointer).join('/')}`,
    what: fix === undefined ? what : `${what}; expected: ${fix}`,
  });
}

function isValid(root: Schema, schema: Schema, value: unknown): boolean {
  const check: Check = { root, file: '', path: [], problems: [] };
  visit(check, schema, value);
  return check.problems.length === 0;
}

/** Resolved references: a profile has many entries with the same few. */
const resolved = new WeakMap<Schema, Schema>();

/** Follows `#/$defs/NAME`. Of the keywords beside $ref only `description` counts; it replaces the target's. */
function resolve(root: Schema, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  let found = resolved.get(schema);
  if (found === undefined) {
    found = follow(root, schema);
    resolved.set(schema, found);
  }
  return found;
}

function follow(root: Schema, schema: Schema): Schema {
  const target = resolve(root, root.$defs?.[schema.$ref!.replace('#/$defs/', '')] ?? {});
  return schema.description === undefined ? target : { ...target, description: schema.description };
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value);
  if (type === 'object') return isRecord(value);
  return typeName(value) === type;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Index of the first entry that equals an earlier one, or -1. */
function firstRepeat(values: readonly unknown[]): number {
  const seen = new Set<string>();
  for (let i = 0; i < values.length; i++) {
    const text = canonical(values[i]);
    if (seen.has(text)) return i;
    seen.add(text);
  }
  return -1;
}

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && canonical(a) === canonical(b));
}

/** JSON text with sorted members: equal values have equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? 'undefined';
  const members = Object.keys(value).sort();
  // Nested members need the recursion: the list of JSON.stringify would filter their names too.
  if (members.every((name) => typeof value[name] !== 'object'))
    return JSON.stringify(value, members);
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

function escapePointer(name: string | number): string {
  return String(name).replaceAll('~', '~0').replaceAll('/', '~1');
}
