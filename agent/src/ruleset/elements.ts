// ruleset/elements: keys of learned set elements, as netlink carries them: every concatenated
// field in network byte order and padded to 4 bytes. learn/ makes them, status reads them back.
import { type Family, familyOf, formatAddress, parseAddress } from '../wire/address.ts';
import { NFPROTO } from './terms.ts';

/** Milliseconds by which the kernel keeps an endpoint longer that is learned again: the answers to a
 * device that goes on asking then need no transaction each. */
export const SLACK = 10_000;

/** Key of `<app>_addr`, `<app>_window`, `<app>_asked`; null when the text is no address. */
export function addressKey(address: string): Uint8Array | null {
  return parseAddress(address);
}

/** Key of `<app>_peer`: device, then peer; null unless both are addresses of one family. */
export function pairKey(device: string, peer: string): Uint8Array | null {
  const first = parseAddress(device);
  const second = parseAddress(peer);
  if (first === null || second === null || first.length !== second.length) return null;
  return joined(first, second);
}

/**
 * Key of `<app>_udp` and `<app>_tcp`: device, then the port in the upper half of 32 bits. The
 * lower half is zero: the rules load port and two more bytes, and mask those away (nft has no
 * cast from a raw payload load to a port, but all 32-bit loads are alike).
 */
export function portKey(device: string, port: number): Uint8Array | null {
  const first = parseAddress(device);
  if (first === null || !Number.isInteger(port) || port < 1 || port > 65535) return null;
  return joined(first, Uint8Array.of(port >> 8, port & 0xff, 0, 0));
}

/** Key of `silent`: a remote address, its port and ours: the first four bytes of UDP's and TCP's header. */
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
  if (key.length !== 8 && key.length !== 32) return null;
  const half = key.length / 2;
  const family = half === 4 ? 4 : 6;
  return { device: formatAddress(key, 0, family), peer: formatAddress(key, half, family) };
}

/** Inverse of portKey. */
export function portOf(key: Uint8Array): { device: string; port: number } | null {
  if (key.length !== 8 && key.length !== 20) return null;
  const width = key.length - 4;
  const port = (key[width]! << 8) | key[width + 1]!;
  return { device: formatAddress(key, 0, width === 4 ? 4 : 6), port };
}

/** Keys that have this address in one of their fields: device, peer or server. Compared as bytes,
 * since to write thousands of addresses out takes longer than to read them. */
export function naming(
  address: Uint8Array,
): (bytes: Uint8Array, from: number, end: number) => boolean {
  const width = address.length;
  return (bytes, from, end) => {
    for (let field = from; field + width <= end; field += width) {
      let at = 0;
      while (at < width && bytes[field + at] === address[at]) at += 1;
      if (at === width) return true;
    }
    return false;
  };
}

/** Hex of the device that a key of any learned set begins with. */
export function deviceOf(key: Uint8Array): string {
  // IPv4: 4 bytes, alone or with 4 more; IPv6: 16, alone or with 4 or 16 more.
  const width = key.length <= 8 ? 4 : 16;
  let text = '';
  for (let i = 0; i < width && i < key.length; i++) text += key[i]!.toString(16).padStart(2, '0');
  return text;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const key = new Uint8Array(first.length + second.length);
  key.set(first);
  key.set(second, first.length);
  return key;
}
