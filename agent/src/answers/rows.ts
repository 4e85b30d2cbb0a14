// answers/rows: an answer that is a list (docs/json.md).

export interface Rows<T> {
  readonly rows: readonly T[];
  /** Present if there are more than these. */
  readonly more?: true;
}

/** The first `limit` of `all`. */
export function rowsOf<T>(all: readonly T[], limit = Number.POSITIVE_INFINITY): Rows<T> {
  return all.length > limit ? { rows: all.slice(0, limit), more: true } : { rows: all };
}
