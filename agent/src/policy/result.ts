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
