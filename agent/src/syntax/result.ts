// syntax/result: the result of everything that reads input from outside (configuration, profile, capture, request):
// a value, or a list of problems, each with its fix.

export interface Problem {
  /** Place: "FILE:LINE", "FILE: /json/pointer" or "whp.SECTION.OPTION"; '': none. */
  readonly where: string;
  /** What is wrong; and the fix, unless `fix` has it. */
  readonly what: string;
  /** A command that ends it. */
  readonly fix?: string;
}

/** "WHERE: WHAT; FIX". */
export function problemText({ where, what, fix }: Problem): string {
  const place = where === '' ? '' : `${where}: `;
  return `${place}${what}${fix === undefined ? '' : `; ${fix}`}`;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail(where: string, what: string): Result<never> {
  return { ok: false, problems: [{ where, what }] };
}

/**
 * The result of parsing a text whose place only the caller knows: the value, or what is wrong with the
 * text and the fix. The caller adds the place and makes a Problem.
 */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly what: string };

export function invalid(what: string): Checked<never> {
  return { ok: false, what };
}

/** Sorts by the line in `where` ("FILE:LINE", or in brackets); stable within a line. */
export function sortByLine(problems: readonly Problem[]): Problem[] {
  const lineOf = ({ where }: Problem): number => Number(/:(\d+)\)?$/.exec(where)?.[1] ?? 0);
  return [...problems].sort((a, b) => lineOf(a) - lineOf(b));
}
