// os/utf8: UTF-8 encoding and decoding by the host program, for files, programs and the control socket.
import { decode, encode } from 'whp:text';

/** UTF-8 of `text`; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encode(text.toWellFormed()));
}

/** Text of bytes[start, end). Invalid UTF-8 (Unicode 15, table 3-7) becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  // Buffers are never shared between threads here.
  const buffer = bytes.buffer as ArrayBuffer;
  return decode(buffer, bytes.byteOffset + start, bytes.byteOffset + end).toWellFormed();
}
