// syntax/options: reads the options of one UCI section against the list of allowed ones. Misspelt, repeated or
// misplaced options are reported with their line. policy/build interprets the values.
import { nearest } from './nearest.ts';
import type { Problem } from './result.ts';
import type { UciSection, UciValue } from './uci.ts';

export interface OptionSpec {
  /** Options with one value. */
  readonly options: readonly string[];
  /** Options with any number of values. */
  readonly lists: readonly string[];
  /** By list: what a missing list means, if it means more than no values. Quoted in the problem of an empty list. */
  readonly absent?: Readonly<Record<string, string>>;
}

/** A section with the names for its problems. */
export interface SectionPlace {
  readonly section: UciSection;
  readonly file: string;
  /** "whp.skype", or "whp.@app[0]" if anonymous. */
  readonly path: string;
}

export interface OptionReader {
  /** The value of a single option, or null if absent. */
  option(name: string): string | null;
  /** The valid values of a list; invalid and repeated ones are reported. Empty values are skipped, but a list of
   * only empty values is reported, since a missing list can mean "everything". */
  list(name: string, problemOf: (value: string) => string | null): string[];
  /** Reports a problem of an option, or of the section (null), at its line. */
  complain(name: string | null, what: string): void;
  /** Whether a problem of this option was reported. */
  failed(name: string): boolean;
}

export function readSection(
  place: SectionPlace,
  spec: OptionSpec,
  problems: Problem[],
): OptionReader {
  const { section, file, path } = place;
  const failed = new Set<string>();
  const complainAt = (line: number, name: string | null, what: string) => {
    const option = name === null ? path : `${path}.${name}`;
    if (name !== null) failed.add(name);
    problems.push({ where: `${option} (${file}:${line})`, what });
  };
  checkKnown(section, spec, complainAt);
  const valuesOf = (name: string): UciValue[] => section.values.filter((one) => one.name === name);
  return {
    option: (name) => valuesOf(name).at(-1)?.value ?? null,
    list(name, problemOf) {
      // A Set: a list may have thousands of values.
      const good = new Set<string>();
      const values = valuesOf(name);
      if (values.length > 0 && values.every(({ value }) => value === '')) {
        const absent = spec.absent?.[name];
        const meaning = absent === undefined ? '' : `: without it, ${absent}`;
        const what = `is empty; write a value, or remove the line${meaning}`;
        complainAt(values[0]!.line, name, what);
      }
      for (const { value, line } of values) {
        if (value === '') continue;
        const problem = problemOf(value);
        if (problem !== null) complainAt(line, name, problem);
        else if (good.has(value)) complainAt(line, name, `"${value}" is there twice`);
        else good.add(value);
      }
      return Array.from(good);
    },
    complain(name, what) {
      const line = name === null ? undefined : valuesOf(name).at(-1)?.line;
      complainAt(line ?? section.line, name, what);
    },
    failed: (name) => failed.has(name),
  };
}

function checkKnown(
  section: UciSection,
  spec: OptionSpec,
  complainAt: (line: number, name: string, what: string) => void,
): void {
  for (const { keyword, name, line } of section.values) {
    const isList = spec.lists.includes(name);
    if (!isList && !spec.options.includes(name)) {
      const known = [...spec.options, ...spec.lists];
      const article = /^[aeiou]/.test(section.type) ? 'an' : 'a';
      const meant = nearest(name, known);
      const fix = meant === null ? `use ${known.join(', ')}` : `did you mean ${meant}?`;
      complainAt(line, name, `unknown option of ${article} ${section.type} section; ${fix}`);
    } else if (keyword === 'list' && !isList) {
      complainAt(line, name, `has one value; write: option ${name} 'VALUE'`);
    }
  }
}

/** Text about a name of more than `most` characters; '': short enough. */
export function lengthText(name: string, most: number): string {
  return name.length > most ? `: "${name}" has ${name.length} characters, at most ${most}` : '';
}

// The spellings that OpenWrt's scripts accept.
export const ON: readonly string[] = ['1', 'on', 'true', 'yes', 'enabled'];
export const OFF: readonly string[] = ['0', 'off', 'false', 'no', 'disabled'];

export function readBoolean(read: OptionReader, name: string, preset: boolean): boolean {
  const value = read.option(name);
  if (value === null) return preset;
  if (ON.includes(value)) return true;
  if (OFF.includes(value)) return false;
  read.complain(name, `"${value}" is neither 1 nor 0`);
  return preset;
}

/** An integer `from`..`to`, decimal, or hexadecimal with 0x. */
export function readInteger(
  read: OptionReader,
  name: string,
  from: number,
  to: number,
  preset: number,
): number {
  const value = read.option(name);
  if (value === null) return preset;
  const number = /^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(value) ? Number(value) : Number.NaN;
  if (number >= from && number <= to) return number;
  read.complain(name, `"${value}" is no whole number from ${from} to ${to}`);
  return preset;
}

/** The same of an option whose value the agent does not use. */
export function checkInteger(read: OptionReader, name: string, from: number, to: number): void {
  readInteger(read, name, from, to, from);
}

export function readOneOf<T extends string>(
  read: OptionReader,
  name: string,
  allowed: readonly T[],
  preset: T,
): T {
  const value = read.option(name);
  if (value === null) return preset;
  const found = allowed.find((one) => one === value);
  if (found === undefined) read.complain(name, `"${value}" is not one of ${allowed.join(', ')}`);
  return found ?? preset;
}
