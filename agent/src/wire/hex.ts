// wire/hex: bytes as text: hexadecimal for the file of learned elements, one character a byte for keys of maps.

/** Two digits of each byte. */
export const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hexBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += PAIRS[byte];
  return text;
}

/** One character for each byte. `apply` takes any array-like: in quickjs it is three times as fast as concatenation. */
export function byteString(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** The value of a hexadecimal digit in lower case, by its character code; -1: it is none. */
export function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
