// What a DNS answer costs: the name walk that lets nearly all of them go, beside full decoding by
// dns-packet and the whole lesson of an answer that matches. Runs in Node and in the host alike:
//   npx esbuild test/bench/wire.ts --bundle --format=esm --platform=neutral \
//     --main-fields=module,main --alias:buffer=./agent/src/wire/message-bytes.ts \
//     --outfile=out/bench-wire.mjs
//   node out/bench-wire.mjs
//   WHP_WATCHDOG_SECONDS=600 whp-host out/bench-wire.mjs
import * as dnsPacket from 'dns-packet';
import profileText from '../../agent/profiles/skype.json';
import { createAliases } from '../../agent/src/learn/aliases.ts';
import type { DnsObserver } from '../../agent/src/learn/dns-observer.ts';
import { observeDnsAnswer } from '../../agent/src/learn/observe-dns.ts';
import { nat64Prefixes } from '../../agent/src/policy/nat64.ts';
import { compileNames, matchName } from '../../agent/src/profile/name-match.ts';
import type { Profile } from '../../agent/src/profile/profile.ts';
import { UNMATCHED } from '../../agent/src/wire/dns-names.ts';
import { walkNames } from '../../agent/src/wire/dns-walk.ts';
import { MessageBytes } from '../../agent/src/wire/message-bytes.ts';
import { decodePacket } from '../../agent/src/wire/packet.ts';
import { concat, fromHex, u16be } from '../fixtures/bytes.ts';
import { answerTo, type WireRecord, wireName } from '../fixtures/dns.ts';

const profile = profileText as unknown as Profile;
const matcher = compileNames([{ name: 'skype', profile }]);
const observer: DnsObserver = {
  matcher,
  profiles: new Map([['skype', profile]]),
  isOwn: () => false,
  aliases: createAliases(),
  whoIs: (address: string) => [address],
  nat64: nat64Prefixes(),
};

/** Microseconds of one run: the best of 40 rounds of about 5 ms. */
function cost(run: () => void): number {
  let count = 1;
  while (timeOf(run, count) < 5) count *= 2;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 40; i++) best = Math.min(best, timeOf(run, count) / count);
  return best * 1000;
}

function timeOf(run: () => void, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  return performance.now() - start;
}

function address(name: string, last: number): WireRecord {
  return { name, type: 1, rdata: [203, 0, 113, last] };
}

function chain(question: string): Uint8Array {
  const target = 12 + question.length + 2 + 4 + 12;
  return answerTo(question, [
    { name: '@12', type: 5, rdata: wireName('edge-star.cdn.example.net') },
    address(`@${target}`, 1),
    address(`@${target}`, 2),
  ]);
}

function sixty(question: string): Uint8Array {
  return answerTo(
    question,
    Array.from({ length: 60 }, (_, i) => address('@12', i + 1)),
  );
}

function walk(bytes: Uint8Array): void {
  const code = walkNames(bytes, 0, bytes.length, matcher.filter, (_, base, end, at) => {
    return matchName(matcher, bytes, at, base, end).length > 0;
  });
  if (code !== UNMATCHED) throw new Error('matched');
}

/** dns-packet also decodes the TTL of each record. */
class RecordBytes extends MessageBytes {
  readUInt32BE(offset: number): number {
    return this.readUInt16BE(offset) * 0x10000 + this.readUInt16BE(offset + 2);
  }
}

/** The agent's type declaration of dns-packet has only `name`. */
const wholeMessage = dnsPacket as unknown as { decode(bytes: RecordBytes): unknown };

function decode(bytes: Uint8Array): void {
  wholeMessage.decode(new RecordBytes(bytes.buffer, bytes.byteOffset, bytes.length));
}

function observe(bytes: Uint8Array, lessons: number): void {
  const seen = observeDnsAnswer(observer, bytes, 0, bytes.length, '192.168.1.34', 0);
  if (seen.lessons.length !== lessons) throw new Error('wrong lessons');
}

function show(what: string, parts: [string, number][]): void {
  const [, base] = parts[0]!;
  const words = parts.map(
    ([name, value]) => `${name} ${value.toFixed(1)} us (x${(value / base).toFixed(1)})`,
  );
  console.log(`${what}: ${words.join(', ')}`);
}

const shapes: [string, (question: string) => Uint8Array][] = [
  ['1 CNAME and 2 A', chain],
  ['60 A', sixty],
];
for (const [what, shape] of shapes) {
  const other = shape('www.shop.example.com');
  const ours = shape('www.host.in.skype.com');
  show(what, [
    ['name walk', cost(() => walk(other))],
    ['observe, no match', cost(() => observe(other, 0))],
    ['observe, match', cost(() => observe(ours, 1))],
    ['dns-packet', cost(() => decode(other))],
  ]);
}
const answer = chain('www.shop.example.com');
const ip = concat(
  fromHex('4500'),
  u16be(28 + answer.length),
  fromHex('00000000 4011 0000 c0a80101 c0a80122 0035 c000'),
  u16be(8 + answer.length),
  [0, 0],
  answer,
);
show('packet header', [['decodePacket', cost(() => void decodePacket(ip, 0, ip.length))]]);
