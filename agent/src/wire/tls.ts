// wire/tls: the server name (SNI) of a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3), read from the
// first bytes of a TLS flow. Most ClientHellos are longer than one segment and have extensions in any order, so a
// result can be Incomplete. learn/observe-hello matches the name.
import { type Malformed, type Reader, readerOf, take, u8, u16 } from './reader.ts';

export interface ClientHello {
  /** Lower case, without a final dot; null: the client sent no name. */
  readonly server: string | null;
  /** The name is bytes[at, at + length). */
  readonly at: number;
  readonly length: number;
}

/** The ClientHello continues after the bytes at hand, which do not contain the name. */
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
 * Reads bytes[offset, end), the first data of a flow. A ClientHello in several TLS records (allowed by RFC 8446
 * section 5.1, not used by clients) is malformed.
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
  // Legacy version and random; then session id, cipher suites, compression methods, each with its length.
  take(r, 2 + 32);
  take(r, u8(r));
  take(r, u16(r));
  take(r, u8(r));
  // End of the ClientHello by its length field; may be after the bytes at hand.
  const helloEnd = offset + 9 + length;
  const isWhole = helloEnd <= r.end;
  const found = r.failed ? null : readExtensions(r, helloEnd, isWhole);
  if (found !== null) return found;
  return isWhole ? { malformed: 'TLS: a length beyond the hello' } : INCOMPLETE;
}

/** Null: the bytes end before the name, or before its absence is certain. */
function readExtensions(
  r: Reader,
  helloEnd: number,
  isWhole: boolean,
): ClientHello | Malformed | null {
  // RFC 5246 section 7.4.1.2: a ClientHello without extensions ends here.
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

/** RFC 6066: an ASCII DNS name; upper case becomes lower case. Null: anything else. */
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
