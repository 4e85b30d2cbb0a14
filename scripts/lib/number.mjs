// A measured number as the tables show it: three digits, or all before the point.

/** @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
