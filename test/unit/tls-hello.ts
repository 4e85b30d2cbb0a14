// ClientHellos for the tests, from their parts (RFC 8446 section 4.1.2).
import { concat, u16be } from './wire/bytes.ts';

export function extension(type: number, body: Uint8Array | readonly number[]): Uint8Array {
  return concat(u16be(type), u16be(body.length), body);
}

export function serverName(name: string): Uint8Array {
  const text = Array.from(name, (letter) => letter.charCodeAt(0) & 255);
  return extension(0, [...u16be(text.length + 3), 0, ...u16be(text.length), ...text]);
}

/** One record with one hello; without extensions it ends behind the compression methods. */
export function clientHello(extensions: readonly Uint8Array[]): Uint8Array {
  const list = concat(...extensions);
  const tail = extensions.length === 0 ? new Uint8Array(0) : concat(u16be(list.length), list);
  // Version, random, no session id, one cipher suite, no compression.
  const body = concat([3, 3], new Uint8Array(32), [0], [0, 2, 0x13, 1], [1, 0], tail);
  const message = concat([1, body.length >> 16, ...u16be(body.length & 0xffff)], body);
  return concat([22, 3, 1, ...u16be(message.length)], message);
}
