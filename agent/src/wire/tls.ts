// The server's name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3): the first
// bytes of a TLS flow, decoded as far as that one extension. Before: wire/packet found the payload.
// After: learn/observe-hello matches the name. Most hellos of today are longer than one segment and
// have their extensions in any order, so "not yet" is an answer of its own.
import { type Malformed, type Reader, readerOf, take, u8, u16 } from './reader.ts';

export interface ClientHello {
  /** Lower case, without a final dot; null when the client names no server. */
  readonly server: string | null;
  /** Where the name stands in the bytes that were read: [at, at + length). */
  readonly at: number;
  readonly length: number;
}

/** The hello goes on behind the bytes at hand, and the name was not in them. */
export interface Incomplete {
  readonly more: true;
}

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const INCOMPLETE: Incomplete = { more: true };
const NAMELESS: ClientHello = { server: null, at: 0, length: 0 };

/**
 * Reads bytes[offset, end), the first data of a flow. A hello that is spread over several TLS
 * records (RFC 8446 section 5.1 allows it, clients do not do it) is malformed to us.
 */
export function decodeClientHello(
  bytes: Uint8Array,
  offset = 0,
  end = bytes.length,
): ClientHello | Incomplete | Malformed {
  const r = readerOf(bytes, offset, end);
  const record = u8(r);
  const major = u8(r);
  take(r, 1);
  const recordLength = u16(r);
  const kind = u8(r);
  const length = (u8(r) << 16) | u16(r);
  if (r.failed) return { malformed: 'TLS: shorter than the header of a ClientHello' };
  if (record !== HANDSHAKE || major !== 3 || kind !== CLIENT_HELLO) {
    return { malformed: 'TLS: not a ClientHello' };
  }
  if (length + 4 > recordLength) return { malformed: 'TLS: a ClientHello in several records' };
  // Legacy version, random; then session id, cipher suites, compression methods, each by length.
  take(r, 2 + 32);
  take(r, u8(r));
  take(r, u16(r));
  take(r, u8(r));
  // Where the hello ends by its own account, inside the bytes at hand or not.
  const helloEnd = offset + 9 + length;
  const isWhole = helloEnd <= r.end;
  const found = r.failed ? null : readExtensions(r, helloEnd, isWhole);
  if (found !== null) return found;
  return isWhole ? { malformed: 'TLS: a length beyond the hello' } : INCOMPLETE;
}

/** Null when the bytes end before the name, or before it is sure that there is none. */
function readExtensions(
  r: Reader,
  helloEnd: number,
  isWhole: boolean,
): ClientHello | Malformed | null {
  // RFC 5246 section 7.4.1.2: a hello without extensions ends here.
  if (isWhole && r.at >= helloEnd) return NAMELESS;
  const listLength = u16(r);
  const listEnd = r.at + listLength;
  if (!r.failed && listEnd > helloEnd) return { malformed: 'TLS: extensions beyond the hello' };
  while (!r.failed && r.at < listEnd) {
    const type = u16(r);
    const size = u16(r);
    if (r.at + size > listEnd) return { malformed: 'TLS: an extension beyond the others' };
    const at = take(r, size);
    if (at >= 0 && type === SERVER_NAME) return readServerName(r.bytes, at, at + size);
  }
  return r.failed ? null : NAMELESS;
}

function readServerName(bytes: Uint8Array, from: number, end: number): ClientHello | Malformed {
  const r = readerOf(bytes, from, end);
  take(r, 2);
  const type = u8(r);
  const length = u16(r);
  const at = take(r, length);
  if (at < 0 || type !== HOST_NAME) return { malformed: 'TLS: server_name cut off' };
  const server = hostName(bytes, at, length);
  if (server === null) return { malformed: 'TLS: server_name is no host name' };
  return { server, at, length };
}

/** RFC 6066: ASCII, a DNS name; letters are lowered. Null for anything else. */
function hostName(bytes: Uint8Array, at: number, length: number): string | null {
  if (length < 1 || length > 253) return null;
  let text = '';
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i]!;
    const isLetter = (byte | 32) >= 97 && (byte | 32) <= 122;
    const isDigit = byte >= 48 && byte <= 57;
    if (!isLetter && !isDigit && byte !== 45 && byte !== 46 && byte !== 95) return null;
    text += String.fromCharCode(isLetter ? byte | 32 : byte);
  }
  return text.endsWith('.') ? text.slice(0, -1) : text;
}
