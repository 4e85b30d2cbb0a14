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
import { elementPacket } from '../../agent/src/ruleset/element-packet.ts';
import { addressKey, pairKey } from '../../agent/src/ruleset/elements.ts';
import { createState } from '../../agent/src/step/state.ts';
import { parseAddress } from '../../agent/src/wire/address.ts';
import { hexBytes } from '../../agent/src/wire/hex.ts';
import { decodePacket } from '../../agent/src/wire/packet.ts';
import { answerTo, queryFor, type WireRecord, wireName } from '../fixtures/dns.ts';
import { queryTo } from '../fixtures/dns-events.ts';
import { DEVICE, ROUTER, tcp4, udp4, udp6 } from '../fixtures/plain-packets.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import { seeded } from '../fixtures/seeded.ts';
import { rounds } from '../lib/rounds.ts';

/** A policy whose only app has the names below `suffix`. */
function stateFor(suffix: string) {
  const suffixes = [{ value: suffix, evidence: 'capture' as const }];
  const dns = { names: [], suffixes, patterns: [], except: [] };
  return createState(policyFrom({ profile: { dns } }), () => false);
}

const state = stateFor('skype.com');
glance.look(state, []);

const [STRANGER, UNCERTAIN] = [0, 255];

function whose(packet: Uint8Array, isAnswer = true): number {
  return feeds.whose(packet.buffer as ArrayBuffer, packet.byteOffset, packet.length, isAnswer);
}

function isStranger(packet: Uint8Array, isAnswer = true): boolean {
  return whose(packet, isAnswer) === STRANGER;
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
  for (const [what, packet] of others) assert.is(whose(packet), UNCERTAIN, what);
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
  glance.look(stateFor('example.org'), []);
  assert.not.ok(isStranger(answer('www.example.org')));
  assert.ok(isStranger(answer('ui.skype.com')));
  feeds.judge(null, null, null, null);
  assert.not.ok(isStranger(answer('www.example.net')));
  glance.look(state, []);
});

/** Two applications: `skype` below skype.com, `game` at game.example alone and below edge.skype.com. */
const two = (() => {
  const value = (text: string) => ({ value: text, evidence: 'capture' as const });
  const app = (name: string, slot: number, names: string[], suffixes: string[]) => {
    const dns = {
      names: names.map(value),
      suffixes: suffixes.map(value),
      patterns: [],
      except: [value('mail.skype.com')],
    };
    return { name, slot, profile: { ...profile, dns } };
  };
  const apps = [
    app('skype', 1, [], ['skype.com']),
    app('game', 2, ['game.example'], ['edge.skype.com']),
  ];
  return createState(policyFrom({ apps }), () => false);
})();

test('an answer to the question of one application is told, of two it is the script’s', () => {
  glance.look(two, []);
  assert.is(whose(answer('ui.SKYPE.com')), 1);
  assert.is(whose(answer('game.example')), 2);
  assert.is(whose(answer('x.game.example')), UNCERTAIN, 'a longer name than the entry');
  assert.is(whose(answer('a.edge.skype.com')), UNCERTAIN, 'both have it');
  assert.is(whose(answer('x.mail.skype.com')), UNCERTAIN, 'an exception');
  assert.is(whose(answer('notskype.com')), STRANGER);
  const cname = (target: string) =>
    answer('ui.skype.com', [{ name: '@12', type: 5, rdata: wireName(target) }, A]);
  assert.is(whose(cname('edge.example.net')), 1);
  assert.is(whose(cname('b.skype.com')), 1);
  assert.is(whose(cname('game.example')), UNCERTAIN, 'it leads to the other one');
  assert.is(whose(answer('www.example.org', [{ ...A, name: 'ui.skype.com' }])), UNCERTAIN);
  const query = udp4(DEVICE, 40000, ROUTER, 53, queryFor('ui.skype.com'));
  assert.is(whose(query, false), 1);
  // The bytes of a label may look like the end of another name.
  const label = [...'ab\u0004edge'].map((one) => one.charCodeAt(0));
  const bytes = answerTo('@', [A]);
  const message = Uint8Array.from([
    ...bytes.subarray(0, 12),
    label.length,
    ...label,
    ...wireName('skype.com'),
    ...bytes.subarray(12 + wireName('@').length),
  ]);
  assert.is(whose(udp4(ROUTER, 53, DEVICE, 40000, message)), UNCERTAIN);
  glance.look(state, []);
});

test('what the script alone reads is its own: other records, sections, and most addresses', () => {
  const told = (records: readonly WireRecord[], more: readonly WireRecord[] = []) =>
    whose(udp4(ROUTER, 53, DEVICE, 40000, answerTo('ui.skype.com', records, more)));
  const edns = { name: '.', type: 41, rdata: [] };
  assert.is(told([A]), 1);
  assert.is(told([A], [edns]), 1);
  assert.is(told([]), 1);
  assert.is(told([A], [edns, edns]), UNCERTAIN);
  assert.is(told([A], [A]), UNCERTAIN);
  assert.is(told([{ ...A, rdata: [1, 2, 3] }]), UNCERTAIN);
  assert.is(told([{ ...A, type: 46 }]), UNCERTAIN);
  assert.is(told([{ ...A, type: 65, rdata: [0, 1, 0] }]), UNCERTAIN);
  assert.is(told(Array.from({ length: 16 }, () => A)), 1);
  assert.is(told(Array.from({ length: 17 }, () => A)), UNCERTAIN);
});

test('a question that another application may have led to is the script’s', () => {
  glance.look(two, []);
  const { aliases } = two.observer;
  const leads = (app: string) => ({
    app,
    root: 'x',
    entry: '',
    at: 0,
    targets: [{ name: 'b.skype.com', ttlSeconds: 60, depth: 1 }],
  });
  learnAliases(aliases, '192.168.1.11', leads('skype'));
  assert.is(whose(answer('c.skype.com')), 1);
  learnAliases(aliases, '192.168.1.11', leads('game'));
  assert.is(whose(answer('c.skype.com')), UNCERTAIN);
  retainAliases(aliases, ({ app }) => app === 'game');
  assert.is(whose(answer('c.skype.com')), UNCERTAIN);
  retainAliases(aliases, () => false);
  assert.is(whose(answer('c.skype.com')), 1);
  glance.look(state, []);
});

/** The packets that the host program would send, in hexadecimal. */
function lesson(packet: Uint8Array, isOwn: boolean, mac: Uint8Array | null): string {
  const bytes = feeds.lesson(
    packet.buffer as ArrayBuffer,
    packet.byteOffset,
    packet.length,
    isOwn,
    (mac?.buffer ?? null) as ArrayBuffer | null,
  );
  return hexBytes(new Uint8Array(bytes));
}

const packetOf = (set: string, key: Uint8Array, lease: number): string =>
  hexBytes(elementPacket(set, key, lease)!);

test('the packets of a lesson are those of the script, for the longest lease', () => {
  const told = answer('ui.skype.com');
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 10);
  const [device, remote] = ['192.168.1.11', '203.0.113.7'];
  const pair = packetOf('skype_peer4', pairKey(device, remote)!, 86400);
  const byMac = packetOf('skype_peermac4', pairKey('02:00:00:00:00:0a', remote)!, 86400);
  assert.is(lesson(told, true, mac), packetOf('skype_addr4', addressKey(remote)!, 86400));
  assert.is(lesson(told, false, mac), pair + byMac);
  assert.is(lesson(told, false, null), pair);
  const six = { name: '@12', type: 28, rdata: Array.from(parseAddress('2001:db8::7')!) };
  const other = answer('ui.skype.com', [six]);
  const remote6 = packetOf('skype_peermac6', pairKey('02:00:00:00:00:0a', '2001:db8::7')!, 86400);
  assert.is(lesson(other, false, mac), remote6);
  assert.is(lesson(other, false, null), '', 'no key of the other family');
  // A pair is renewed as by a use where that is longer.
  const peers = { enabled: true, leaseSeconds: 604800 };
  glance.look(
    createState(policyFrom({ profile: { peers } }), () => false),
    [],
  );
  assert.is(lesson(told, false, null), packetOf('skype_peer4', pairKey(device, remote)!, 1));
  glance.look(state, []);
});

test('an address that no answer may teach makes it the script’s', () => {
  const at = (text: string) => {
    const rdata = Array.from(parseAddress(text)!);
    const type = rdata.length === 4 ? 1 : 28;
    return lesson(answer('ui.skype.com', [A, { name: '@12', type, rdata }]), true, null);
  };
  for (const address of NOT_TOLD) assert.is(at(address), '', address);
  for (const address of ['100.128.0.1', '172.32.0.1', '192.0.1.1', '2001:200::1', '2600::1'])
    assert.is.not(at(address), '', address);
  assert.is.not(at('198.51.100.10'), '');
  glance.look(state, ['198.51.100.10', '2001:db8::1']);
  assert.is(at('198.51.100.10'), '', 'of the router');
  assert.is(at('2001:db8::1'), '');
  glance.look(
    state,
    Array.from({ length: 65 }, (_, i) => `198.51.100.${i}`),
  );
  assert.is(at('203.0.113.9'), '', 'more addresses than it takes');
  glance.look(state, []);
});

const NOT_TOLD = [
  ...['0.1.2.3', '10.0.0.1', '127.0.0.1', '100.64.0.1', '169.254.1.1', '172.16.0.1', '172.31.9.9'],
  ...['192.168.1.1', '192.0.0.1', '198.18.0.1', '198.19.0.1', '224.0.0.1', '255.255.255.255'],
  ...['::1', '::ffff:8.8.8.8', 'fd00::1', 'fe80::1', '64:ff9b::808:808', '2002:808:808::1'],
  ...['2001::1', '2001:20::1', 'ff02::1'],
];

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
    () => any.open(-1, 0),
    () => any.open(9, 3),
    () => any.receive(9, null, room, false),
    () => any.receive(9, room, null, false),
    () => any.judge(room, room, room, room),
    () => any.judge(room, null, null, null),
    () => any.teaches(-1, 0, 0),
    () => any.teaches(1, -2, 0),
    () => any.note(packet, 38, 0, 4, 0, 17, packet, 0, 40, mac, 1),
    () => any.note(packet, 0, 4, 17, 0, 17, packet, 0, 40, mac, 1),
    () => any.note(packet, 0, 4, 4, 37, 17, packet, 0, 40, mac, 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 30, 20, mac, 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 0, 41, mac, 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 0, 40, new ArrayBuffer(5), 1),
    () => any.note(packet, 0, 4, 4, 0, 17, packet, 0, 40, mac, '1'),
    () => any.find(packet, 0, 4, 4, 0, 17, packet, 0, 40, 1, new ArrayBuffer(5)),
    () => any.whose(packet, 0, 41, true),
    () => any.lesson(packet, 0, 41, true, null),
    () => any.lesson(packet, 0, 40, true, new ArrayBuffer(5)),
  ];
  for (const [i, call] of calls.entries()) assert.throws(call, undefined, `call ${i}`);
  assert.is(feeds.receive(9, room, new ArrayBuffer(12), false), -sock.EBADF);
});

/** Two netlink sockets of this process, and the address of the first. */
function openPair() {
  const address = new ArrayBuffer(12);
  const open = () => sock.socket(sock.AF_NETLINK, sock.SOCK_RAW | sock.SOCK_NONBLOCK, 0);
  const [here, there] = [open(), open()];
  for (const fd of [here, there]) assert.is(sock.bind(fd, netlinkAddress(0)), 0);
  sock.getsockname(here, address);
  return { here, there, address };
}

/** A feed over one end of a pair; what is no message of the kernel is the script's. */
test('a datagram that is not the kernel’s is the script’s, with its sender; a closed feed is none', async () => {
  const { here, there, address } = openPair();
  const buffer = new ArrayBuffer(4096);
  const counts = new Uint32Array(feeds.open(here, 0));
  assert.throws(() => feeds.open(here, 0), /feed: /);
  const sender = new ArrayBuffer(12);
  assert.is(feeds.receive(here, buffer, sender, false), -sock.EAGAIN);
  const sent = sock.sendto(there, new ArrayBuffer(40), 0, 40, 0, address);
  if (sent === 40) {
    await new Promise<void>((resolve) => os.setReadHandler(here, resolve));
    os.setReadHandler(here, null);
    assert.is(feeds.receive(here, buffer, sender, false), 40);
    assert.is.not(new DataView(sender).getUint32(4), 0);
    assert.is(feeds.receive(here, buffer, sender, false), -sock.EAGAIN);
    assert.equal(Array.from(counts), [0, 0, 0]);
  }
  feeds.close(here);
  assert.is(feeds.receive(here, buffer, sender, false), -sock.EBADF);
  for (const fd of [here, there]) os.close(fd);
});

/** MSG_PEEK and MSG_DONTWAIT. */
const PEEK = 0x42;
/** Behind what an emulator takes for a header of netlink. */
const NUMBER_AT = 50;

test('a row that is never empty has room again for what was read of it', async () => {
  const { here, there, address } = openPair();
  feeds.open(here, 2);
  const message = new ArrayBuffer(400);
  const buffer = new ArrayBuffer(4096);
  const sender = new ArrayBuffer(12);
  let sent = 0;
  const send = (): boolean => {
    new Uint32Array(message)[NUMBER_AT] = sent;
    if (sock.sendto(there, message, 0, message.byteLength, 0, address) !== message.byteLength)
      return false;
    sent += 1;
    return true;
  };
  // Not everywhere may a process send to another's socket.
  if (send()) {
    for (let i = 0; i < 40; i++) send();
    for (let i = 0; i < rounds(2000, 2000); i++) {
      assert.is(feeds.receive(here, buffer, sender, false), 400, `datagram ${i} of ${sent}`);
      assert.is(new Uint32Array(buffer)[NUMBER_AT], i);
      const until = sock.monotonic() + 5000;
      while (!send() && sock.monotonic() < until);
      if (i % 20 !== 0) continue;
      // Nothing is left to the socket: the reader takes it while the script does not.
      const isLeft = () => sock.recv(here, buffer, 0, 4, PEEK) !== -sock.EAGAIN;
      while (isLeft() && sock.monotonic() < until);
      assert.not.ok(isLeft(), `after ${i}`);
    }
  }
  feeds.close(here);
  for (const fd of [here, there]) os.close(fd);
});

function netlinkAddress(port: number): ArrayBuffer {
  const address = new ArrayBuffer(12);
  new Uint16Array(address)[0] = sock.AF_NETLINK;
  new Uint32Array(address)[1] = port;
  return address;
}

test.run();
