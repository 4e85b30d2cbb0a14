// The DNS questions of devices that are open: an answer teaches only for one of them. Every query of a
// device is noted, not the application's alone: the answer to another name may lead to the application's.
// Bounded; when there is no room the oldest question of the device that has most goes. Before: step/query
// (notes), step/answer (asks). The router's own queries never come here. Pure.
import { type Packet, TCP, UDP } from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';
import { claim, createShares, disclaim, nextToGo, type Shares } from './shares.ts';

/** Milliseconds: what resolvers of devices wait before they give up is 5 to 10 s. An answer that comes
 * later is to nobody. */
export const OPEN_MILLISECONDS = 10_000;
/** What a home of ten devices asks in that time, each of which opens a page of 50 names. */
const MOST_OPEN = 512;

export interface AskedQuestion {
  /** Of the device that asked, where it is known. */
  readonly mac: string | null;
  /** Milliseconds: when the query passed. */
  readonly at: number;
}

export interface AskedQuestions {
  /** By both ends, identifier and question; the one asked longest ago first. */
  readonly open: Map<string, AskedQuestion>;
  readonly shares: Shares;
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
  return { open: new Map(), shares: createShares() };
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

/** Header of a message with one question: response flag, operation 0 (RFC 1035 section 4.1.1). */
const RESPONSE = 0x80;
const OPERATION = 0x78;
const HEADER = 12;

/** The identifier and the question of message[from, to) as text, or null: it is no `kind`, or has not one
 * question that is written out. Letters of the name are lower case (0x20 in the wild, RFC 4343). */
function questionText(
  message: Uint8Array,
  from: number,
  to: number,
  kind: 'query' | 'answer',
): string | null {
  const name = from + HEADER;
  if (to - from < HEADER + 5 || to > message.length) return null;
  const flags = message[from + 2]!;
  const isKind = ((flags & RESPONSE) !== 0) === (kind === 'answer');
  if (!isKind || (flags & OPERATION) !== 0 || u16At(message, from + 4) !== 1) return null;
  let at = name;
  while (message[at] !== 0) {
    // The first name of a message has nothing to point to. Longest name: RFC 1035 section 2.3.4.
    if (message[at]! > 63 || at - name > 254) return null;
    at += message[at]! + 1;
    if (at >= to) return null;
  }
  // Behind it: type and class.
  if (at + 5 > to) return null;
  const asked = textOf(message, name, at).toLowerCase();
  return `${textOf(message, from, from + 2)}${textOf(message, at, at + 5)}${asked}`;
}

/** One character a byte. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode.apply(null, bytes.subarray(from, to) as unknown as number[]);
}

/** Notes the query message[from, to) of the packet whose ends are in `packet`, which passed at `at`
 * (milliseconds). What is no query is not noted. */
export function noteQuestion(
  book: AskedQuestions,
  packet: Uint8Array,
  { source, destination, width, ports, protocol }: Ends,
  message: Uint8Array,
  from: number,
  to: number,
  mac: string | null,
  at: number,
): void {
  const question = questionText(message, from, to, 'query');
  if (question === null) return;
  const device = textOf(packet, source, source + width);
  const resolver = textOf(packet, destination, destination + width);
  const key = `${protocol} ${device}${resolver}${textOf(packet, ports, ports + 4)}${question}`;
  const { open, shares } = book;
  open.delete(key);
  open.set(key, { mac, at });
  claim(shares, key, mac ?? device);
  if (open.size > MOST_OPEN) close(book, nextToGo(shares)!.key);
}

/** The open question that message[from, to) answers, or null: nobody asked. It stays open: a query that
 * was sent twice is answered twice, and the device may take either. */
export function findQuestion(
  { open }: AskedQuestions,
  packet: Uint8Array,
  { source, destination, width, ports, protocol }: Ends,
  message: Uint8Array,
  from: number,
  to: number,
  now: number,
): AskedQuestion | null {
  const question = questionText(message, from, to, 'answer');
  if (question === null) return null;
  const device = textOf(packet, destination, destination + width);
  const resolver = textOf(packet, source, source + width);
  const back = `${textOf(packet, ports + 2, ports + 4)}${textOf(packet, ports, ports + 2)}`;
  const asked = open.get(`${protocol} ${device}${resolver}${back}${question}`);
  return asked === undefined || now - asked.at > OPEN_MILLISECONDS ? null : asked;
}

function close({ open, shares }: AskedQuestions, key: string): void {
  open.delete(key);
  disclaim(shares, key);
}

/** Forgets the questions that nobody waits for any more at `now` (milliseconds). */
export function expireQuestions(book: AskedQuestions, now: number): void {
  for (const [key, { at }] of book.open) {
    if (now - at > OPEN_MILLISECONDS) close(book, key);
  }
}
