// system/utf8: UTF-8 in and out by the engine's own loops: files, programs and the control socket carry
// hundreds of kilobytes. What is not well formed is left to text.ts, which is strict.
import * as sys from 'whp:socket';
import * as strict from './text.ts';

/** UTF-8 of `text`; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const isWhole = (text as string & { isWellFormed(): boolean }).isWellFormed();
  return isWhole ? new Uint8Array(sys.encode(text)) : strict.encodeUtf8(text);
}

/** Text of `bytes` from `start` to `end`; anything that is not UTF-8 reads as U+FFFD. */
export function decodeUtf8(bytes: Uint8Array<ArrayBuffer>, start = 0, end = bytes.length): string {
  const text = sys.decode(bytes.buffer, bytes.byteOffset + start, end - start);
  const isWhole = (text as string & { isWellFormed(): boolean }).isWellFormed();
  return isWhole && !text.includes('\ufffd') ? text : strict.decodeUtf8(bytes, start, end);
}
