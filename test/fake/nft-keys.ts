// Converts keys of set elements between netlink's bytes and nft's text, by the types in the first line of the set.
import { formatAddress, parseAddress } from '../../agent/src/wire/address.ts';
import { macText } from '../../agent/src/wire/mac.ts';

type Type = 'ipv4' | 'ipv6' | 'ether' | 'service' | 'proto' | 'raw' | 'family';

const TYPES: { readonly [word: string]: Type } = {
  ipv4_addr: 'ipv4',
  ipv6_addr: 'ipv6',
  ether_addr: 'ether',
  inet_service: 'service',
  inet_proto: 'proto',
  nf_proto: 'family',
  'ip saddr': 'ipv4',
  'ip daddr': 'ipv4',
  'ip6 saddr': 'ipv6',
  'ip6 daddr': 'ipv6',
  'ether saddr': 'ether',
  'meta l4proto': 'proto',
  'ct id': 'raw',
};
const WIDTH: { readonly [type in Type]: number } = {
  ipv4: 4,
  ipv6: 16,
  ether: 6,
  service: 2,
  proto: 1,
  raw: 4,
  family: 1,
};
/** NFPROTO_IPV4 and NFPROTO_IPV6 (linux/netfilter.h). */
const FAMILIES: { readonly [number: number]: string } = { 2: 'ipv4', 10: 'ipv6' };

function typesOf(shape: readonly string[]): Type[] {
  const words = (shape[0] ?? '').replace(/^type(?:of)? /, '').split(' . ');
  return words.map((word) => TYPES[word] ?? 'raw');
}

/** Each field of a concatenation is padded to 4 bytes. */
function widthIn(types: readonly Type[], type: Type): number {
  return types.length > 1 ? (WIDTH[type] + 3) & ~3 : WIDTH[type];
}

export function elementText(shape: readonly string[], key: Uint8Array): string {
  const types = typesOf(shape);
  let at = 0;
  return types
    .map((type) => {
      const from = at;
      at += widthIn(types, type);
      return fieldText(type, key, from);
    })
    .join(' . ');
}

function fieldText(type: Type, key: Uint8Array, from: number): string {
  switch (type) {
    case 'ipv4':
    case 'ipv6':
      return formatAddress(key, from, type === 'ipv4' ? 4 : 6);
    case 'ether':
      return macText(key, from);
    case 'service':
      return String((key[from]! << 8) | key[from + 1]!);
    case 'proto':
      return String(key[from]);
    case 'family':
      return FAMILIES[key[from]!] ?? String(key[from]);
    case 'raw':
      return `0x${Array.from(key.subarray(from, from + 4), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
}

export function elementBytes(shape: readonly string[], text: string): Uint8Array {
  const types = typesOf(shape);
  const fields = text.split(' . ').map((word, i) => {
    const type = types[i]!;
    const bytes = fieldBytes(type, word);
    return [...bytes, ...Array(widthIn(types, type) - bytes.length).fill(0)] as number[];
  });
  return Uint8Array.from(fields.flat());
}

function fieldBytes(type: Type, word: string): number[] {
  switch (type) {
    case 'ipv4':
    case 'ipv6':
      return Array.from(parseAddress(word)!);
    case 'ether':
      return word.split(':').map((byte) => Number.parseInt(byte, 16));
    case 'service':
      return [Number(word) >> 8, Number(word) & 255];
    case 'proto':
      return [Number(word)];
    case 'family':
      return [Number(Object.entries(FAMILIES).find(([, name]) => name === word)?.[0] ?? word)];
    case 'raw':
      return [24, 16, 8, 0].map((bits) => (Number(word) >>> bits) & 255);
  }
}
