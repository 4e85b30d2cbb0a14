// reconcile/same: whether two plain values (records, lists, bytes, numbers, texts) are the same.

/** Objects that are one and the same are not looked into: a profile has hundreds of names. */
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

/** A key whose value is undefined counts as none. */
function definedKeys(record: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(record).filter((key) => record[key] !== undefined);
}
