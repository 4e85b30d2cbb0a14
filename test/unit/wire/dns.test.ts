// wire/dns-walk, dns-names and dns: the walk that finds names in place, and full decoding of matched messages.
// A hostile name gives a reason after bounded work.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DnsAddress, decodeDns } from '../../../agent/src/wire/dns.ts';
import {
  BAD_LABEL,
  BAD_POINTER,
  CUT_OFF,
  MATCHED,
  NAME_TOO_LONG,
  nameLabels,
  nameText,
  readName,
  TOO_MUCH_WORK,
  UNMATCHED,
} from '../../../agent/src/wire/dns-names.ts';
import { walkNames } from '../../../agent/src/wire/dns-walk.ts';
import { concat, fromHex, u16be } from '../../fixtures/bytes.ts';
import { answerTo, type WireRecord, wireName } from '../../fixtures/dns.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';
import { rounds } from '../../lib/rounds.ts';

const scratch = nameLabels();

const texts = (addresses: readonly DnsAddress[]) => addresses.map(({ address }) => address);

const ALL = new Uint8Array(4096).fill(1);

/** The names a walk visits, as text. */
function visited(bytes: Uint8Array, stopAt = '', from = 0, end = bytes.length) {
  const names: string[] = [];
  const code = walkNames(bytes, from, end, ALL, (message, base, stop, at) => {
    assert.ok(readName(message, base, stop, at, scratch) > 0, 'the test gets names that read well');
    const parts = Array.from(scratch.starts.subarray(0, scratch.count), (start) =>
      String.fromCharCode(...message.subarray(start + 1, start + 1 + message[start]!)),
    );
    names.push(parts.join('.'));
    return parts.join('.') === stopAt;
  });
  return { code, names };
}

const SERVICE = concat([0, 1], wireName('svc.example.net'), [0, 1, 0, 3, 2, 0x68, 0x32]);
const HINTS = concat(
  SERVICE,
  [0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2],
  [0, 6, 0, 16],
  fromHex('20010db8000000000000000000000007'),
);

/** Labels with an escape sequence, a line feed, a dot, a backslash, and an umlaut in UTF-8. */
const FORGED = concat(
  [5, 0x1b, 0x5b, 0x33, 0x31, 0x6d],
  [9, ...Array.from('A\n! b.c\\\xc3', (c) => c.charCodeAt(0))],
  wireName('skype.com'),
);
const FORGED_TEXT = '\\027[31m.a\\010!\\032b\\046c\\092\\195.skype.com';

const CHAIN = answerTo('www.Example.com', [
  { name: '@12', type: 5, ttl: 60, rdata: wireName('edge.example.net') },
  { name: '@45', type: 1, ttl: 20, rdata: [192, 0, 2, 1] },
  { name: '@45', type: 1, ttl: 20, rdata: [192, 0, 2, 2] },
]);

test('the walk visits question, owners and targets once each', () => {
  assert.equal(visited(CHAIN), { code: UNMATCHED, names: ['www.Example.com', 'edge.example.net'] });
  assert.equal(visited(CHAIN, 'www.Example.com').code, MATCHED);
  assert.equal(visited(CHAIN, 'edge.example.net').code, MATCHED);
  const service = answerTo('a.b', [{ name: 'c.d', type: 65, rdata: HINTS }]);
  assert.equal(visited(service).names, ['a.b', 'c.d', 'svc.example.net']);
  const shifted = concat([1, 2, 3], CHAIN, [4]);
  assert.equal(visited(shifted, '', 3, 3 + CHAIN.length), visited(CHAIN));
});

test('owners other than the question are visited', () => {
  const message = answerTo('a.b', [
    { name: 'other.owner', type: 1, rdata: [192, 0, 2, 1] },
    { name: 'third.@27', type: 1, rdata: [192, 0, 2, 1] },
  ]);
  assert.equal(visited(message).names, ['a.b', 'other.owner', 'third.owner']);
});

test('broken names end the walk with their reason', () => {
  const header = fromHex('1234 8180 0001 0000 0000 0000');
  const code = (name: Uint8Array | number[]) => visited(concat(header, name)).code;
  assert.is(code([]), CUT_OFF);
  assert.is(code([5, 97]), CUT_OFF);
  assert.is(code([0x41, 0]), BAD_LABEL);
  assert.is(code([0x80, 0]), BAD_LABEL);
  assert.is(code([0xc0, 12, 0, 0]), BAD_POINTER);
  assert.is(code([0xc0, 200, 0, 0]), BAD_POINTER);
  assert.is(code([1, 97, 0xc0, 12, 0, 0]), BAD_POINTER);
  assert.is(visited(new Uint8Array(11)).code, CUT_OFF);
  const long = concat(
    ...Array.from({ length: 5 }, () => concat([60], new Uint8Array(60).fill(97))),
    [0],
  );
  assert.is(code(long), NAME_TOO_LONG);
  const just = concat(...Array.from({ length: 127 }, () => [1, 97]), [0], [0, 1, 0, 1]);
  assert.is(code(just), UNMATCHED);
});

test('the 255 bytes of a name count across its pointers', () => {
  const label = (size: number) => concat([size], new Uint8Array(size).fill(97));
  const first = concat(label(60), label(60), label(60), [0]);
  const message = (size: number) =>
    concat(
      fromHex('1234 8180 0002 0000 0000 0000'),
      concat(first, [0, 1, 0, 1]),
      concat(label(size), label(10), [0xc0, 12], [0, 1, 0, 1]),
    );
  // 184 bytes after the pointer, 11 and size + 1 before it.
  assert.is(visited(message(59)).code, UNMATCHED);
  assert.is(visited(message(60)).code, NAME_TOO_LONG);
  const bytes = message(60);
  assert.is(readName(bytes, 0, bytes.length, 12 + first.length + 4, scratch), NAME_TOO_LONG);
});

test('a chain of pointers and a flood of names are bounded', () => {
  const chain: number[] = [0];
  for (let i = 0; i < 100; i++) chain.push(...u16be(0xc000 | (i === 0 ? 0 : 1 + (i - 1) * 2)));
  assert.is(
    readName(Uint8Array.from(chain), 0, chain.length, chain.length - 2, scratch),
    BAD_POINTER,
  );
  const record = [1, 97, 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0];
  const header = fromHex('1234 8180 0001 ffff 0000 0000');
  const flood = concat(
    header,
    wireName('a.b'),
    [0, 1, 0, 1],
    ...Array.from({ length: 600 }, () => record),
  );
  assert.is(visited(flood).code, TOO_MUCH_WORK);
});

test('a chain is decoded with canonical addresses and its TTLs', () => {
  const message = decodeDns(concat([7], CHAIN, [8]), 1, 1 + CHAIN.length);
  if ('malformed' in message) throw new Error(message.malformed);
  assert.ok(message.response);
  assert.not.ok(message.truncated);
  assert.is(message.rcode, 0);
  assert.equal(message.questions, [{ name: { text: 'www.example.com', offset: 13 }, type: 1 }]);
  assert.equal(
    message.records.map(({ owner, ttlSeconds, addresses, target }) => [
      owner.text,
      ttlSeconds,
      texts(addresses),
      target?.text ?? null,
    ]),
    [
      ['www.example.com', 60, [], 'edge.example.net'],
      ['edge.example.net', 20, ['192.0.2.1'], null],
      ['edge.example.net', 20, ['192.0.2.2'], null],
    ],
  );
  assert.equal(message.reasons, []);
});

test('service bindings give their hints; the root as target is the owner', () => {
  const whole = answerTo('a.b', [
    { name: '@12', type: 65, rdata: HINTS },
    { name: '@12', type: 64, rdata: [0, 1, 0] },
    { name: '@12', type: 28, rdata: fromHex('20010db8000000000000000000000009') },
  ]);
  const decoded = decodeDns(whole, 0, whole.length);
  if ('malformed' in decoded) throw new Error(decoded.malformed);
  assert.equal(decoded.reasons, []);
  assert.equal(
    decoded.records.map(({ target, addresses }) => [target?.text ?? null, texts(addresses)]),
    [
      ['svc.example.net', ['192.0.2.1', '192.0.2.2', '2001:db8::7']],
      ['a.b', []],
      [null, ['2001:db8::9']],
    ],
  );
});

const SRV = (target: string) => concat([0, 10, 0, 5, 0x13, 0xc4], wireName(target));
const NAPTR = (flags: string, regexp: string, replacement: string) => {
  const text = (one: string) => [one.length, ...Array.from(one, (c) => c.charCodeAt(0))];
  return concat([0, 1, 0, 2], text(flags), text('SIP+D2U'), text(regexp), wireName(replacement));
};

test('SRV, NAPTR and DNAME lead to their targets, for the walk and for the reading', () => {
  const bytes = answerTo('a.b', [
    { name: '@12', type: 35, rdata: NAPTR('S', '', '_sip._udp.c.d') },
    { name: '@12', type: 35, rdata: NAPTR('u', '!^.*$!sip:x@y.z!', '') },
    { name: '_sip._udp.c.d', type: 33, rdata: SRV('sip1.e.f') },
    { name: '@12', type: 33, rdata: SRV('') },
    { name: 'g.h', type: 39, rdata: wireName('i.j') },
    { name: '@12', type: 15, rdata: concat([0, 1], wireName('mail.k.l')) },
  ]);
  assert.equal(visited(bytes), {
    code: UNMATCHED,
    names: ['a.b', '_sip._udp.c.d', '_sip._udp.c.d', 'sip1.e.f', 'g.h', 'i.j'],
  });
  const message = decodeDns(bytes, 0, bytes.length);
  if ('malformed' in message) throw new Error(message.malformed);
  assert.equal(
    message.records.map(({ type, target }) => [type, target?.text ?? null]),
    [
      [35, '_sip._udp.c.d'],
      [35, null],
      [33, 'sip1.e.f'],
      [33, null],
      [39, 'i.j'],
    ],
  );
  assert.ok(message.whole);
});

test('a target that is cut off is a reason, not a read behind its record', () => {
  for (const [type, rdata] of [
    [33, [0, 10, 0, 5, 0x13, 0xc4]],
    [33, [0]],
    [35, [0, 1, 0, 2, 1, 115, 9, 0]],
    [35, [0, 1, 0, 2]],
    [39, []],
    [5, []],
  ] as const) {
    const whole = { name: '@12', type: 1, rdata: [192, 0, 2, 1] };
    const bytes = answerTo('a.b', [{ name: '@12', type, rdata }, whole]);
    const message = decodeDns(bytes, 0, bytes.length);
    if ('malformed' in message) throw new Error(message.malformed);
    assert.match(message.reasons.join(), /^record 1: (CNAME|DNAME|SRV|NAPTR) cut off$/);
    assert.is(message.records.length, 1);
    assert.not(message.whole);
    assert.is(visited(bytes).code, CUT_OFF);
  }
});

test('a target further back than a pointer reaches is not taken for the name that a pointer names', () => {
  // Beyond 16 KiB the offset of a target, cut to 14 bits, is that of "c.d" in the question.
  const fill = { name: '@12', type: 16, rdata: new Uint8Array(0x4000 + 14 - 12 - 9 - 26) };
  const bytes = answerTo('a.c.d', [
    fill,
    { name: '@12', type: 5, rdata: wireName('x.y') },
    { name: '@14', type: 1, rdata: [192, 0, 2, 1] },
  ]);
  assert.is(bytes.indexOf(120), 0x4000 + 15, 'the target is where the test wants it');
  assert.equal(visited(bytes).names, ['a.c.d', 'x.y', 'c.d']);
});

test('a broken record costs itself, a broken length the rest', () => {
  const message = answerTo('a.b', [
    { name: '@12', type: 1, rdata: [192, 0, 2] },
    { name: '@12', type: 1, rdata: [192, 0, 2, 9] },
    { name: '@12', type: 65, rdata: [0, 1, 0, 0, 4, 0, 9, 1] },
  ]);
  const decoded = decodeDns(message, 0, message.length);
  if ('malformed' in decoded) throw new Error(decoded.malformed);
  assert.equal(
    decoded.records.map(({ addresses }) => texts(addresses)),
    [['192.0.2.9']],
  );
  assert.equal(decoded.reasons, ['record 1: A with 3 bytes', 'record 3: SVCB parameter cut off']);
  const cut = decodeDns(CHAIN, 0, CHAIN.length - 3);
  if ('malformed' in cut) throw new Error(cut.malformed);
  assert.is(cut.records.length, 2);
  assert.equal(cut.reasons, ['record 3: message cut off']);
  assert.equal(decodeDns(CHAIN, 0, 11), { malformed: 'shorter than a DNS header' });
});

test('a TTL with the top bit set counts as 0', () => {
  const message = answerTo('a.b', [{ name: '@12', type: 1, ttl: 0x80000001, rdata: [1, 2, 3, 4] }]);
  const decoded = decodeDns(message, 0, message.length);
  assert.is('malformed' in decoded ? -1 : decoded.records[0]!.ttlSeconds, 0);
});

test('a message of thousands of records is read as far as an honest one goes', () => {
  const read = (count: number, record: WireRecord) => {
    const bytes = answerTo(
      'a.b',
      Array.from({ length: count }, () => record),
    );
    const message = decodeDns(bytes, 0, bytes.length);
    if ('malformed' in message) throw new Error(message.malformed);
    const { records, reasons, whole } = message;
    return [records.length, reasons.length, whole];
  };
  const record = { name: '@12', type: 1, rdata: [1, 2, 3, 4] };
  assert.equal(read(1024, record), [1024, 0, true]);
  assert.equal(read(1025, record), [1024, 1, false]);
  assert.equal(read(700, { ...record, name: 'written.out.in.every.record.example.com' }), [
    700,
    0,
    true,
  ]);
  const hints = concat([0, 1, 0], [0, 4], u16be(1024), new Uint8Array(1024).fill(9));
  assert.equal(read(4, { name: '@12', type: 65, rdata: hints }), [4, 0, true]);
  assert.equal(read(5, { name: '@12', type: 65, rdata: hints }), [5, 1, false]);
  // 64 broken records give at most 10 reasons.
  assert.equal(read(64, { ...record, rdata: [1] }), [0, 10, false]);
  const questions = concat(fromHex('1234 8180 0005 0000 0000 0000'), wireName('a.b'), [0, 1, 0, 1]);
  const odd = decodeDns(questions, 0, questions.length);
  assert.equal('malformed' in odd || odd.reasons, ['5 questions']);
});

test('64 KB of names that stand for megabytes are given up soon, in the walk and in the reading', () => {
  const long = `${'a.'.repeat(110)}b`;
  const first = { name: long, type: 16, rdata: [0] };
  const at = 12 + 5 + 4;
  const records = Array.from({ length: 3000 }, (_, i) => ({
    name: `${String.fromCharCode(97 + (i % 26))}.@${at + 2 * (i % 50)}`,
    type: 33,
    rdata: [0, 0, 0, 0, 0, 0, 1, 97 + (i % 26), 0xc0, at + 2 * ((i * 7) % 50)],
  }));
  const bytes = answerTo('q.r', [first, ...records]);
  const { code, names } = visited(bytes);
  assert.is(code, TOO_MUCH_WORK);
  assert.ok(names.length < 200, `${names.length} names walked`);
  const message = decodeDns(bytes, 0, bytes.length);
  if ('malformed' in message) throw new Error(message.malformed);
  const labels = message.records.reduce(
    (sum, { owner, target }) => sum + `${owner.text}.${target?.text}`.split('.').length,
    0,
  );
  assert.ok(labels < 1024 + 256, `${labels} labels decoded`);
  assert.not(message.whole);
});

test('the quick walk and the full reading of a name agree on every name', () => {
  const random = seeded(12);
  const header = fromHex('1234 8180 0001 0000 0000 0000');
  const seeds = [
    wireName('www.example.com'),
    wireName('a.b.c.d.e'),
    wireName('x.@5'),
    wireName('y.z.@12'),
  ];
  let broken = 0;
  for (let i = 0; i < 5000; i++) {
    const name =
      i % 50 === 0 ? new Uint8Array(300).fill(1 + random(62)) : mutate(seeds[i % 4]!, random);
    const bytes = concat(header, name, [0, 1, 0, 1]);
    const behind = readName(bytes, 0, bytes.length, 12, scratch);
    const { count } = scratch;
    const { code, names } = visited(bytes);
    if (behind < 0) {
      broken += 1;
      // A label beyond both the end and the 255 bytes may give either reason.
      assert.ok(code < 0);
    } else {
      assert.is(code, behind + 4 <= bytes.length ? UNMATCHED : CUT_OFF);
      assert.is(names.length, count >= 2 ? 1 : 0);
    }
  }
  assert.ok(broken > 500 && broken < 4500, `${broken} were broken`);
});

test('mutated messages neither throw nor hang', () => {
  const random = seeded(2);
  const seeds = [
    CHAIN,
    answerTo(
      'a.b',
      [{ name: '@12', type: 65, rdata: HINTS }],
      [{ name: '@12', type: 1, rdata: [1, 2, 3, 4] }],
    ),
  ];
  for (let i = 0; i < rounds(1000, 3000); i++) {
    const bytes = mutate(seeds[i % seeds.length]!, random);
    visited(bytes);
    const message = decodeDns(bytes, 0, bytes.length);
    if ('malformed' in message) assert.type(message.malformed, 'string');
  }
});

test('what a label has beside visible characters is escaped, wherever its name is made text', () => {
  const question = concat(fromHex('0001 8180 0001 0001 0000 0000'), FORGED, [0, 1, 0, 1]);
  const message = concat(question, [192, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 203, 0, 113, 7]);
  const decoded = decodeDns(message, 0, message.length);
  assert.ok('questions' in decoded);
  assert.is(decoded.questions[0]!.name.text, FORGED_TEXT);
  assert.is(decoded.records[0]!.owner.text, FORGED_TEXT);
  assert.ok(readName(message, 0, message.length, 12, scratch) > 0);
  assert.is(nameText(message, scratch), FORGED_TEXT);
});

test.run();
