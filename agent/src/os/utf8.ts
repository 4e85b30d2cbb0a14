// os/utf8: UTF-8 in and out, by the host: files, programs and the control socket carry bytes.
import { decode, encode } from 'whp:text';

/** UTF-8 of `text`; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encode(text.toWellFormed()));
}

/** Text of `bytes` from `start` to `end`. Anything that is not UTF-8 (Unicode 15, table 3-7) reads
 * as U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  // Nothing here is ever shared between threads.
  const buffer = bytes.buffer as ArrayBuffer;
  return decode(buffer, bytes.byteOffset + start, bytes.byteOffset + end).toWellFormed();
}
