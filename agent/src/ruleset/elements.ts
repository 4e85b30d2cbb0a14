// ruleset/elements: encodes and decodes keys of learned set elements in netlink form: concatenated fields in
// network byte order, each padded to 4 bytes.

import { type Family, familyOf, formatAddress, parseAddress } from '../wire/address.ts';
import { byteString, hexBytes } from '../wire/hex.ts';
import { macBytes, macText } from '../wire/mac.ts';
import { NFPROTO } from './terms.ts';

/**
 * Milliseconds that the kernel keeps an element beyond its lease: answers repeated within that time change
 * nothing.
 */
export const SLACK = 10_000;

/**
 * Seconds that a learned address or pair is kept: a rule that adds elements has one timeout. The last is the
 * longest lifetime of the profile format.
 */
export const LEASES = [300, 1200, 3600, 14400, 86400, 604800] as const;

/** The shortest lease, with SLACK, that is enough for `milliseconds`; null: none is. A sum of times and a difference of
 * two, on a clock with fractions, can be a fraction larger than what was added. */
export function shortestLease(milliseconds: number): number | null {
  const whole = Math.floor(milliseconds);
  return LEASES.find((seconds) => seconds * 1000 + SLACK >= whole) ?? null;
}

/** Milliseconds that an element is kept which is needed for `milliseconds`. */
export function keptFor(milliseconds: number): number {
  return (shortestLease(milliseconds) ?? LEASES.at(-1)!) * 1000 + SLACK;
}

/** Milliseconds that a window for port mappings outlasts its query: further queries of a burst change nothing. */
export const PORTMAP_SLACK = 40;

/** Key of `<app>_addr`, `<app>_request`, `<app>_portmap`; null: the text is no address. */
export function addressKey(address: string): Uint8Array | null {
  return parseAddress(address);
}

/** Bytes of a MAC, and of a MAC padded before another field. */
const MAC = 6;
export const MAC_FIELD = 8;
/** Lengths of keys with a MAC: with a port or an IPv4 address, with an IPv6 address. */
const MAC_KEYS = [MAC_FIELD + 4, MAC_FIELD + 16];

/** Key of `gateways` and of sets with a MAC alone; null: the text is no MAC. */
export function macKey(mac: string): Uint8Array | null {
  return macBytes(mac);
}

/**
 * A device as the first field of a key, and the key of `<app>_portmap` and `<app>_portmapmac`: six bytes of a
 * MAC and two of padding, or an address. null: neither.
 */
export function deviceKey(device: string): Uint8Array | null {
  const mac = macKey(device);
  return mac === null ? parseAddress(device) : joined(mac, new Uint8Array(MAC_FIELD - MAC));
}

/**
 * Key of `<app>_peer` or, for a device's MAC, `<app>_peermac`: device, then peer; null: an address is
 * malformed, or the families differ.
 */
export function pairKey(device: string, peer: string): Uint8Array | null {
  const first = deviceKey(device);
  const second = parseAddress(peer);
  if (first === null || second === null) return null;
  return first.length === MAC_FIELD || first.length === second.length
    ? joined(first, second)
    : null;
}

/**
 * Key of `<app>_udp` and `<app>_tcp` or, for a MAC, `<app>_udpmac`: device, then the port in the upper half
 * of 32 bits. The lower half is zero: the rules load port and two more bytes and mask those (nft cannot cast
 * a raw payload load to a port, but all 32-bit loads have one type). null: malformed.
 */
export function portKey(device: string, port: number): Uint8Array | null {
  const first = deviceKey(device);
  if (first === null || !Number.isInteger(port) || port < 1 || port > 65535) return null;
  return joined(first, Uint8Array.of(port >> 8, port & 0xff, 0, 0));
}

/**
 * Key of `cut`: remote address, remote port and our port, as the first four bytes of the UDP or TCP
 * header.
 */
export function endsKey(remote: string, remotePort: number, port: number): Uint8Array | null {
  const address = parseAddress(remote);
  if (address === null) return null;
  const ends = Uint8Array.of(remotePort >> 8, remotePort & 0xff, port >> 8, port & 0xff);
  return joined(address, ends);
}

/** Key of a gate (`<app>_blocked`): NFPROTO_IPV4 or NFPROTO_IPV6, one byte. */
export function familyKey(family: Family): Uint8Array {
  return Uint8Array.of(NFPROTO[family]);
}

/** Inverse of addressKey. */
export function addressOf(key: Uint8Array): string | null {
  if (key.length !== 4 && key.length !== 16) return null;
  return formatAddress(key, 0, familyOf(key));
}

/** Inverse of pairKey. */
export function pairOf(key: Uint8Array): { device: string; peer: string } | null {
  if (MAC_KEYS.includes(key.length)) {
    const peer = formatAddress(key, MAC_FIELD, key.length === MAC_KEYS[0] ? 4 : 6);
    return { device: macText(key, 0), peer };
  }
  if (key.length !== 8 && key.length !== 32) return null;
  const half = key.length / 2;
  const family = half === 4 ? 4 : 6;
  return { device: formatAddress(key, 0, family), peer: formatAddress(key, half, family) };
}

/** Inverse of portKey. */
export function portOf(key: Uint8Array): { device: string; port: number } | null {
  if (key.length !== 8 && key.length !== MAC_KEYS[0] && key.length !== 20) return null;
  const width = key.length - 4;
  const port = (key[width]! << 8) | key[width + 1]!;
  if (width === MAC_FIELD) return { device: macText(key, 0), port };
  return { device: formatAddress(key, 0, width === 4 ? 4 : 6), port };
}

/**
 * A test for keys, one character a byte, with this address or MAC in one of their fields: device, peer or server.
 * Compares bytes, since formatting thousands of addresses would take longer than reading them.
 */
export function naming(address: Uint8Array): (key: string) => boolean {
  const width = address.length;
  const text = byteString(address);
  return (key) => {
    const isAt = (field: number): boolean => key.startsWith(text, field);
    if (MAC_KEYS.includes(key.length)) {
      return width === MAC ? isAt(0) : key.length === MAC_FIELD + width && isAt(MAC_FIELD);
    }
    for (let field = 0; field + width <= key.length; field += width) if (isAt(field)) return true;
    return false;
  };
}

/** Hex of the device that a key of any learned set begins with. */
export function deviceOf(key: Uint8Array): string {
  // IPv4: 4 bytes, alone or with 4 more; IPv6: 16, alone or with 4 or 16 more; a MAC: 6.
  const isMac = key.length === MAC || MAC_KEYS.includes(key.length);
  const width = isMac ? MAC : key.length <= 8 ? 4 : 16;
  return hexBytes(key.length === width ? key : key.subarray(0, width));
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const key = new Uint8Array(first.length + second.length);
  key.set(first);
  key.set(second, first.length);
  return key;
}
