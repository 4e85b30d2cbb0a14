// learn/asked-questions: the open DNS queries of devices; an answer teaches only if one of them matches. Every
// query is noted, not only those for an application's names: the answer to another name may lead to one. Bounded:
// without room, the oldest query of the device with the most is dropped. The router's own queries are not noted.
// Runs for every query of the home, so a key is bytes in a fixed slot, not a string.
import { type Packet, TCP, UDP } from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';

/** Milliseconds. Stub resolvers give up after 5 to 10 s; a later answer matches no query. */
export const OPEN_MILLISECONDS = 10_000;
/** Room for a few devices that each open a page of 50 names within OPEN_MILLISECONDS. */
export const MOST_OPEN = 256;
/** Longest key in bytes: protocol, two addresses, two ports, identifier, name, type and class. */
const LONGEST = 1 + 32 + 4 + 2 + 255 + 4;

export interface AskedQuestion {
  /** MAC of the device that asked; null: not known. */
  readonly mac: string | null;
  /** When the query passed, milliseconds. */
  readonly at: number;
}

/** The open questions, kept here, or by the host program, which notes most of them itself (kernel/glance). `find`
 * and `note`: as findQuestion and noteQuestion. */
export interface QuestionBook {
  note(
    packet: Uint8Array,
    ends: Ends,
    message: Uint8Array,
    from: number,
    to: number,
    mac: string | null,
    at: number,
  ): void;
  find(
    packet: Uint8Array,
    ends: Ends,
    message: Uint8Array,
    from: number,
    to: number,
    now: number,
  ): AskedQuestion | null;
  expire(now: number): void;
}

/** MOST_OPEN slots, used in turn. */
export interface AskedQuestions {
  /** LONGEST bytes for each slot. */
  readonly keys: Uint8Array;
  /** Bytes of each slot's key; 0: free slot. */
  readonly lengths: Uint16Array;
  readonly hashes: Int32Array;
  /** The slot of a key by the key's hash; of keys with the same hash, the newest. */
  readonly byHash: Map<number, number>;
  readonly asked: (AskedQuestion | null)[];
  /** Device of each slot: MAC, or address. */
  readonly holders: string[];
  /** Slots of each device, oldest query first. */
  readonly slots: Map<string, number[]>;
  next: number;
}

/** Offsets of the addresses and ports in the bytes of a packet. */
export interface Ends {
  source: number;
  destination: number;
  /** Bytes of an address: 4 or 16. */
  width: number;
  /** Offset of the source port; the destination port follows. */
  ports: number;
  protocol: number;
}

export function questionBook(book = createAskedQuestions()): QuestionBook {
  return {
    note: (packet, ends, message, from, to, mac, at) =>
      noteQuestion(book, packet, ends, message, from, to, mac, at),
    find: (packet, ends, message, from, to, now) =>
      findQuestion(book, packet, ends, message, from, to, now),
    expire: (now) => expireQuestions(book, now),
  };
}

export function createAskedQuestions(): AskedQuestions {
  return {
    keys: new Uint8Array(MOST_OPEN * LONGEST),
    lengths: new Uint16Array(MOST_OPEN),
    hashes: new Int32Array(MOST_OPEN),
    byHash: new Map(),
    asked: new Array<AskedQuestion | null>(MOST_OPEN).fill(null),
    holders: new Array<string>(MOST_OPEN).fill(''),
    slots: new Map(),
    next: 0,
  };
}

const plain: Ends = { source: 0, destination: 0, width: 4, ports: 0, protocol: UDP };

/** The ends of the packet at `offset` whose UDP payload is at `payload` (as found by wire/packet plainUdp). The
 * returned object is reused by the next call. */
export function plainEnds(bytes: Uint8Array, offset: number, payload: number): Ends {
  plain.width = bytes[offset]! >> 4 === 4 ? 4 : 16;
  plain.source = offset + (plain.width === 4 ? 12 : 8);
  plain.destination = plain.source + plain.width;
  plain.ports = payload - 8;
  return plain;
}

/** Null: not UDP or TCP, or no transport header. */
export function endsOf(packet: Packet): Ends | null {
  const { source, destination, transport, protocol, family } = packet;
  if (transport < 0 || (protocol !== UDP && protocol !== TCP)) return null;
  return { source, destination, width: family === 4 ? 4 : 16, ports: transport, protocol };
}

/** The key under construction. */
const key = new Uint8Array(LONGEST);
let keyLength = 0;
let keyHash = 0;

/** Appends bytes to the key and to its FNV-1a hash. The hash finds the slot, the bytes decide. `small`: to lower
 * case (names compare without case, RFC 4343; a query may mix it); label lengths (at most 63) are below the
 * letters. */
function put(bytes: Uint8Array, from: number, to: number, small: boolean): void {
  for (let at = from; at < to; at++) {
    let byte = bytes[at]!;
    if (small && byte >= 65 && byte <= 90) byte += 32;
    key[keyLength++] = byte;
    keyHash = Math.imul(keyHash ^ byte, 16777619);
  }
}

/** DNS header (RFC 1035 section 4.1.1): QR bit, OPCODE bits, length in bytes. */
const RESPONSE = 0x80;
const OPERATION = 0x78;
const HEADER = 12;

/** Offset of the root label that ends the name of the only question of message[from, to). -1: not a `kind`,
 * opcode not 0, not exactly one question, or a name that is compressed or too long. */
function nameEnd(message: Uint8Array, from: number, to: number, kind: 'query' | 'answer'): number {
  const name = from + HEADER;
  if (to - from < HEADER + 5 || to > message.length) return -1;
  const flags = message[from + 2]!;
  const isKind = ((flags & RESPONSE) !== 0) === (kind === 'answer');
  if (!isKind || (flags & OPERATION) !== 0 || u16At(message, from + 4) !== 1) return -1;
  let at = name;
  while (message[at] !== 0) {
    // The first name of a message has no earlier name to point to. Longest name: RFC 1035 section 2.3.4.
    if (message[at]! > 63 || at - name > 254) return -1;
    at += message[at]! + 1;
    if (at >= to) return -1;
  }
  // Type and class, two bytes each, follow the name.
  return at + 5 > to || at - name > 254 ? -1 : at;
}

/** Makes the key of a query or an answer, the device's address and port first. False: nameEnd finds no question. */
function makeKey(
  packet: Uint8Array,
  { source, destination, width, ports, protocol }: Ends,
  message: Uint8Array,
  from: number,
  to: number,
  kind: 'query' | 'answer',
): boolean {
  const end = nameEnd(message, from, to, kind);
  if (end < 0) return false;
  const isQuery = kind === 'query';
  const device = isQuery ? source : destination;
  const resolver = isQuery ? destination : source;
  const first = isQuery ? ports : ports + 2;
  const second = isQuery ? ports + 2 : ports;
  key[0] = protocol;
  keyLength = 1;
  keyHash = protocol;
  put(packet, device, device + width, false);
  put(packet, resolver, resolver + width, false);
  put(packet, first, first + 2, false);
  put(packet, second, second + 2, false);
  put(message, from, from + 2, false);
  put(message, from + HEADER, end, true);
  put(message, end + 1, end + 5, false);
  return true;
}

/** Notes the query message[from, to) of a packet with these `ends`, seen at `at` (milliseconds). Ignores a
 * message that is not a query. */
export function noteQuestion(
  book: AskedQuestions,
  packet: Uint8Array,
  ends: Ends,
  message: Uint8Array,
  from: number,
  to: number,
  mac: string | null,
  at: number,
): void {
  if (!makeKey(packet, ends, message, from, to, 'query')) return;
  const slot = slotFor(book, at);
  book.keys.set(key, slot * LONGEST);
  book.lengths[slot] = keyLength;
  book.hashes[slot] = keyHash;
  book.byHash.set(keyHash, slot);
  book.asked[slot] = { mac, at };
  const holder = mac ?? packet.subarray(ends.source, ends.source + ends.width).join('.');
  book.holders[slot] = holder;
  const own = book.slots.get(holder);
  if (own === undefined) book.slots.set(holder, [slot]);
  else own.push(slot);
}

/** A freed slot: `next` if it is free or its query is older than OPEN_MILLISECONDS, else the oldest slot of the
 * device with the most. */
function slotFor(book: AskedQuestions, at: number): number {
  const { asked, slots, next } = book;
  const oldest = asked[next] ?? null;
  if (oldest === null || at - oldest.at > OPEN_MILLISECONDS) {
    book.next = (next + 1) % MOST_OPEN;
    close(book, next);
    return next;
  }
  let greediest: readonly number[] = [next];
  for (const own of slots.values()) if (own.length > greediest.length) greediest = own;
  const slot = greediest[0]!;
  close(book, slot);
  return slot;
}

function close(book: AskedQuestions, slot: number): void {
  const { asked, lengths, hashes, byHash, holders, slots } = book;
  if (lengths[slot] === 0) return;
  if (byHash.get(hashes[slot]!) === slot) byHash.delete(hashes[slot]!);
  const holder = holders[slot]!;
  const own = slots.get(holder)!;
  if (own[0] === slot) own.shift();
  else own.splice(own.indexOf(slot), 1);
  if (own.length === 0) slots.delete(holder);
  lengths[slot] = 0;
  asked[slot] = null;
  holders[slot] = '';
}

/** The open query that message[from, to) answers; null: there is none. The query stays open: one sent twice is
 * answered twice, and the device may take either answer. */
export function findQuestion(
  { keys, lengths, byHash, asked }: AskedQuestions,
  packet: Uint8Array,
  ends: Ends,
  message: Uint8Array,
  from: number,
  to: number,
  now: number,
): AskedQuestion | null {
  if (!makeKey(packet, ends, message, from, to, 'answer')) return null;
  const slot = byHash.get(keyHash);
  if (slot === undefined || lengths[slot] !== keyLength) return null;
  for (let at = 0; at < keyLength; at++) if (keys[slot * LONGEST + at] !== key[at]) return null;
  const found = asked[slot] ?? null;
  return found !== null && now - found.at <= OPEN_MILLISECONDS ? found : null;
}

/** Drops the queries older than OPEN_MILLISECONDS at `now` (milliseconds). */
export function expireQuestions(book: AskedQuestions, now: number): void {
  for (let slot = 0; slot < MOST_OPEN; slot++) {
    const one = book.asked[slot] ?? null;
    if (one !== null && now - one.at > OPEN_MILLISECONDS) close(book, slot);
  }
}
