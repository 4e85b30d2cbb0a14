// preflight/place: the place of an option in the configuration, as `where` of a problem: "whp.globals.lan
// (FILE:LINE)". Pure.
import { OFF } from '../syntax/options.ts';
import type { UciPackage, UciSection } from '../syntax/uci.ts';

/** A section with its path in UCI notation: whp.cloud, or whp.@globals[0]. */
export interface Placed {
  readonly path: string;
  readonly file: string;
  readonly section: UciSection;
}

export function sectionsOf({ file, sections }: UciPackage, type: string): Placed[] {
  return sections
    .filter((section) => section.type === type)
    .map((section, at) => ({ path: `whp.${section.name ?? `@${type}[${at}]`}`, file, section }));
}

/** The place of an option of `placed`, or of its value `value`; of the section if the option is absent. */
export function placeOf({ path, file, section }: Placed, option: string, value?: string): string {
  const said = section.values.find(
    (one) => one.name === option && (value === undefined || one.value === value),
  );
  return `${path}.${option} (${file}:${said?.line ?? section.line})`;
}

/** The globals section; if absent, an empty one at line 1. */
export function globalsOf(uci: UciPackage): Placed {
  const section = { type: 'globals', name: 'globals', line: 1, values: [] };
  return sectionsOf(uci, 'globals')[0] ?? { path: 'whp.globals', file: uci.file, section };
}

export function isOff({ section }: Placed): boolean {
  return section.values.some(({ name, value }) => name === 'enabled' && OFF.includes(value));
}
