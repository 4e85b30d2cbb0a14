// runtime/handover-file: reads and writes the files for the next agent, beside the control socket and in memory
// like the table: the parts of the loaded table, and the names of the learned endpoints.
import { readText, removeFile, writeText } from '../os/file.ts';
import { parseJson, readKept } from '../os/kept-file.ts';
import { TABLE } from '../ruleset/names.ts';
import type { TableParts } from '../ruleset/transaction.ts';

/** The contents of the file. */
export interface Handover {
  readonly format: 1;
  /** Of the table as loaded. A table with another one is not the agent's, or was changed. */
  readonly fingerprint: string;
  /** The loaded table; the field has the name of version 0.1.0. */
  readonly standing: TableParts;
  /** The app of each slot: marks of live flows carry the slot. */
  readonly slots: readonly { readonly name: string; readonly slot: number }[];
  /** Mask of the marks, and where rules and tables are counted from; absent in the file of an agent before 0.2.0. */
  readonly mask?: number;
  readonly preference?: number;
  readonly table?: number;
}

/** The name of an endpoint; in a file of its own, since it changes with every answer. */
export interface HandoverOrigin {
  readonly app: string;
  readonly address: string;
  readonly name: string;
  readonly device: string;
}

/** null: there is no file, or none of this version; such a file is put aside. */
export function readHandover(path: string): Handover | null {
  const read = readKept(path, (text) => {
    const found = parseJson(text);
    return isHandover(found)
      ? { value: found, wrong: null }
      : { value: null, wrong: 'is no table of this version' };
  });
  return read?.value ?? null;
}

/** Checks the names of sets, chains and counters, which are written into transactions. */
function isHandover(found: unknown): found is Handover {
  const { format, fingerprint, standing, slots, ...numbers } = (found ?? {}) as Partial<Handover>;
  const { mask, preference, table } = numbers;
  return (
    format === 1 &&
    typeof fingerprint === 'string' &&
    standing?.table === TABLE &&
    isList(standing.counters, isWord) &&
    isList(
      standing.sets,
      ({ name, shape, key }) => isWord(name) && isTexts(shape) && isTexts(key),
    ) &&
    isList(standing.chains, ({ name, rules }) => isWord(name) && isTexts(rules)) &&
    isList(slots, ({ name, slot }) => isWord(name) && Number.isInteger(slot)) &&
    [mask, preference, table].every((one) => one === undefined || Number.isInteger(one))
  );
}

function isList<T>(list: readonly T[] | undefined, isGood: (one: T) => boolean): boolean {
  return Array.isArray(list) && list.every((one) => one !== null && isGood(one as T));
}

function isWord(text: unknown): boolean {
  return typeof text === 'string' && /^[A-Za-z][A-Za-z0-9_]*$/.test(text);
}

function isTexts(list: readonly unknown[]): boolean {
  return isList(list, (one) => typeof one === 'string');
}

export function readOrigins(path: string): readonly HandoverOrigin[] {
  const read = readKept(`${path}.names`, (text) => {
    const found = parseJson(text) as readonly HandoverOrigin[];
    const isGood = isList(found, (one) => isTexts([one.app, one.address, one.name, one.device]));
    return { value: isGood ? found : [], wrong: isGood ? null : 'holds no names' };
  });
  return read?.value ?? [];
}

/** Returns 0 or the errno. The folder is in memory like the table: both survive a crash and not a reboot. */
export function writeHandover(path: string, handover: Handover): number {
  return writeText(path, JSON.stringify(handover), false);
}

export function writeOrigins(path: string, origins: readonly HandoverOrigin[]): number {
  return writeText(`${path}.names`, JSON.stringify(origins), false);
}

export function removeHandover(path: string): void {
  removeFile(path);
  removeFile(`${path}.names`);
}

/** Longest age of a handover request, seconds: unpacking a package to a slow flash takes half a minute. */
const HANDOVER_SECONDS = 120;

/**
 * Whether the package has asked to leave the table, routes and rules to the next agent. The request is the file
 * FILE.handover (FILE: the handover file); it begins with its uptime in seconds. Each agent removes it at its
 * start, so it is about the running agent, and it is valid for HANDOVER_SECONDS, so that an unused request does not
 * leave a table without an agent later.
 */
export function takeHandover(path: string): boolean {
  const asked = readText(`${path}.handover`);
  if (!asked.ok) return false;
  removeFile(`${path}.handover`);
  const uptime = readText('/proc/uptime');
  const age = uptime.ok
    ? Number.parseFloat(uptime.text) - Number.parseFloat(asked.text)
    : Number.NaN;
  return age >= 0 && age <= HANDOVER_SECONDS;
}
