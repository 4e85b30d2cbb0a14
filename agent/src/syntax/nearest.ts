// syntax/nearest: the known word closest to a misspelt one, for problems that ask "did you mean". At most two
// letters may differ, since a wrong suggestion is worse than none; or its end is missing.

/** The word of `known` that begins with `word`, or has the fewest differences from it: at most 1 below five letters, else
 * 2. Null: none. */
export function nearest<T extends string>(word: string, known: readonly T[]): T | null {
  const longer = known.find((one) => word.length > 2 && one.startsWith(word));
  if (longer !== undefined) return longer;
  const most = word.length < 5 ? 1 : 2;
  let best: T | null = null;
  let least = most + 1;
  for (const one of known) {
    const distance = Math.abs(one.length - word.length) > most ? least : differing(word, one);
    if (distance < least) [best, least] = [one, distance];
  }
  return best;
}

/** Edit distance: letters to insert, delete, replace, or swap with their neighbour. */
function differing(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
