// wire/mac: hardware addresses in one canonical spelling: lower case, six pairs, colons. Configuration, DHCP leases
// and rules are converted here before they are compared.

import { digitOf, PAIRS } from './hex.ts';
import { memo } from './memo.ts';

/** "aa:bb:cc:dd:ee:ff" from any usual spelling (colons, hyphens, dots, none); null: not a MAC. */
export function canonicalMac(text: string): string | null {
  const pairs = /^([0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}$/i.test(text)
    ? text.split(/[:-]/)
    : /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$|^[0-9a-f]{12}$/i.test(text)
      ? text.replace(/\./g, '').match(/../g)
      : null;
  return pairs?.map((pair) => pair.padStart(2, '0').toLowerCase()).join(':') ?? null;
}

/** Whether a device can send from it: not a group address (IEEE 802, bit 0 of the first byte), not all zero. */
export function isDeviceMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00';
}

/**
 * The MAC in a DHCP unique identifier, hexadecimal with or without colons. DUID-LLT has it after a time, DUID-LL
 * without (RFC 8415 11.2, 11.4); hardware type Ethernet for both. Null: none.
 */
export function macOfDuid(duid: string): string | null {
  const digits = duid.replace(/:/g, '');
  const match = /^(?:00010001[0-9a-f]{8}|00030001)([0-9a-f]{12})$/i.exec(digits);
  return match === null ? null : canonicalMac(match[1]!);
}

/** Text of the six bytes at `at`. */
export function macText(b: Uint8Array, at: number): string {
  const [one, two, three] = [PAIRS[b[at]!]!, PAIRS[b[at + 1]!]!, PAIRS[b[at + 2]!]!];
  return `${one}:${two}:${three}:${PAIRS[b[at + 3]!]!}:${PAIRS[b[at + 4]!]!}:${PAIRS[b[at + 5]!]!}`;
}

/** The six bytes of canonical text; null: it is none. */
export function macBytes(text: string): Uint8Array | null {
  return text.length === 17 ? (parseMac(text)?.slice() ?? null) : null;
}

const parseMac = memo(64, (text) => {
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) {
    const high = digitOf(text.charCodeAt(i * 3));
    const low = digitOf(text.charCodeAt(i * 3 + 1));
    if (high < 0 || low < 0 || (i < 5 && text.charCodeAt(i * 3 + 2) !== COLON)) return null;
    bytes[i] = high * 16 + low;
  }
  return bytes;
});

const COLON = 0x3a;
