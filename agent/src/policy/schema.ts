// A small interpreter of JSON Schema (draft 2020-12), for the keywords that profile.schema.json
// uses. Its messages name the place by JSON pointer and take the fix from the schema's own
// descriptions. Used by profile-parse; a test holds it against a full implementation.
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
  readonly problems: Problem[];
}

/** More would not be read, and a hostile file could have millions. */
const MAX_PROBLEMS = 50;

/** All the problems of `value` under `root`, at most 50, each at "FILE: /json/pointer". */
export function checkSchema(root: Schema, value: unknown, file: string): Problem[] {
  const check: Check = { root, file, problems: [] };
  visit(check, root, value, '');
  return check.problems.slice(0, MAX_PROBLEMS);
}

function visit(check: Check, given: Schema, value: unknown, pointer: string): void {
  if (check.problems.length >= MAX_PROBLEMS) return;
  const { root } = check;
  const schema = resolve(root, given);
  if (schema.oneOf !== undefined) {
    const fitting = schema.oneOf.filter((one) => isValid(root, one, value)).length;
    if (fitting !== 1) complain(check, schema, pointer, 'has none of the allowed forms');
  }
  if (schema.const !== undefined && !isEqual(schema.const, value)) {
    complain(check, schema, pointer, `must be ${JSON.stringify(schema.const)}`);
  }
  if (schema.enum !== undefined && !schema.enum.some((one) => isEqual(one, value))) {
    const known = schema.enum.map((one) => JSON.stringify(one)).join(', ');
    complain(check, schema, pointer, `must be one of ${known}`);
  }
  if (schema.type !== undefined && !hasType(schema.type, value)) {
    complain(check, schema, pointer, `must be of type ${schema.type}, is ${typeName(value)}`);
    return;
  }
  if (typeof value === 'number') visitNumber(check, schema, value, pointer);
  else if (typeof value === 'string') visitString(check, schema, value, pointer);
  else if (Array.isArray(value)) visitArray(check, schema, value, pointer);
  else if (isRecord(value)) visitObject(check, schema, value, pointer);
}

function visitNumber(check: Check, schema: Schema, value: number, pointer: string): void {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && value < minimum) {
    complain(check, schema, pointer, `is ${value}, must be at least ${minimum}`);
  }
  if (maximum !== undefined && value > maximum) {
    complain(check, schema, pointer, `is ${value}, must be at most ${maximum}`);
  }
}

function visitString(check: Check, schema: Schema, value: string, pointer: string): void {
  const length = codePoints(value);
  if (schema.minLength !== undefined && length < schema.minLength) {
    complain(check, schema, pointer, `is shorter than ${schema.minLength} characters`);
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    complain(check, schema, pointer, `is longer than ${schema.maxLength} characters`);
  }
  if (schema.pattern !== undefined && !expressionOf(schema.pattern).test(value)) {
    complain(check, schema, pointer, `is ${JSON.stringify(value.slice(0, 80))}`);
  }
}

/** JSON Schema counts characters; a string counts half of a surrogate pair too. */
function codePoints(text: string): number {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text).length : text.length;
}

/** A few expressions, met at every entry of a profile: each is compiled once. */
const expressions = new Map<string, RegExp>();

function expressionOf(pattern: string): RegExp {
  const known = expressions.get(pattern) ?? new RegExp(pattern, 'u');
  expressions.set(pattern, known);
  return known;
}

function visitArray(check: Check, schema: Schema, value: unknown[], pointer: string): void {
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    complain(check, schema, pointer, `has ${value.length} entries, needs ${schema.minItems}`);
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    complain(check, schema, pointer, `has ${value.length} entries, allows ${schema.maxItems}`);
    return;
  }
  if (schema.uniqueItems === true) {
    const at = firstRepeat(value);
    if (at >= 0) complain(check, schema, `${pointer}/${at}`, 'is there twice; remove one');
  }
  const items = schema.items;
  if (items === undefined) return;
  for (let i = 0; i < value.length; i++) visit(check, items, value[i], `${pointer}/${i}`);
}

function visitObject(
  check: Check,
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  pointer: string,
): void {
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(value, name)) continue;
    const wanted = schema.properties?.[name];
    complain(check, wanted ?? schema, `${pointer}/${escapePointer(name)}`, 'is missing');
  }
  const known = schema.properties ?? {};
  for (const [name, member] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(name)}`;
    if (Object.hasOwn(known, name)) visit(check, known[name]!, member, at);
    else if (schema.additionalProperties === false) {
      const what = `is not known here; remove it, or use one of ${Object.keys(known).join(', ')}`;
      check.problems.push({ where: `${check.file}: ${at}`, what });
    }
  }
}

function complain(check: Check, schema: Schema, pointer: string, what: string): void {
  const fix = resolve(check.root, schema).description;
  check.problems.push({
    where: `${check.file}: ${pointer === '' ? '/' : pointer}`,
    what: fix === undefined ? what : `${what}; expected: ${fix}`,
  });
}

function isValid(root: Schema, schema: Schema, value: unknown): boolean {
  const check: Check = { root, file: '', problems: [] };
  visit(check, schema, value, '');
  return check.problems.length === 0;
}

/** What a reference resolves to: the same few are met at every entry. */
const resolved = new WeakMap<Schema, Schema>();

/** Follows `#/$defs/NAME`; beside a reference only a description counts, which then wins. */
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

/** Position of the first entry that stands before already, or -1. */
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
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
