// whp:nft in the host program: what it refuses, by line and word; limits; bytes in the order of this machine. golden/messages
// compares what it makes with nft's.
import { encode } from 'whp:nft';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostOrder } from '../../agent/src/netlink/endian.ts';
import { createMessage, createReader, readMessage } from '../../agent/src/netlink/message.ts';
import { toHex } from '../fixtures/netlink-hex.ts';

const chain = (rule: string): string => `table inet t {\n  chain c {\n    ${rule}\n  }\n}\n`;
const set = (...lines: string[]): string =>
  `table inet t {\n  set s {\n    ${lines.join('\n    ')}\n  }\n}\n`;

function refusal(text: string): string {
  const made = encode(text);
  return typeof made === 'string' ? made : `${made.byteLength} bytes`;
}

const REFUSED: readonly [string, string][] = [
  ['list ruleset\n', 'line 1: list'],
  ['add table ip t\n', 'line 1: ip'],
  ['add table inet t u\n', 'line 1: u'],
  ['add table inet 1t\n', 'line 1: 1t'],
  [`add table inet ${'t'.repeat(128)}\n`, `line 1: ${'t'.repeat(40)}`],
  ['table inet t {\n', 'line 2: end of line'],
  ['table inet t {\n  chain c {\n', 'line 2: {'],
  [chain('accept').replace('}\n}', '}'), 'line 5: end of line'],
  [chain('tcp dport 80 accept'), 'line 3: tcp'],
  [chain('accept accept'), 'line 3: accept'],
  [chain('comment "no statement"'), 'line 3: end of line'],
  [chain('goto'), 'line 3: end of line'],
  [chain('iifname "more than 15 bytes" accept'), 'line 3: more than 15 bytes'],
  [chain('iifname "*" accept'), 'line 3: accept'],
  [chain('iifname "e*h*" accept'), 'line 3: accept'],
  [chain('iifname >= "eth*" accept'), 'line 3: accept'],
  [chain('iifname { "eth*" } accept'), 'line 3: }'],
  [chain('iifname "eth0 to eth150 *" accept'), 'line 3: eth0 to eth150 *'],
  [chain('limit rate 5/second accept'), 'line 3: accept'],
  ['table inet t {\n  flags owner\n}\n', 'line 2: end of line'],
  ['table inet t {\n  flags dormant;\n}\n', 'line 2: flags'],
  [chain('iifname "eth'), 'line 3: eth'],
  [chain('ip saddr 192.0.2.256 accept'), 'line 3: 192.0.2.256'],
  [chain('ip6 saddr 2001:db8::1::1 accept'), 'line 3: 2001:db8::1::1'],
  [chain('ether saddr 02:00:00:00:00 accept'), 'line 3: 02:00:00:00:00'],
  [chain('th dport 65536 accept'), 'line 3: 65536'],
  [chain('th dport 010 accept'), 'line 3: 010'],
  [chain('th dport 20-10 accept'), 'line 3: 20-10'],
  [chain('ip saddr & 0xffffff00 accept'), 'line 3: accept'],
  [chain('@th,4,8 1 accept'), 'line 3: 1'],
  [chain('@th,8,24 1 accept'), 'line 3: 1'],
  [chain('ct state new-ish accept'), 'line 3: new-ish'],
  [chain('ip saddr . ip daddr 192.0.2.1 accept'), 'line 3: 192.0.2.1'],
  [chain(`${Array(9).fill('ct id').join(' . ')} @s accept`), 'line 3: ct'],
  [
    chain('update @s { ip saddr limit rate 1/fortnight burst 5 packets } accept'),
    'line 3: 1/fortnight',
  ],
  [chain('update @s { ip saddr timeout 5 } accept'), 'line 3: 5'],
  [chain('update @s { ip saddr timeout 5s1m } accept'), 'line 3: 5s1m'],
  [chain('meta mark set ct mark & 1 accept'), 'line 3: accept'],
  [chain('type filter hook ingress priority 0; policy accept;'), 'line 3: ingress'],
  [chain('type filter hook input priority 0; policy drop;'), 'line 3: policy'],
  [chain('ip saddr 192.0.2.1 \u0000 accept'), 'line 1: table'],
  [set('flags interval'), 'line 4: }'],
  [set('type ipv4_addr', 'timeout 1s'), 'line 5: }'],
  [set('type ipv4_addr', 'elements = { 192.0.2.1-192.0.2.2 }'), 'line 4: 192.0.2.1-192.0.2.2'],
  [
    set('type ipv4_addr', 'flags interval', 'elements = { 192.0.2.0-192.0.2.9, 192.0.2.9 }'),
    'line 5: end of line',
  ],
  [
    `${set('type ipv6_addr', 'size 8', 'flags dynamic')}add rule inet t c ip saddr @s accept\n`,
    'line 8: accept',
  ],
  ['add element inet t s { 192.0.2.1 }\n', 'line 1: {'],
];

for (const [text, said] of REFUSED) {
  test(`refused: ${text.split('\n')[2]?.trim() ?? text.trim()}`.slice(0, 70), () => {
    assert.is(refusal(text), `${said}: not understood`);
  });
}

/** Number of messages. */
function count(text: string): number {
  const made = encode(text);
  if (typeof made === 'string') throw new Error(made);
  const bytes = new Uint8Array(made);
  const [reader, message] = [createReader(bytes), createMessage()];
  let seen = 0;
  for (let at = 0; at < bytes.length; seen++) {
    at = readMessage(reader, at, bytes.length, message);
    assert.ok(at > 0);
  }
  return seen;
}

test('many elements are several messages, each list below 64 KiB', () => {
  const elements = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(', ');
  // Opens, table, set, elements, closes.
  assert.is(count(set('type ipv4_addr', 'size 9999', `elements = { ${elements} }`)), 6);
  assert.is(count(set('type ipv4_addr', 'flags interval', `elements = { ${elements} }`)), 8);
});

test('a rule and a text have a longest length', () => {
  const long = chain(`${'meta mark & 1 == 1 '.repeat(2000)}accept`);
  assert.match(refusal(long), /^line \d+: the text: too long$/);
  assert.match(refusal(`${' '.repeat(5_000_000)}`), 'line 1: the text: too long');
  assert.match(refusal(`add table inet t\n`.repeat(200_000)), 'bytes');
});

test('sets beyond the most are refused', () => {
  const many = Array.from({ length: 9000 }, (_, i) => `add set inet t s${i} { type ipv4_addr; }\n`);
  assert.match(refusal(many.join('')), 'too long');
});

test('the bytes of a table, its numbers in the order of this machine', () => {
  const made = encode('add table inet t\n') as ArrayBuffer;
  const expected = {
    little:
      '14000000 10000100 00000000 00000000 0000000a 1c000000 000a0504 01000000 00000000 01000000 06000100 74000000 14000000 11000100 00000000 00000000 0000000a',
    big: '00000014 00100001 00000000 00000000 0000000a 0000001c 0a000405 00000001 00000000 01000000 00060001 74000000 00000014 00110001 00000000 00000000 0000000a',
  };
  assert.is(toHex(new Uint8Array(made)), expected[hostOrder]);
});

test('an argument that is no text throws', () => {
  assert.throws(() => encode(1 as unknown as string), /text: not a string/);
});

test.run();
