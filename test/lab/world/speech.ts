// The messages inside the packets of devices and servers: eighteen bytes that resemble the app's (byte 2 is its
// function byte) and tell the other side what to do, so that one process plays the whole Internet. The product
// never reads them. Pure; big-endian.

/** Verbs over UDP and TCP; an answer carries the verb with the top bit set. */
export const VERB = {
  /** Answer with `size` bytes after `delay` ms. */
  ask: 1,
  /** Supernode: remember where this user was seen from (the directory). */
  register: 2,
  /** Supernode: send me a stranger's request of `size` bytes that names `address`:`port`. */
  stranger: 3,
  /** Supernode: let the peer `address`:`port` call me at the address the directory knows. */
  callIn: 4,
  /** Peer: first contact, from the P2P port. */
  rendezvous: 5,
  /** Peer: one packet of voice, answered by one. */
  media: 6,
  /** Peer to device on a call in; the device's answer stops it. */
  ring: 7,
  /** Device to peer on a call in: opens the way for the peer's ring, wants no answer. */
  punch: 8,
  /** Peer over TCP: a chat line. */
  chat: 16,
  /** Peer over TCP: `quantity` bytes follow; answered when all are there. */
  file: 17,
  /** Over TCP: answered, and the server closes. */
  leave: 18,
} as const;
export type Verb = (typeof VERB)[keyof typeof VERB];
export const ANSWER = 0x80;

export const SPEECH_LENGTH = 18;

export interface Speech {
  readonly verb: number;
  /** Index in EVERY_DEVICE. */
  readonly device: number;
  /** 0-255; the adversary's sessions start at 200. */
  readonly session: number;
  /** Bytes of the answer. */
  readonly size?: number;
  /** Milliseconds before the answer. */
  readonly delay?: number;
  /** A third party, or with `file` the number of bytes as a 32-bit quantity. */
  readonly address?: string;
  readonly port?: number;
  readonly serial?: number;
}

export interface Heard {
  readonly verb: number;
  readonly device: number;
  readonly session: number;
  readonly size: number;
  readonly delay: number;
  readonly address: string;
  readonly quantity: number;
  readonly port: number;
  readonly serial: number;
}

const NO_ADDRESS = '0.0.0.0';

export function addressBytes(address: string): number[] {
  return address.split('.').map(Number);
}

/** What fills a message: 37 more in each byte, the same again after 256. Copied in pieces, for a loop
 * over the bytes was most of what a packet cost the emulated machine that plays the Internet. */
const PERIOD = 256;
const FILLING = Uint8Array.from({ length: 2 * PERIOD }, (_, i) => i * 37);
/** 37 times this is 1 modulo 256. */
const INVERSE = 173;

/** Writes a message of `length` bytes (at least 18). `id` fills bytes 0-1, `kind` is byte 2. */
export function encodeSpeech(
  speech: Speech,
  length = SPEECH_LENGTH,
  id = 0x4d2a,
  kind = 0x02,
): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, SPEECH_LENGTH));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  bytes.set([kind, speech.verb, speech.device, speech.session], 2);
  view.setUint16(6, speech.size ?? 0);
  view.setUint16(8, speech.delay ?? 0);
  if (speech.address !== undefined) bytes.set(addressBytes(speech.address), 10);
  view.setUint16(14, speech.port ?? 0);
  view.setUint16(16, speech.serial ?? 0);
  const first = (SPEECH_LENGTH + id * INVERSE) % PERIOD;
  for (let at = SPEECH_LENGTH; at < bytes.length; at += PERIOD) {
    bytes.set(FILLING.subarray(first, first + Math.min(PERIOD, bytes.length - at)), at);
  }
  return bytes;
}

/** Reads the fields; undefined when there are fewer than 18 bytes. */
export function decodeSpeech(bytes: Uint8Array): Heard | undefined {
  if (bytes.length < SPEECH_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const quantity = view.getUint32(10);
  return {
    verb: bytes[3]!,
    device: bytes[4]!,
    session: bytes[5]!,
    size: view.getUint16(6),
    delay: view.getUint16(8),
    address: quantity === 0 ? NO_ADDRESS : bytes.subarray(10, 14).join('.'),
    quantity,
    port: view.getUint16(14),
    serial: view.getUint16(16),
  };
}

/** The 32-bit quantity of `file`, written where the address goes. */
export function quantityAddress(quantity: number): string {
  return [24, 16, 8, 0].map((shift) => (quantity >>> shift) & 0xff).join('.');
}

const HELLO_443 = [0x80, 0x46, 0x01, 0x03, 0x01, 0x00, 0x2d, 0x00, 0x00, 0x00, 0x10];
const HELLO_443_LENGTH = 72;
const HELLO_443_CHALLENGE = 56;
const LOGIN = [0x16, 0x03, 0x01, 0x00, 0x00];
const TLS = [0x16, 0x03, 0x01, 0x02, 0x00];

/** First bytes of a TCP connection: how the real client opens towards a supernode on 443 (72 bytes,
 * the speech sits in the SSLv2 challenge), a login server, a web service, or a peer. */
export type Opening = 'hello443' | 'login' | 'tls' | 'plain';

export function encodeOpening(opening: Opening, speech: Speech): Uint8Array {
  const plain = encodeSpeech(speech);
  if (opening === 'plain') return plain;
  const body = plain.subarray(3);
  if (opening === 'hello443') {
    const bytes = new Uint8Array(HELLO_443_LENGTH);
    bytes.set(HELLO_443);
    bytes.set(body, HELLO_443_CHALLENGE);
    return bytes;
  }
  return Uint8Array.from([...(opening === 'login' ? LOGIN : TLS), ...body]);
}

/** How an opening begins and what the server's answer begins with. */
export function answerPrefix(opening: Opening): number[] {
  if (opening === 'hello443')
    return [0x16, 0x03, 0x01, 0x00, 0x4a, 0x02, 0, 0, 0x46, 3, 1, 0x40, 0x1b, 0xe4, 0x86];
  if (opening === 'login') return [0x17, 0x03, 0x01, 0x00, 0x00];
  return opening === 'tls' ? TLS : [];
}

/** Recognises an opening; undefined as long as more bytes are needed. */
export function decodeOpening(
  bytes: Uint8Array,
): { opening: Opening; heard: Heard; used: number } | undefined {
  const first = bytes[0];
  const read = (opening: Opening, at: number, used: number) => {
    if (bytes.length < used) return undefined;
    const body = new Uint8Array(SPEECH_LENGTH);
    body.set(bytes.subarray(at, at + SPEECH_LENGTH - 3), 3);
    const heard = decodeSpeech(body);
    return heard && { opening, heard, used };
  };
  if (bytes.length < 5) return undefined;
  if (first === 0x80) return read('hello443', HELLO_443_CHALLENGE, HELLO_443_LENGTH);
  if (first === 0x16) {
    const opening = bytes[3] === 0 ? 'login' : 'tls';
    return read(opening, LOGIN.length, LOGIN.length + SPEECH_LENGTH - 3);
  }
  return read('plain', 3, SPEECH_LENGTH);
}
