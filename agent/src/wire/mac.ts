// wire/mac: hardware addresses in the one spelling that the rest of the program compares: lower
// case, six pairs, colons. Configuration, DHCP leases and rules all pass through here.

/** "aa:bb:cc:dd:ee:ff" of any usual spelling (colons, hyphens, dots, none), or null. */
export function canonicalMac(text: string): string | null {
  const pairs = /^([0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}$/i.test(text)
    ? text.split(/[:-]/)
    : /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$|^[0-9a-f]{12}$/i.test(text)
      ? text.replace(/\./g, '').match(/../g)
      : null;
  return pairs?.map((pair) => pair.padStart(2, '0').toLowerCase()).join(':') ?? null;
}

/** Whether a packet's source can be it: no group address (IEEE 802, bit 0 of the first byte). */
export function isDeviceMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00';
}

/**
 * The MAC in a DHCP unique identifier, hexadecimal with or without colons: DUID-LLT has it behind a
 * time, DUID-LL at once (RFC 8415 11.2, 11.4), for Ethernet both. Null: it has none.
 */
export function macOfDuid(duid: string): string | null {
  const digits = duid.replace(/:/g, '');
  const match = /^(?:00010001[0-9a-f]{8}|00030001)([0-9a-f]{12})$/i.exec(digits);
  return match === null ? null : canonicalMac(match[1]!);
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The text of the six bytes at `at`. */
export function macText(b: Uint8Array, at: number): string {
  const [one, two, three] = [PAIRS[b[at]!]!, PAIRS[b[at + 1]!]!, PAIRS[b[at + 2]!]!];
  return `${one}:${two}:${three}:${PAIRS[b[at + 3]!]!}:${PAIRS[b[at + 4]!]!}:${PAIRS[b[at + 5]!]!}`;
}

/** Six bytes of canonical text. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}
