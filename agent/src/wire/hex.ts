// wire/hex: bytes as text: hexadecimal for the file of learned elements, one character a byte for keys of maps.

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hexBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += PAIRS[byte];
  return text;
}

/** One character for each byte. `apply` takes an array as arguments at once, a spread one by one. */
export function byteString(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
