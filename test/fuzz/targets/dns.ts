// wire/dns, wire/dns-walk, dns-names, learn/observe-dns: what a message teaches is public, canonical and
// clamped; and the quick walk finds every name that full decoding finds.
import { createAliases, isAlias, learnAliases } from '../../../agent/src/learn/aliases.ts';
import {
  type DnsObservation,
  observeDnsAnswer,
  observeDnsQuery,
} from '../../../agent/src/learn/observe-dns.ts';
import { nat64Prefixes } from '../../../agent/src/policy/nat64.ts';
import { compileNames, matchName } from '../../../agent/src/profile/name-match.ts';
import { isRoutableText } from '../../../agent/src/wire/address.ts';
import { type DnsMessage, decodeDns } from '../../../agent/src/wire/dns.ts';
import {
  MATCHED,
  nameLabels,
  nameText,
  readName,
  UNMATCHED,
} from '../../../agent/src/wire/dns-names.ts';
import { walkNames } from '../../../agent/src/wire/dns-walk.ts';
import { DNS_SEEDS, DNS_WORDS } from '../../fixtures/dns-seeds.ts';
import { wideProfile } from '../../fixtures/profile.ts';
import { isolated, kindOf, must, mustBeCanonical, type Target } from '../target.ts';

const matcher = compileNames([{ name: 'skype', profile: wideProfile }]);
const OWN = '198.51.100.1';
const observer = {
  matcher,
  profiles: new Map([['skype', wideProfile]]),
  isOwn: (address: string) => address === OWN,
  aliases: createAliases(),
  whoIs: (address: string) => [address],
  nat64: nat64Prefixes(),
};

const DEVICE = '192.168.1.11';
const NOW = 1000;
learnAliases(observer.aliases, DEVICE, {
  app: 'skype',
  root: 'ui.skype.com',
  entry: 'ui.skype.com',
  at: NOW,
  targets: [{ name: 'edge.example.net', ttlSeconds: 300, depth: 16 }],
});
const scratch = nameLabels();

function checkLessons({ lessons }: DnsObservation): number {
  const { ttlMinimumSeconds, ttlMaximumSeconds } = wideProfile.endpoints;
  let taught = 0;
  for (const { app, addresses, targets } of lessons) {
    must(app === 'skype', 'a lesson of nobody');
    for (const { name, depth, ttlSeconds } of targets) {
      must(/[^.]\.[^.]/.test(name), `${name} is led to`);
      must(depth >= 1 && depth <= 16, `${depth} steps`);
      must(ttlSeconds >= ttlMinimumSeconds && ttlSeconds <= ttlMaximumSeconds, 'TTL not clamped');
    }
    for (const { address, ttlSeconds } of addresses) {
      mustBeCanonical(address);
      must(isRoutableText(address) && address !== OWN, `${address} is learned`);
      must(ttlSeconds >= ttlMinimumSeconds && ttlSeconds <= ttlMaximumSeconds, 'TTL not clamped');
      taught++;
    }
  }
  return taught;
}

/** Whether a name of the question or answer section is an app's. */
function hasMatch(message: DnsMessage, bytes: Uint8Array, offset: number, end: number): boolean {
  const isIts = (at: number) => matchName(matcher, bytes, at, offset, end).length > 0;
  return (
    message.questions.some(({ name }) => isIts(name.offset)) ||
    message.records.some(
      ({ section, owner, target }) =>
        section === 'answer' && (isIts(owner.offset) || (target !== null && isIts(target.offset))),
    )
  );
}

function decode(bytes: Uint8Array, offset: number, end: number): string {
  const observed = observeDnsAnswer(observer, bytes, offset, end, DEVICE, NOW);
  const taught = checkLessons(observed);
  const asked = observeDnsQuery(observer, bytes, offset, end, DEVICE, NOW);
  must(asked.length <= 1, 'one application, asked for twice');
  const code = walkNames(bytes, offset, end, matcher.filter, (_, base, stop, at) => {
    return matchName(matcher, bytes, at, base, stop).length > 0;
  });
  const isResponse = end - offset >= 12 && (bytes[offset + 2]! & 0x80) !== 0;
  const isLed =
    readName(bytes, offset, end, offset + 12, scratch) > 0 &&
    isAlias(observer.aliases, DEVICE, nameText(bytes, scratch), NOW);
  const message = decodeDns(bytes, offset, end);
  const isHeard = observed.lessons.length > 0 || observed.unread !== undefined;
  if (!('malformed' in message) && message.questions.length > 0 && isLed && isResponse) {
    must(isHeard, 'an answer to a name that was led to is let go');
  }
  if ('malformed' in message) return kindOf(message.malformed);
  for (const record of message.records) {
    for (const { address, routable } of record.addresses) {
      mustBeCanonical(address);
      must(routable === isRoutableText(address), `${address}: routable or not?`);
    }
  }
  if (isResponse && code === MATCHED && !message.whole) {
    must(observed.unread !== undefined, 'a match that is not whole passes');
  }
  must(
    code !== UNMATCHED || !hasMatch(message, bytes, offset, end),
    'the walk lets a message go that decoding finds a name in',
  );
  const kinds = message.records.map(({ type, section }) => `${type}${section[1]}`);
  const reasons = message.reasons.map(kindOf);
  const shape = `${code} ${message.questions.length} ${[...new Set(kinds)].sort()} ${reasons}`;
  return `${shape} ${Math.min(taught, 3)} ${asked.length} | ${JSON.stringify(observed)}`;
}

export const dns: Target = {
  name: 'dns',
  weight: 20,
  seeds: DNS_SEEDS,
  words: DNS_WORDS,
  run: (input, random) => isolated(input, random, decode).split(' | ')[0]!,
};
