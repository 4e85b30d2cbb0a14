// The DNS questions of devices that are open: an answer teaches only for one of them. Every query of a
// device is noted, not the application's alone: the answer to another name may lead to the application's.
// Bounded; when there is no room the oldest question of the device that has most goes. Before: step/query
// (notes), step/answer (asks). The router's own queries never come here. Pure; it runs for every query of
// the home, so a key is bytes in a slot and no text.
import { type Packet, TCP, UDP } from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';

/** Milliseconds: what resolvers of devices wait before they give up is 5 to 10 s. An answer that comes
 * later is to nobody. */
export const OPEN_MILLISECONDS = 10_000;
/** What some devices ask in that time, of which each opens a page of 50 names. */
export const MOST_OPEN = 256;
/** Bytes of a key: protocol, two addresses, two ports, identifier, name, type and class. */
const LONGEST = 1 + 32 + 4 + 2 + 255 + 4;

export interface AskedQuestion {
  /** Of the device that asked, where it is known. */
  readonly mac: string | null;
  /** Milliseconds: when the query passed. */
  readonly at: number;
}

/** Slots, filled in turn. */
export interface AskedQuestions {
  /** LONGEST bytes a slot. */
  readonly keys: Uint8Array;
  /** Bytes of its key; 0: free. */
  readonly lengths: Uint16Array;
  readonly hashes: Int32Array;
  /** The slot of a key, by its hash: the newest of those that share one. */
  readonly byHash: Map<number, number>;
  readonly asked: (AskedQuestion | null)[];
  /** Whose it is: MAC, or address. */
  readonly holders: string[];
  /** Slots of each holder, the one asked longest ago first. */
  readonly slots: Map<string, number[]>;
  next: number;
}

/** Where the addresses and ports of a packet are: offsets into its bytes. */
export interface Ends {
  source: number;
  destination: number;
  /** Bytes of an address. */
  width: number;
  /** The source port; the destination's follows. */
  ports: number;
  protocol: number;
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

/** Of the packet at `offset` with a UDP payload at `payload`, as wire/packet plainUdp finds it. The object
 * is used again by the next call. */
export function plainEnds(bytes: Uint8Array, offset: number, payload: number): Ends {
  plain.width = bytes[offset]! >> 4 === 4 ? 4 : 16;
  plain.source = offset + (plain.width === 4 ? 12 : 8);
  plain.destination = plain.source + plain.width;
  plain.ports = payload - 8;
  return plain;
}

/** Null: a packet without ports. */
export function endsOf(packet: Packet): Ends | null {
  const { source, destination, transport, protocol, family } = packet;
  if (transport < 0 || (protocol !== UDP && protocol !== TCP)) return null;
  return { source, destination, width: family === 4 ? 4 : 16, ports: transport, protocol };
}

/** The key that is being made. */
const key = new Uint8Array(LONGEST);
let keyLength = 0;
let keyHash = 0;

/** FNV-1a, which finds the slot; the bytes decide. `small`: letters in lower case (0x20 in the wild, RFC
 * 4343); lengths of labels are below them. */
function put(bytes: Uint8Array, from: number, to: number, small: boolean): void {
  for (let at = from; at < to; at++) {
    let byte = bytes[at]!;
    if (small && byte >= 65 && byte <= 90) byte += 32;
    key[keyLength++] = byte;
    keyHash = Math.imul(keyHash ^ byte, 16777619);
  }
}

/** Header of a message with one question: response flag, operation 0 (RFC 1035 section 4.1.1). */
const RESPONSE = 0x80;
const OPERATION = 0x78;
const HEADER = 12;

/** Where the name of the one question of message[from, to) ends, or -1: it is no `kind`, or has not one
 * question that is written out. */
function nameEnd(message: Uint8Array, from: number, to: number, kind: 'query' | 'answer'): number {
  const name = from + HEADER;
  if (to - from < HEADER + 5 || to > message.length) return -1;
  const flags = message[from + 2]!;
  const isKind = ((flags & RESPONSE) !== 0) === (kind === 'answer');
  if (!isKind || (flags & OPERATION) !== 0 || u16At(message, from + 4) !== 1) return -1;
  let at = name;
  while (message[at] !== 0) {
    // The first name of a message has nothing to point to. Longest name: RFC 1035 section 2.3.4.
    if (message[at]! > 63 || at - name > 254) return -1;
    at += message[at]! + 1;
    if (at >= to) return -1;
  }
  // Behind it: type and class.
  return at + 5 > to || at - name > 254 ? -1 : at;
}

/** Makes the key of a query or an answer, with the device's end first; false: it has none. */
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

/** Notes the query message[from, to) of the packet whose ends are in `packet`, which passed at `at`
 * (milliseconds). What is no query is not noted. */
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

/** A slot that is free now: the next one, which is the oldest unless somebody had to make room, or else
 * the oldest of the device that has most. */
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

/** The open question that message[from, to) answers, or null: nobody asked. It stays open: a query that
 * was sent twice is answered twice, and the device may take either. */
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

/** Forgets the questions that nobody waits for any more at `now` (milliseconds). */
export function expireQuestions(book: AskedQuestions, now: number): void {
  for (let slot = 0; slot < MOST_OPEN; slot++) {
    const one = book.asked[slot] ?? null;
    if (one !== null && now - one.at > OPEN_MILLISECONDS) close(book, slot);
  }
}
