// wire/address and ruleset/elements: text to bytes and back. Canonical text is a fixed point, and accepted text
// always reads the same.

import {
  addressKey,
  addressOf,
  macKey,
  naming,
  pairKey,
  pairOf,
  portKey,
  portOf,
} from '../../../agent/src/ruleset/elements.ts';
import {
  canonicalAddress,
  familyOf,
  formatAddress,
  formatCidr,
  isRoutable,
  parseAddress,
  parseCidr,
} from '../../../agent/src/wire/address.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { macBytes, macText } from '../../../agent/src/wire/mac.ts';
import { bytesOf, must, mustBeCanonical, type Target, textOf } from '../target.ts';

function same(a: Uint8Array | null, b: Uint8Array): boolean {
  return a !== null && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Any bytes as an address: format, parse, and the set keys. */
function fromBytes(bytes: Uint8Array): void {
  const family = familyOf(bytes);
  const text = formatAddress(bytes, 0, family);
  mustBeCanonical(text);
  must(same(parseAddress(text), bytes), `${text} is read as something else`);
  must(same(addressKey(text), bytes) && addressOf(bytes) === text, `key of ${text}`);
  const port = 1 + (bytes[0]! << 8);
  const found = portOf(portKey(text, port)!);
  must(found?.device === text && found.port === port, `port key of ${text}`);
  const pair = pairOf(pairKey(text, text)!);
  must(pair?.device === text && pair.peer === text, `pair key of ${text}`);
  isRoutable(bytes, 0, family);
}

/** Any six bytes as a MAC: text, and the set keys that begin with it. */
function fromMac(bytes: Uint8Array): void {
  const mac = macText(bytes, 0);
  must(same(macKey(mac), bytes) && same(macBytes(mac), bytes), `key of ${mac}`);
  const port = 1 + (bytes[0]! << 8);
  const found = portOf(portKey(mac, port)!);
  must(found?.device === mac && found.port === port, `port key of ${mac}`);
  for (const peer of ['192.0.2.1', '2001:db8::7']) {
    const key = pairKey(mac, peer)!;
    const pair = pairOf(key);
    must(pair?.device === mac && pair.peer === peer, `pair key of ${mac}`);
    must(naming(bytes)(byteString(key)), `${mac} is not named by its pair`);
    must(naming(addressKey(peer)!)(byteString(key)), `${peer} is not named by its pair`);
  }
}

export const address: Target = {
  name: 'address',
  weight: 8,
  seeds: [
    '192.0.2.1',
    '2a01:111::7',
    '::ffff:1.2.3.4',
    '::',
    '1::/64',
    '10.0.0.0/8',
    '1:2:3:4:5:6:7:8',
    'six666',
  ].map(bytesOf),
  words: ['::', ':', '.', '/', '0', '255', 'ffff', '1.2.3.4', '/128', '/32', '00'],
  run(input) {
    if (input.length === 4 || input.length === 16) fromBytes(input);
    if (input.length === 6) fromMac(input);
    const text = textOf(input);
    const cidr = parseCidr(text);
    if (cidr !== null) {
      const normal = formatCidr(cidr);
      const again = parseCidr(normal);
      must(again !== null && formatCidr(again) === normal, `${text}: ${normal} is no fixed point`);
      must(cidr.prefix <= cidr.bytes.length * 8, 'a prefix longer than the address');
    }
    const bytes = parseAddress(text);
    if (bytes === null) return cidr === null ? 'neither' : `block ${cidr.family} ${cidr.prefix}`;
    fromBytes(bytes);
    const canonical = canonicalAddress(text)!;
    must(same(parseAddress(canonical), bytes), `${text} is not ${canonical}`);
    return `${bytes.length} ${canonical.replace(/[0-9a-f]+/g, 'x')}`;
  },
};
