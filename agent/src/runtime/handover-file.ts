// runtime/handover-file: what an agent leaves for the next one, beside the control socket and in memory like the
// table itself: the parts of the table that it loaded, and the names that its endpoints were learned from.
import { readText, removeFile, writeText } from '../os/file.ts';
import { parseJson, readKept } from '../os/kept-file.ts';
import { TABLE } from '../ruleset/names.ts';
import type { Standing } from '../ruleset/transaction.ts';

/** What an agent leaves for the next one. */
export interface Handover {
  readonly format: 1;
  /** Of the table when it was loaded: another one is not ours, or not as we left it. */
  readonly fingerprint: string;
  readonly standing: Standing;
  /** The marks of live flows mean these applications. */
  readonly slots: readonly { readonly name: string; readonly slot: number }[];
}

/** What was learned from which name; apart, since it changes with every answer. */
export interface HandoverOrigin {
  readonly app: string;
  readonly address: string;
  readonly name: string;
  readonly device: string;
}

/** Null when there is none that this version understands: such a one is put aside. */
export function readHandover(path: string): Handover | null {
  const read = readKept(path, (text) => {
    const found = parseJson(text);
    return { value: found, wrong: isHandover(found) ? null : 'is no table of this version' };
  });
  return read !== null && isHandover(read.value) ? read.value : null;
}

/** Of what was the table before only names are written again, and those have to be names. */
function isHandover(found: unknown): found is Handover {
  const { format, fingerprint, standing, slots } = (found ?? {}) as Partial<Handover>;
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
    isList(slots, ({ name, slot }) => isWord(name) && Number.isInteger(slot))
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

/** Returns 0 or the errno. The folder is in memory: it is there after a crash, not after a boot,
 * and so is the table. */
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

/** How long a handover may be waited for, in seconds: a slow flash takes half a minute to unpack. */
const HANDOVER_SECONDS = 120;

/**
 * Whether the package asked that what stands be left to the next agent: FILE.handover, FILE being the
 * standing table's, begins with the seconds of uptime at which that was written. It is the running
 * agent's own, since each removes what it finds at its start; and it counts for a while only, so that
 * one that nobody needed does not leave a table without an agent much later.
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
