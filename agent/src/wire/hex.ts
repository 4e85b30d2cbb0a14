// wire/hex: bytes as text: hexadecimal for the file of learned elements, one character a byte for keys of maps.

/** Two digits of each byte. */
export const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The engine's own need no loop in the script; Node 20, where the unit tests run, has none. */
const built = Uint8Array as {
  readonly fromHex?: (hex: string) => Uint8Array;
  readonly fromBase64?: (text: string) => Uint8Array;
} & typeof Uint8Array;

/** Two digits of each byte. */
export const hexBytes: (bytes: Uint8Array) => string =
  'toHex' in Uint8Array.prototype
    ? (bytes) => (bytes as Uint8Array & { toHex(): string }).toHex()
    : (bytes) => Array.from(bytes, (byte) => PAIRS[byte]).join('');

/** The bytes of an even number of hexadecimal digits. */
export const bytesOf: (hex: string) => Uint8Array = built.fromHex
  ? (hex) => built.fromHex!(hex)
  : (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** One character for each byte. `apply` takes any array-like: in quickjs it is three times as fast as concatenation. */
export function byteString(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** The bytes of `byteString`. By way of base64, which is two calls of the engine's own whatever the length. */
export const bytesIn: (text: string) => Uint8Array = built.fromBase64
  ? (text) => built.fromBase64!(btoa(text))
  : (text) => Uint8Array.from(text, (one) => one.charCodeAt(0));

/** The value of a hexadecimal digit in lower case, by its character code; -1: it is none. */
export function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}
