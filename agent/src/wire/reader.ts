// wire/reader: a bounds-checked cursor over wire bytes, used by every decoder. A read past the end returns 0 and
// sets `failed` permanently, so a decoder reads a whole header and checks once. Nothing here throws.

export interface Reader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte in `bytes`. */
  at: number;
  /** First offset after the input. */
  readonly end: number;
  /** True after the first read past `end`. */
  failed: boolean;
}

/** Result of a decoder for input that it cannot read: the reason. */
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

/** Moves past `count` bytes and returns their offset; -1, with `failed` set, if there are fewer. */
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

/** 16 bits in network byte order. */
export function u16(reader: Reader): number {
  const at = take(reader, 2);
  return at < 0 ? 0 : u16At(reader.bytes, at);
}

/** Network byte order. The caller checks that at + 1 is inside. */
export function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Network byte order, 0..2^32-1. The caller checks that at + 3 is inside. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}
