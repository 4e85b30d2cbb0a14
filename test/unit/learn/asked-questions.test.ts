// learn/asked-questions: which answers match an open question; a device's flood of queries closes only its own
// questions.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createAskedQuestions,
  endsOf,
  expireQuestions,
  findQuestion,
  MOST_OPEN,
  noteQuestion,
  OPEN_MILLISECONDS,
} from '../../../agent/src/learn/asked-questions.ts';
import { decodePacket } from '../../../agent/src/wire/packet.ts';
import { concat } from '../../fixtures/bytes.ts';
import { answerTo } from '../../fixtures/dns.ts';
import { openQuestions, queryTo } from '../../fixtures/dns-events.ts';
import { DEVICE as PHONE, ROUTER, tcp4, udp4, udp6 } from '../../fixtures/plain-packets.ts';
import { rounds } from '../../lib/rounds.ts';

const TV = [192, 168, 1, 12];
const MAC = '02:00:00:00:00:0a';

type Book = ReturnType<typeof createAskedQuestions>;

function placeOf(bytes: Uint8Array) {
  const packet = decodePacket(bytes);
  if ('malformed' in packet) throw new Error(packet.malformed);
  const ends = endsOf(packet);
  if (ends === null) throw new Error('no ports');
  return { ends, from: packet.payload, to: packet.payloadEnd };
}

function note(book: Book, query: Uint8Array, mac: string | null = null, at = 0): void {
  const { ends, from, to } = placeOf(query);
  noteQuestion(book, query, ends, query, from, to, mac, at);
}

function isAsked(book: Book, answer: Uint8Array, now = 0): boolean {
  const { ends, from, to } = placeOf(answer);
  return findQuestion(book, answer, ends, answer, from, to, now) !== null;
}

function noting(query: Uint8Array): Book {
  const book = createAskedQuestions();
  note(book, query);
  return book;
}

const message = answerTo('ui.skype.com', [{ name: '@12', type: 1, rdata: [203, 0, 113, 7] }]);
const answer = udp4(ROUTER, 53, PHONE, 40000, message);
const query = queryTo(answer);

function with1(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed[at] = value;
  return changed;
}

test('the answer to a question: both families, and again while it is open', () => {
  const book = noting(query);
  assert.ok(isAsked(book, answer));
  assert.ok(isAsked(book, answer, OPEN_MILLISECONDS), 'the second of two');
  const six = udp6(53, 40000, message);
  note(book, queryTo(six));
  assert.ok(isAsked(book, six));
});

test('every other device, resolver, port, transport, identifier, type, class or name is nobody’s', () => {
  const book = noting(query);
  const question = 28 + 12;
  const others: readonly [string, Uint8Array][] = [
    ['device', udp4(ROUTER, 53, TV, 40000, message)],
    ['resolver', udp4([9, 9, 9, 9], 53, PHONE, 40000, message)],
    ['port', udp4(ROUTER, 53, PHONE, 40001, message)],
    ['resolver’s port', udp4(ROUTER, 5353, PHONE, 40000, message)],
    ['ports turned round', udp4(ROUTER, 40000, PHONE, 53, message)],
    ['transport', tcp4(ROUTER, 53, PHONE, 40000, 1, message)],
    ['identifier', with1(answer, 29, 0x35)],
    ['name', with1(answer, question + 1, 'v'.charCodeAt(0))],
    ['type', with1(answer, question + 15, 28)],
    ['class', with1(answer, question + 17, 3)],
    ['operation', with1(answer, 30, 0x81 | 0x28)],
    ['no question', with1(answer, 33, 0)],
    ['two questions', with1(answer, 33, 2)],
    ['query itself', query],
  ];
  for (const [what, other] of others) assert.not.ok(isAsked(book, other), what);
  assert.ok(isAsked(book, answer));
});

test('letters may change their case on the way back, types may not', () => {
  const book = noting(with1(with1(query, 41, 'U'.charCodeAt(0)), 46, 'Y'.charCodeAt(0)));
  assert.ok(isAsked(book, answer));
  // The types 65 (HTTPS) and 97 differ by the bit that makes letters lower case.
  const https = (type: number): Uint8Array => with1(answer, 28 + 12 + 15, type);
  const asked = noting(queryTo(https(65)));
  assert.ok(isAsked(asked, https(65)));
  assert.not.ok(isAsked(asked, https(97)));
});

test('EDNS and other records behind the question make no difference', () => {
  const option = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
  const { from } = placeOf(query);
  const payload = concat(query.subarray(from, from + 12 + 18), option);
  payload[11] = 1;
  const book = noting(udp4(PHONE, 40000, ROUTER, 53, payload));
  assert.ok(isAsked(book, answer));
});

test('a question is open for ten seconds from the moment at which it passed', () => {
  const book = createAskedQuestions();
  note(book, query, null, 1000);
  assert.ok(isAsked(book, answer, 11_000));
  assert.not.ok(isAsked(book, answer, 11_001));
  note(book, query, null, 9000);
  assert.ok(isAsked(book, answer, 19_000), 'asked again');
  expireQuestions(book, 19_001);
  assert.is(openQuestions(book), 0);
  assert.is(book.slots.size, 0);
});

test('what is no query is not noted', () => {
  const broken: readonly Uint8Array[] = [
    answer,
    with1(query, 33, 0),
    with1(query, 33, 2),
    with1(query, 30, 0x28),
    with1(query, 40, 0xc0),
    with1(query, 40, 63),
    udp4(PHONE, 40000, ROUTER, 53, new Uint8Array(12)),
    udp4(PHONE, 40000, ROUTER, 53, new Uint8Array(0)),
  ];
  for (const [i, one] of broken.entries()) assert.is(openQuestions(noting(one)), 0, `query ${i}`);
});

test('the longest name there is, and one that is longer', () => {
  const label = 'a'.repeat(63);
  const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;
  const long = udp4(ROUTER, 53, PHONE, 40000, answerTo(longest, []));
  assert.ok(isAsked(noting(queryTo(long)), long));
  const longer = udp4(ROUTER, 53, PHONE, 40000, answerTo(`${longest}a`, []));
  assert.is(openQuestions(noting(queryTo(longer))), 0);
});

test('a flood of queries closes the questions of its own device, whatever addresses it takes', () => {
  const book = createAskedQuestions();
  note(book, query, null, 0);
  for (let i = 0; i < rounds(1500, 5000); i++) {
    const from = [192, 168, 2 + (i >> 8), i & 255];
    note(book, queryTo(udp4(ROUTER, 53, from, 40000, message)), MAC, 1);
  }
  assert.is(openQuestions(book), MOST_OPEN);
  assert.ok(isAsked(book, answer, 2));
});

test.run();
