// learn/observe-dns: which addresses an answer teaches for which app, and which it never teaches.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAliases } from '../../../agent/src/learn/aliases.ts';
import type { DnsObserver } from '../../../agent/src/learn/dns-observer.ts';
import {
  glanceAt,
  type Lesson,
  observeDnsAnswer,
  observeDnsQuery,
} from '../../../agent/src/learn/observe-dns.ts';
import { nat64Prefixes } from '../../../agent/src/policy/nat64.ts';
import { compileNames } from '../../../agent/src/profile/name-match.ts';
import { parseAddress } from '../../../agent/src/wire/address.ts';
import { decodePacket, plainEnd, plainUdp } from '../../../agent/src/wire/packet.ts';
import { concat, fromHex } from '../../fixtures/bytes.ts';
import { answerTo, queryFor, type WireRecord, wireName } from '../../fixtures/dns.ts';
import { DNS_SEEDS } from '../../fixtures/dns-seeds.ts';
import { toHex } from '../../fixtures/netlink-hex.ts';
import { udp } from '../../fixtures/packets.ts';
import { udp4 } from '../../fixtures/plain-packets.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';
import { rounds } from '../../lib/rounds.ts';

const entries = (...values: string[]) =>
  values.map((value) => ({ value, evidence: 'capture' as const }));

function app(name: string, suffix: string) {
  const dns = { names: [], suffixes: entries(suffix), patterns: [], except: [] };
  const endpoints = { ttlMinimumSeconds: 60, ttlMaximumSeconds: 3600 };
  return { name, profile: { dns, endpoints } };
}

const APPS = [app('skype', 'skype.com'), app('game', 'game.example')];

const observer: DnsObserver = {
  matcher: compileNames(APPS),
  profiles: new Map(APPS.map(({ name, profile }) => [name, profile])),
  isOwn: (address) => address === '198.51.100.1',
  aliases: createAliases(),
  whoIs: (address: string) => [address],
  nat64: nat64Prefixes(['fd64::/96']),
};

function observe(bytes: Uint8Array) {
  return observeDnsAnswer(observer, bytes, 0, bytes.length, '192.168.1.34', 5000);
}

function onlyLesson(bytes: Uint8Array): Lesson {
  const { lessons, reasons } = observe(bytes);
  assert.equal(reasons, []);
  assert.is(lessons.length, 1);
  return lessons[0]!;
}

const a = (name: string, address: readonly number[], ttl = 300): WireRecord => ({
  name,
  type: 1,
  ttl,
  rdata: address,
});
const cname = (name: string, target: string): WireRecord => ({
  name,
  type: 5,
  rdata: wireName(target),
});

const texts = (lesson: Lesson) => lesson.addresses.map(({ address }) => address);

test('a question that matches teaches the whole answer section', () => {
  const lesson = onlyLesson(
    answerTo('API.Skype.com', [
      cname('@12', 'cdn.example'),
      a('cdn.example', [203, 0, 113, 1]),
      a('unrelated.example', [203, 0, 113, 2]),
    ]),
  );
  assert.equal(lesson, {
    app: 'skype',
    name: 'api.skype.com',
    root: 'api.skype.com',
    entry: '.skype.com',
    device: '192.168.1.34',
    at: 5000,
    addresses: [
      { address: '203.0.113.1', ttlSeconds: 300 },
      { address: '203.0.113.2', ttlSeconds: 300 },
    ],
    targets: [{ name: 'cdn.example', depth: 1, ttlSeconds: 300 }],
    refused: [],
  });
});

test('a name met on the way teaches what is reached from it, in any order', () => {
  const lesson = onlyLesson(
    answerTo('www.shop.example', [
      a('end.example', [203, 0, 113, 1]),
      a('other.example', [203, 0, 113, 2]),
      cname('middle.example', 'end.example'),
      cname('ui.skype.com', 'middle.example'),
      cname('@12', 'ui.skype.com'),
    ]),
  );
  assert.is(lesson.name, 'ui.skype.com');
  assert.equal(texts(lesson), ['203.0.113.1']);
});

test('an unrelated name that leads to an application name is the application', () => {
  const bytes = answerTo('www.shop.example', [
    cname('@12', 'ui.skype.com'),
    a('ui.skype.com', [203, 0, 113, 1]),
  ]);
  assert.equal(texts(onlyLesson(bytes)), ['203.0.113.1']);
});

test('each application gets its own lesson', () => {
  const { lessons } = observe(
    answerTo('x.game.example', [
      cname('@12', 'ui.skype.com'),
      a('ui.skype.com', [203, 0, 113, 1]),
      a('x.game.example', [203, 0, 113, 2]),
    ]),
  );
  assert.equal(
    lessons.map((lesson) => [lesson.app, texts(lesson)]),
    [
      ['game', ['203.0.113.1', '203.0.113.2']],
      ['skype', ['203.0.113.1']],
    ],
  );
});

test('TTLs are clamped, and the longest of an address counts', () => {
  const lesson = onlyLesson(
    answerTo('skype.com', [
      a('@12', [203, 0, 113, 1], 0),
      a('@12', [203, 0, 113, 2], 1000000),
      a('@12', [203, 0, 113, 3], 100),
      a('@12', [203, 0, 113, 3], 400),
      a('@12', [203, 0, 113, 3], 200),
    ]),
  );
  assert.equal(
    lesson.addresses.map(({ ttlSeconds }) => ttlSeconds),
    [60, 3600, 400],
  );
});

test('loopback, private and own addresses teach nothing and are counted', () => {
  const lesson = onlyLesson(
    answerTo('dsn10.skype.com', [
      a('@12', [127, 80, 50, 80]),
      a('@12', [192, 168, 1, 1]),
      a('@12', [198, 51, 100, 1]),
      { name: '@12', type: 28, rdata: fromHex('00000000000000000000ffff0a000001') },
    ]),
  );
  assert.equal(lesson.addresses, []);
  assert.equal(
    lesson.refused.map(({ address }) => address),
    ['127.80.50.80', '192.168.1.1', '198.51.100.1', '::ffff:10.0.0.1'],
  );
});

test('service bindings teach their hints and the addresses sent along', () => {
  const service = concat([0, 1], wireName('svc.skype.com'), [0, 4, 0, 4, 203, 0, 113, 7]);
  const bytes = answerTo(
    'www.shop.example',
    [{ name: '@12', type: 65, rdata: service }],
    [a('svc.skype.com', [203, 0, 113, 8]), a('ns.example', [203, 0, 113, 9])],
  );
  assert.equal(texts(onlyLesson(bytes)), ['203.0.113.7', '203.0.113.8']);
});

test('other answers, queries and broken ones teach nothing', () => {
  const nothing = { lessons: [], reasons: [] };
  assert.equal(observe(answerTo('www.example.com', [a('@12', [1, 2, 3, 4])])), nothing);
  assert.equal(observe(queryFor('ui.skype.com')), nothing);
  assert.equal(observe(new Uint8Array(3)).reasons, ['message cut off']);
  assert.equal(observe(answerTo('notskype.com', [a('@12', [1, 2, 3, 4])])), nothing);
});

test('a response cut off behind the match still teaches what was whole', () => {
  const bytes = answerTo('skype.com', [a('@12', [203, 0, 113, 1]), a('@12', [203, 0, 113, 2])]);
  const { lessons, reasons, unread } = observe(bytes.slice(0, -2));
  assert.equal(lessons.map(texts), [['203.0.113.1']]);
  assert.equal(reasons, ['record 2: message cut off']);
  assert.is(unread, 'record 2: message cut off');
});

test('a match that is not read to its end says so; what is unrelated never does', () => {
  const forward = { name: '@80', type: 1, rdata: [203, 0, 113, 2] };
  const whole = a('@12', [203, 0, 113, 1]);
  const short = { name: '@12', type: 1, rdata: [203, 0, 113] };
  const unread = (name: string, ...records: WireRecord[]) =>
    observe(answerTo(name, records)).unread !== undefined;
  assert.ok(unread('ui.skype.com', whole, forward), 'an owner that is a pointer ahead');
  assert.ok(unread('ui.skype.com', short, whole), 'an address of three bytes');
  assert.ok(
    unread('ui.skype.com', { name: '@12', type: 5, rdata: [0xc0, 0xff] }),
    'a target ahead',
  );
  assert.not(unread('ui.skype.com', whole), 'whole');
  assert.not(unread('ui.skype.com'), 'empty');
  assert.not(unread('www.example.com', whole, forward), 'unrelated');
  assert.not(unread('www.example.com', short), 'unrelated');
  const questions = answerTo('ui.skype.com', [whole]);
  questions[5] = 9;
  assert.ok(observe(questions).unread !== undefined, 'nine questions');
});

test('a question that is written by a pointer ahead hides what it asks for', () => {
  const bytes = answerTo('@40', [{ name: 'ui.skype.com', type: 1, rdata: [203, 0, 113, 1] }]);
  assert.is(observe(bytes).unread, 'compression pointer does not go backwards');
  const noise = bytes.slice();
  noise[2] = 0xd1;
  assert.is(observe(noise).unread, undefined, 'another opcode: no DNS that a client would read');
  const tunnel = concat([4, 0, 0x99, 0, 1, 0, 0, 0], new Uint8Array(64).fill(0xc1));
  assert.is(observe(tunnel).unread, undefined, 'no DNS at all');
});

test('a truncated answer that ends inside a record is passed: its device comes again over TCP', () => {
  const records = [a('@12', [203, 0, 113, 1]), a('@12', [203, 0, 113, 2])];
  const bytes = answerTo('ui.skype.com', records, [], 0x8380);
  const seen = observe(bytes.slice(0, -2));
  assert.equal(seen.lessons.map(texts), [['203.0.113.1']]);
  assert.is(seen.unread, undefined);
  const ahead = answerTo(
    'ui.skype.com',
    [{ name: '@80', type: 1, rdata: [203, 0, 113, 2] }],
    [],
    0x8380,
  );
  assert.ok(
    observe(ahead).unread !== undefined,
    'what is broken before the end is not the truncation',
  );
});

test('60 addresses in one answer are all taught', () => {
  const records = Array.from({ length: 60 }, (_, i) => a('@12', [203, 0, 113, i + 1]));
  assert.is(onlyLesson(answerTo('skype.com', records)).addresses.length, 60);
});

test('thousands of names in a circle end soon', () => {
  const records = Array.from({ length: 3000 }, (_, i) =>
    cname(`n${(i + 1) % 3000}.skype.com`, `n${i}.skype.com`),
  );
  const { lessons } = observe(answerTo('x.example', records));
  assert.equal(lessons.map(texts), [[]]);
});

test('an address behind NAT64 is judged by the IPv4 address that it stands for', () => {
  const aaaa = (address: string): WireRecord => ({
    name: '@12',
    type: 28,
    ttl: 300,
    rdata: parseAddress(address)!,
  });
  const answers = ['fd64::203.0.113.9', '64:ff9b::203.0.113.9', 'fd64::10.0.0.1', 'fd65::1'];
  const lesson = onlyLesson(answerTo('ui.skype.com', answers.map(aaaa)));
  assert.equal(texts(lesson), ['fd64::cb00:7109', '64:ff9b::cb00:7109']);
  assert.equal(
    lesson.refused.map(({ address }) => address),
    ['fd64::a00:1', 'fd65::1'],
  );
});

test('queries tell which applications are asked for', () => {
  const apps = (bytes: Uint8Array) =>
    observeDnsQuery(observer, bytes, 0, bytes.length, '192.168.1.34', 0).map((match) => match.app);
  assert.equal(apps(queryFor('UI.skype.com')), ['skype']);
  assert.equal(apps(queryFor('www.example.com')), []);
  assert.equal(apps(answerTo('ui.skype.com', [])), []);
  assert.equal(apps(queryFor('ui.skype.com').slice(0, 15)), []);
});

test('mutated answers never throw, and never teach an unroutable address', () => {
  const random = seeded(8);
  const seed = answerTo('skype.com', [
    cname('@12', 'c.skype.com'),
    a('c.skype.com', [10, 0, 0, 1]),
    { name: '@12', type: 65, rdata: concat([0, 1, 0], [0, 4, 0, 4, 127, 0, 0, 1]) },
  ]);
  for (let i = 0; i < rounds(1000, 3000); i++) {
    const bytes = mutate(seed, random);
    for (const lesson of observe(bytes).lessons) {
      for (const { address } of lesson.addresses) assert.not.match(address, /^(10|127)\./);
    }
    observeDnsQuery(observer, bytes, 0, bytes.length, '192.168.1.34', 0);
  }
});

test('what is called unrelated at a glance teaches nothing when it is read as a whole', () => {
  const ends = [[192, 168, 1, 1], 53, [192, 168, 1, 11], 40000] as const;
  const packets = [
    ...DNS_SEEDS.map((message) => udp4(...ends, message)),
    ...['www.example.org', 'ui.skype.com'].map((name) =>
      udp(
        { src: 'fd00::1', dst: 'fd00::b', sport: 53, dport: 40000 },
        answerTo(name, [a('@12', [192, 0, 2, 7])]),
      ),
    ),
  ];
  const random = seeded(53);
  let unrelated = 0;
  const count = rounds(4000, 20000);
  for (let i = 0; i < count; i++) {
    const seed = packets[i % packets.length]!;
    const bytes = i < packets.length ? seed : mutate(seed, random);
    if (glanceAt(observer, bytes, 0, bytes.length, 0) !== 'unrelated') continue;
    unrelated += 1;
    const packet = decodePacket(bytes);
    assert.ok(!('malformed' in packet), toHex(bytes));
    if ('malformed' in packet) return;
    const { payload, payloadEnd, protocol } = packet;
    assert.equal([protocol, payload, payloadEnd], [17, plainUdp(bytes, 0, bytes.length), plainEnd]);
    const seen = observeDnsAnswer(observer, bytes, payload, payloadEnd, '192.168.1.11', 0);
    assert.equal([seen.lessons, seen.reasons], [[], []], toHex(bytes));
    assert.equal(
      observeDnsQuery(observer, bytes, payload, payloadEnd, '192.168.1.11', 0),
      [],
      toHex(bytes),
    );
  }
  assert.ok(unrelated > count / 20, `${unrelated} unrelated`);
  const glance = (bytes: Uint8Array) => glanceAt(observer, bytes, 0, bytes.length, 0);
  const [four, six] = [packets[1]!, packets.at(-2)!];
  assert.equal([four, six, packets[0]!, packets.at(-1)!].map(glance), [
    'unrelated',
    'unrelated',
    'matched',
    'matched',
  ]);
  const fragment = four.slice();
  fragment[6] = 0x20;
  const options = concat(four.slice(0, 20), [1, 1, 1, 1], four.slice(20));
  options[0] = 0x46;
  options[3] = options[3]! + 4;
  assert.equal([fragment, options, four.slice(0, -1)].map(glance), [
    'unclear',
    'unrelated',
    'unclear',
  ]);
});

test.run();
