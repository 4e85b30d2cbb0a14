// wire/memo: remembers what was made of the last texts. An answer's addresses and its device are read from text a
// dozen times before the answer is dealt with.

/** `make`, which is called once for a text as long as the text is remembered: `most` texts, then all are forgotten.
 * Callers get the same object: a copy must be made before it is changed. */
export function memo<T>(most: number, make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>();
  return (text) => {
    const known = made.get(text);
    if (known !== undefined) return known;
    const fresh = make(text);
    if (made.size >= most) made.clear();
    made.set(text, fresh);
    return fresh;
  };
}
