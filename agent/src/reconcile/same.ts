// reconcile/same: deep equality of plain values (records, lists, byte arrays, numbers, strings). Pure.

/** Whether two values are equal. Identical objects are not traversed: a profile has hundreds of names. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const one = a as Readonly<Record<string, unknown>>;
  const other = b as Readonly<Record<string, unknown>>;
  const keys = definedKeys(one);
  return (
    keys.length === definedKeys(other).length && keys.every((key) => isSame(one[key], other[key]))
  );
}

/** A property that is undefined counts as absent. */
function definedKeys(record: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(record).filter((key) => record[key] !== undefined);
}
