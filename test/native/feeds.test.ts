// whp:feeds in the host (also built with ASan and UBSan, and for MIPS): which packets it takes for strangers, its
// store of open questions beside that of learn/asked-questions, and wrong arguments.

import * as os from 'qjs:os';
import * as feeds from 'whp:feeds';
import * as sock from 'whp:socket';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { glance } from '../../agent/src/kernel/glance.ts';
import { learnAliases, retainAliases } from '../../agent/src/learn/aliases.ts';
import {
  endsOf,
  MOST_OPEN,
  OPEN_MILLISECONDS,
  type QuestionBook,
  questionBook,
} from '../../agent/src/learn/asked-questions.ts';
import { createState } from '../../agent/src/step/state.ts';
import { decodePacket } from '../../agent/src/wire/packet.ts';
import { answerTo, queryFor, type WireRecord, wireName } from '../fixtures/dns.ts';
import { queryTo } from '../fixtures/dns-events.ts';
import { DEVICE, ROUTER, tcp4, udp4, udp6 } from '../fixtures/plain-packets.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { seeded } from '../fixtures/seeded.ts';
import { rounds } from '../lib/rounds.ts';

/** A policy whose only app has the names below `suffix`. */
function stateFor(suffix: string) {
  const suffixes = [{ value: suffix, evidence: 'capture' as const }];
  const dns = { names: [], suffixes, patterns: [], except: [] };
  return createState(policyFrom({ profile: { dns } }), () => false);
}

const state = stateFor('skype.com');
glance.look(state);

function isStranger(packet: Uint8Array, isAnswer = true): boolean {
  return feeds.isStranger(packet.buffer as ArrayBuffer, 0, packet.length, isAnswer);
}

const A: WireRecord = { name: '@12', type: 1, rdata: [203, 0, 113, 7] };

function answer(question: string, records: readonly WireRecord[] = [A], flags?: number) {
  return udp4(ROUTER, 53, DEVICE, 40000, answerTo(question, records, [], flags));
}

function leadsTo(type: number, rdata: ArrayLike<number>): Uint8Array {
  const target = { name: '@12', type, rdata: Array.from(rdata) };
  return answer('www.example.org', [A, target, A]);
}

test('an answer without a name of an application is a stranger, in both families', () => {
  assert.ok(isStranger(answer('www.example.org')));
  assert.ok(isStranger(udp6(53, 40000, answerTo('www.example.org', [A]))));
  assert.ok(isStranger(answer('nobody.example.org', [], 0x8183)));
  assert.ok(isStranger(leadsTo(5, wireName('edge.example.net'))));
  assert.ok(isStranger(answer('.', [])), 'the root');
});

test('a name of an application is none, wherever it stands, and in whatever case', () => {
  const ours = 'UI.sKyPe.com';
  assert.not.ok(isStranger(answer(ours)));
  assert.not.ok(isStranger(answer('www.example.org', [A, { ...A, name: ours }])), 'an owner');
  assert.not.ok(isStranger(leadsTo(5, wireName(ours))), 'CNAME');
  assert.not.ok(isStranger(leadsTo(39, wireName('skype.com'))), 'DNAME');
  assert.not.ok(isStranger(leadsTo(64, [0, 1, ...wireName(ours)])), 'SVCB');
  assert.not.ok(isStranger(leadsTo(65, [0, 1, ...wireName(ours), 0, 4])), 'HTTPS');
  assert.not.ok(isStranger(leadsTo(33, [0, 1, 0, 2, 0, 53, ...wireName(ours)])), 'SRV');
  assert.not.ok(isStranger(leadsTo(35, [0, 1, 0, 2, 1, 115, 0, 0, ...wireName(ours)])), 'NAPTR');
  const chain = [
    { name: '@12', type: 5, rdata: wireName('a.example.net') },
    { name: 'a.example.net', type: 5, rdata: wireName('b.example.net') },
    { name: 'b.example.net', type: 5, rdata: wireName('conn.skype.com') },
  ];
  assert.not.ok(isStranger(answer('www.example.org', chain)), 'at the end of a chain');
});

test('what is not certain is the script’s', () => {
  const message = answerTo('www.example.org', [A]);
  const whole = answer('www.example.org');
  const with1 = (at: number, value: number): Uint8Array => {
    const changed = whole.slice();
    changed[at] = value;
    return changed;
  };
  const others: readonly [string, Uint8Array][] = [
    ['TCP', tcp4(ROUTER, 53, DEVICE, 40000, 1, message)],
    ['a fragment', with1(6, 0x20)],
    ['a later fragment', with1(7, 1)],
    ['cut off', whole.subarray(0, whole.length - 1)],
    ['UDP shorter than the packet', with1(25, whole[25]! - 1)],
    ['TC', with1(30, 0x83)],
    ['another operation', with1(30, 0x89)],
    ['a query', with1(30, 1)],
    ['two questions', with1(33, 2)],
    ['no question', with1(33, 0)],
    ['one record too many', with1(35, 2)],
    ['a question with a pointer', with1(40, 0xc0)],
    ['a label of another kind', with1(40, 0x40)],
    ['data beyond the end', with1(whole.length - 5, 5)],
    ['a pointer to itself', answer('www.example.org', [{ ...A, name: '@33' }])],
    ['a target beyond its data', leadsTo(5, [3, 119, 119, 119])],
    ['no header', udp4(ROUTER, 53, DEVICE, 40000, new Uint8Array(11))],
  ];
  for (const [what, packet] of others) assert.not.ok(isStranger(packet), what);
  assert.ok(isStranger(whole));
});

test('a message of more work than an honest one is the script’s', () => {
  const name = Array.from({ length: 40 }, () => 'abcd').join('.');
  const owner = (i: number) => ({ ...A, name: `x${i}.${name}` });
  const of = (count: number) =>
    answer(
      'www.example.org',
      Array.from({ length: count }, (_, i) => owner(i)),
    );
  assert.ok(isStranger(of(40)));
  assert.not.ok(isStranger(of(70)));
});

test('a name that the device may have been led to is the script’s, until it expires', () => {
  const { aliases } = state.observer;
  const target = { name: 'edge.led.example', ttlSeconds: 60, depth: 1 };
  const query = udp4(DEVICE, 40000, ROUTER, 53, queryFor('edge.led.example'));
  assert.ok(isStranger(answer('edge.led.example')));
  assert.ok(isStranger(query, false));
  learnAliases(aliases, '192.168.1.11', {
    app: 'skype',
    root: 'ui.skype.com',
    entry: '',
    at: 0,
    targets: [target],
  });
  assert.not.ok(isStranger(answer('edge.led.example')));
  assert.not.ok(isStranger(query, false));
  retainAliases(aliases, () => false);
  assert.ok(isStranger(answer('edge.led.example')));
});

test('a new policy counts at once, and none at all makes nobody a stranger', () => {
  glance.look(stateFor('example.org'));
  assert.not.ok(isStranger(answer('www.example.org')));
  assert.ok(isStranger(answer('ui.skype.com')));
  feeds.judge(null, null, null);
  assert.not.ok(isStranger(answer('www.example.net')));
  glance.look(state);
});

/** Notes or finds in a book, by the packet. */
function placeOf(bytes: Uint8Array) {
  const packet = decodePacket(bytes);
  if ('malformed' in packet) throw new Error(packet.malformed);
  return { ends: endsOf(packet)!, from: packet.payload, to: packet.payloadEnd };
}

function note(book: QuestionBook, query: Uint8Array, mac: string | null, at: number): void {
  const { ends, from, to } = placeOf(query);
  book.note(query, ends, query, from, to, mac, at);
}

function find(book: QuestionBook, packet: Uint8Array, now: number) {
  const { ends, from, to } = placeOf(packet);
  return book.find(packet, ends, packet, from, to, now);
}

test('the store of the host program is that of learn/asked-questions', () => {
  const ours = questionBook();
  const random = seeded(7);
  const seen: Uint8Array[] = [];
  let now = 1e6;
  for (let i = 0; i < rounds(700, 6000); i++) {
    now += random(random(50) === 0 ? OPEN_MILLISECONDS : 20);
    const device = [192, 168, 1, random(4) === 0 ? random(200) : 66];
    const message = answerTo(`n${random(900)}.example.org`, []);
    const packet = udp4(ROUTER, 53, device, 40000 + random(4), message);
    const mac = device[3]! % 3 === 0 ? null : `02:00:00:00:00:0${device[3]! % 9}`;
    const query = queryTo(packet);
    seen.push(packet);
    for (const book of [ours, glance.asked]) note(book, query, mac, now);
    if (random(40) === 0) for (const book of [ours, glance.asked]) book.expire(now);
    for (let back = 0; back < 4; back++) {
      const other = seen[seen.length - 1 - random(Math.min(seen.length, MOST_OPEN * 2))]!;
      assert.equal(find(glance.asked, other, now), find(ours, other, now));
    }
  }
  assert.is(find(glance.asked, seen.at(-1)!, now + OPEN_MILLISECONDS + 1), null);
});

test('wrong arguments throw, and nothing is read or written outside of a buffer', () => {
  // biome-ignore lint/suspicious/noExplicitAny: wrong arguments are what this is about
  const any = feeds as any;
  const room = new ArrayBuffer(64);
  const [packet, mac] = [new ArrayBuffer(40), new ArrayBuffer(6)];
  const calls: readonly (() => unknown)[] = [
    () => any.open(-1, 0, room, room),
    () => any.open(9, 3, room, room),
    () => any.open(9, 0, new ArrayBuffer(0), room),
    () => any.open(9, 0, room, new ArrayBuffer(4)),
    () => any.receive(9, null),
    () => any.judge(room, room, room),
    () => any.judge(room, null, null),
    () => any.note(packet, 38, 0, 4, 0, 17, packet, 0, 40, mac, 1),
    () => any.note(packet, 0, 4, 17, 0, 17, packet, 0, 40, mac, 1),
    () => any.note(packet, 0, 4, 4, 37, 17, packet, 0, 40, mac, 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 30, 20, mac, 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 0, 41, mac, 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 0, 40, new ArrayBuffer(5), 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 0, 40, mac, '1'),
    () => any.find(packet, 0, 4, 4, 0, 17, packet, 0, 40, 1, new ArrayBuffer(5)),
    () => any.isStranger(packet, 0, 41, true),
  ];
  for (const [i, call] of calls.entries()) assert.throws(call, undefined, `call ${i}`);
  assert.is(feeds.receive(9, new ArrayBuffer(12)), -sock.EBADF);
});

/** A feed over one end of a pair; what is no message of the kernel is the script's. */
test('a datagram that is not the kernel’s is the script’s, with its sender; a closed feed is none', async () => {
  const address = new ArrayBuffer(12);
  const open = () => sock.socket(sock.AF_NETLINK, sock.SOCK_RAW | sock.SOCK_NONBLOCK, 0);
  const [here, there] = [open(), open()];
  for (const fd of [here, there]) assert.is(sock.bind(fd, netlinkAddress(0)), 0);
  sock.getsockname(here, address);
  const counts = new Uint32Array(2);
  const buffer = new ArrayBuffer(4096);
  feeds.open(here, 0, buffer, counts.buffer as ArrayBuffer);
  assert.throws(
    () => feeds.open(here, 0, buffer, counts.buffer as ArrayBuffer),
    /one feed too many/,
  );
  const sender = new ArrayBuffer(12);
  assert.is(feeds.receive(here, sender), -sock.EAGAIN);
  const sent = sock.sendto(there, new ArrayBuffer(40), 0, 40, 0, address);
  if (sent === 40) {
    await new Promise<void>((resolve) => os.setReadHandler(here, resolve));
    os.setReadHandler(here, null);
    assert.is(feeds.receive(here, sender), 40);
    assert.is.not(new DataView(sender).getUint32(4), 0);
    assert.equal(Array.from(counts), [0, 1]);
    assert.is(feeds.receive(here, sender), -sock.EAGAIN);
    assert.equal(Array.from(counts), [0, 0]);
  }
  feeds.close(here);
  assert.is(feeds.receive(here, sender), -sock.EBADF);
  for (const fd of [here, there]) os.close(fd);
});

function netlinkAddress(port: number): ArrayBuffer {
  const address = new ArrayBuffer(12);
  new Uint16Array(address)[0] = sock.AF_NETLINK;
  new Uint32Array(address)[1] = port;
  return address;
}

test.run();
