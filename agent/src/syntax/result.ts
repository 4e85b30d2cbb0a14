// The one shape in which anything that reads input from outside (configuration, profile,
// capture, request) answers: a value, or the list of what is wrong with it and how to fix it.

export interface Problem {
  /** Where it is: "FILE:LINE", "FILE: /json/pointer" or "whp.SECTION.OPTION". */
  readonly where: string;
  /** What is wrong, and the fix. */
  readonly what: string;
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(where: string, what: string): Result<never> {
  return { ok: false, problems: [{ where, what }] };
}

/** By the line that a place names ("FILE:LINE", or in brackets); those of one line stay as they are. */
export function sortByLine(problems: readonly Problem[]): Problem[] {
  const lineOf = ({ where }: Problem): number => Number(/:(\d+)\)?$/.exec(where)?.[1] ?? 0);
  return [...problems].sort((a, b) => lineOf(a) - lineOf(b));
}
