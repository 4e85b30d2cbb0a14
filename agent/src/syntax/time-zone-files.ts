// syntax/time-zone-files: which time zone the router goes by. OpenWrt writes it to /tmp/TZ, which /etc/TZ
// leads to; where a zoneinfo package is installed its init script deletes that file and lets
// /etc/localtime lead to the zone's own (base-files, init.d/system). Schedules go by what is found here.
import type { Problem } from './result.ts';
import { parseZone, type Zone } from './timezone.ts';
import { parseUci } from './uci.ts';

/** Where the zone is said, best first. */
export const ZONE_FILES = ['/etc/TZ', '/tmp/TZ', '/etc/config/system', '/etc/localtime'] as const;
export type ZoneFile = (typeof ZONE_FILES)[number];

export interface FoundZone {
  /** Null: nobody knows. */
  readonly zone: Zone | null;
  /** The zone as it is written, and where; null: nowhere. */
  readonly said: { readonly text: string; readonly file: ZoneFile } | null;
  /** What was wrong with the files before. */
  readonly passed: readonly Problem[];
}

/** `textOf`: a file's text, or null: it cannot be read. */
export function findZone(textOf: (file: ZoneFile) => string | null): FoundZone {
  const passed: Problem[] = [];
  for (const file of ZONE_FILES) {
    const all = textOf(file);
    const found = all === null ? { what: 'not there' } : zoneText(file, all);
    if ('what' in found) {
      passed.push({ where: file, what: found.what });
      continue;
    }
    const text = found.text.trim();
    const zone = parseZone(text);
    if (zone !== null) return { zone, said: { text, file }, passed };
    passed.push({ where: file, what: `${shown(text)} is no POSIX time zone` });
  }
  return { zone: null, said: null, passed };
}

/** The zone as the file writes it, or what is wrong with the file. */
function zoneText(file: ZoneFile, all: string): { text: string } | { what: string } {
  if (file === '/etc/localtime') return footer(all);
  if (file !== '/etc/config/system') return { text: all };
  const read = parseUci(all, file);
  if (!read.ok) {
    const [first] = read.problems;
    return { what: `${first?.where}: ${first?.what}` };
  }
  const text = read.value.sections
    .filter(({ type }) => type === 'system')
    .flatMap(({ values }) => values.filter(({ name }) => name === 'timezone'))
    .at(0)?.value;
  return text === undefined ? { what: 'no option timezone' } : { text };
}

/**
 * The last line of compiled zone data of version 2 on (RFC 9636 3.3), which rules all times after its
 * table. The bytes before are no text and are not looked at.
 */
function footer(all: string): { text: string } | { what: string } {
  const what = 'no zone data of version 2 or later';
  if (!all.startsWith('TZif') || !(all.charAt(4) >= '2' && all.charAt(4) <= '9')) return { what };
  const end = all.length - 1;
  const begin = all.lastIndexOf('\n', end - 1);
  if (all[end] !== '\n' || begin < 44) return { what: 'zone data that is cut off' };
  return begin + 1 === end
    ? { what: 'zone data without rules' }
    : { text: all.slice(begin + 1, end) };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
