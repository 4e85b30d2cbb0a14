// First station of every decoder: a cursor over wire bytes that cannot leave them. A read past
// the end answers 0 and sets `failed` for good, so a decoder reads a whole header and asks once;
// nothing here throws.

export interface Reader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte in `bytes`. */
  at: number;
  /** First offset that no longer belongs to the input. */
  readonly end: number;
  /** True from the first read that went past `end`. */
  failed: boolean;
}

/** A wire decoder's answer to input it cannot read: the reason, never an exception. */
export interface Malformed {
  readonly malformed: string;
}

export function isMalformed(value: object): value is Malformed {
  return 'malformed' in value;
}

/** A cursor over bytes[offset, end); both are clamped to the array. */
export function readerOf(bytes: Uint8Array, offset = 0, end = bytes.length): Reader {
  const last = Math.min(end, bytes.length);
  const at = Math.max(0, offset);
  return { bytes, at, end: last, failed: at > last };
}

/** Moves past `count` bytes and answers their offset, or -1 (and `failed`) when there are fewer. */
export function take(reader: Reader, count: number): number {
  const at = reader.at;
  if (reader.failed || count < 0 || reader.end - at < count) {
    reader.failed = true;
    return -1;
  }
  reader.at = at + count;
  return at;
}

export function left(reader: Reader): number {
  return reader.failed ? 0 : reader.end - reader.at;
}

export function u8(reader: Reader): number {
  const at = take(reader, 1);
  return at < 0 ? 0 : reader.bytes[at]!;
}

/** Network byte order, as are the two functions below. */
export function u16(reader: Reader): number {
  const at = take(reader, 2);
  return at < 0 ? 0 : u16At(reader.bytes, at);
}

/** The caller has checked that at + 1 is inside. */
export function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** The caller has checked that at + 3 is inside; the answer is 0..2^32-1. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}
