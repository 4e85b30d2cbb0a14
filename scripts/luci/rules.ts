// The rules of /etc/config/whp for the pages of LuCI: policy/build itself, which the agent and `whp check` use, so that
// a page refuses what they refuse, in their words. scripts/luci.mjs makes whp/rules.js of it.
import { buildPolicy } from '../../agent/src/policy/build.ts';
import { parseSchedule, type WeekSpan } from '../../agent/src/policy/schedule.ts';
import { SECTIONS } from '../../agent/src/policy/sections.ts';
import { blankProfile } from '../../agent/src/profile/blank.ts';
import type { UciSection, UciValue } from '../../agent/src/syntax/uci.ts';

/** A section as LuCI's module uci gives it. */
export interface Section {
  readonly '.name': string;
  readonly '.type': string;
  readonly '.anonymous'?: boolean;
  readonly [option: string]: unknown;
}

export interface RuleProblem {
  /** `.name` of the section. */
  readonly section: string;
  /** null: the section as a whole. */
  readonly option: string | null;
  readonly text: string;
}

const PLACE = /^whp\.\S+?(?:\.(\w+))? \(whp:(\d+)\)$/;

/** What is wrong with a configuration of these sections. `profiles`: names of the installed ones. */
export function problems(
  sections: readonly Section[],
  profiles: readonly string[],
): readonly RuleProblem[] {
  // Each section has its number as line, by which a problem finds its way back.
  const uci = { file: 'whp', sections: sections.map(sectionOf), notes: [] };
  const known = new Map(profiles.map((name) => [name, blankProfile(name)]));
  // That the list of DoH services can be read is a matter of the router.
  const built = buildPolicy({ uci, profiles: known, doh: ['192.0.2.1'] });
  if (built.ok) return [];
  return built.problems.flatMap(({ where, what }) => {
    const [, option = null, line] = PLACE.exec(where) ?? [];
    const section = sections[Number(line) - 1]?.['.name'];
    return section === undefined ? [] : [{ section, option, text: what }];
  });
}

function sectionOf(section: Section, at: number): UciSection {
  const line = at + 1;
  const values = Object.entries(section).flatMap(([name, given]): UciValue[] => {
    if (name.startsWith('.')) return [];
    if (Array.isArray(given))
      return given.map((value) => ({ keyword: 'list', name, value: String(value), line }));
    const isSet = given !== null && given !== undefined && given !== '';
    return isSet ? [{ keyword: 'option', name, value: String(given), line }] : [];
  });
  const name = section['.anonymous'] ? null : section['.name'];
  return { type: section['.type'], name, line, values };
}

/** The spans of the week of a schedule, in minutes since Monday 00:00; null: it cannot be read. */
export function spans(schedule: string): readonly WeekSpan[] | null {
  const parsed = parseSchedule(schedule);
  return parsed.ok ? parsed.value : null;
}

/** The options of each type of section. */
export const sections = SECTIONS;
