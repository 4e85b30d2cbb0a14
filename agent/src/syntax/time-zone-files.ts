// syntax/time-zone-files: finds the router's time zone, for schedules. OpenWrt writes it to /tmp/TZ (/etc/TZ links
// there). If a zoneinfo package is installed, the init script deletes that file and links /etc/localtime to the
// zone's file (base-files, init.d/system).
import { type Checked, fail, invalid, ok, type Problem, type Result } from './result.ts';
import { parseZone, type Zone } from './timezone.ts';
import { parseUci } from './uci.ts';

/** Files with the time zone, in order of preference. */
export const ZONE_FILES = ['/etc/TZ', '/tmp/TZ', '/etc/config/system', '/etc/localtime'] as const;
export type ZoneFile = (typeof ZONE_FILES)[number];

export interface FoundZone {
  /** Null: no file has a valid zone. */
  readonly zone: Zone | null;
  /** The zone as written, and its file; null: none. */
  readonly said: { readonly text: string; readonly file: ZoneFile } | null;
  /** Problems of the files before that one. */
  readonly passed: readonly Problem[];
}

/** `textOf`: content of a file, or null if it cannot be read. */
export function findZone(textOf: (file: ZoneFile) => string | null): FoundZone {
  const passed: Problem[] = [];
  for (const file of ZONE_FILES) {
    const all = textOf(file);
    const found = all === null ? fail(file, 'not there') : zoneText(file, all);
    if (!found.ok) {
      passed.push(...found.problems);
      continue;
    }
    const text = found.value.trim();
    const zone = parseZone(text);
    if (zone !== null) return { zone, said: { text, file }, passed };
    passed.push({ where: file, what: `${shown(text)} is no POSIX time zone` });
  }
  return { zone: null, said: null, passed };
}

/** The zone as the file has it, or what is wrong with the file. */
function zoneText(file: ZoneFile, all: string): Result<string> {
  if (file === '/etc/localtime') {
    const read = footer(all);
    return read.ok ? read : fail(file, read.what);
  }
  if (file !== '/etc/config/system') return ok(all);
  const read = parseUci(all, file);
  if (!read.ok) return read;
  const text = read.value.sections
    .filter(({ type }) => type === 'system')
    .flatMap(({ values }) => values.filter(({ name }) => name === 'timezone'))
    .at(0)?.value;
  return text === undefined ? fail(file, 'no option timezone') : ok(text);
}

/**
 * The footer of compiled zone data of version 2 and later (RFC 9636 3.3): the rule for all times after the table.
 * The binary data before it is not read.
 */
function footer(all: string): Checked<string> {
  const isCompiled = all.startsWith('TZif') && all.charAt(4) >= '2' && all.charAt(4) <= '9';
  if (!isCompiled) return invalid('no zone data of version 2 or later');
  const end = all.length - 1;
  const begin = all.lastIndexOf('\n', end - 1);
  if (all[end] !== '\n' || begin < 44) return invalid('zone data that is cut off');
  return begin + 1 === end ? invalid('zone data without rules') : ok(all.slice(begin + 1, end));
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
