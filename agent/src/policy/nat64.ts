// policy/nat64: maps IPv4 blocks into NAT64 prefixes. Behind NAT64 (RFC 6146), or on a device with 464XLAT
// (RFC 6877), a flow to an IPv4 host is IPv6 on the home's side, so the blocks of profiles, rules and pins
// also match their mapped addresses.

import type { Profile, ProfileRange } from '../profile/profile.ts';
import {
  type Cidr,
  cidrHas,
  familyIn,
  formatCidr,
  isRoutable,
  parseAddress,
  parseCidr,
} from '../wire/address.ts';

/** RFC 6052 section 2.1: used by every network without a prefix of its own. */
const WELL_KNOWN = '64:ff9b::/96';

/** Prefixes that the owner may add to the well-known one. */
export const MOST_NAMED = 3;

/** RFC 6052 section 2.2. */
const LENGTHS: readonly number[] = [32, 40, 48, 56, 64, 96];

/** What is wrong with `text` as a NAT64 prefix, with the fix; null: nothing. */
export function prefixProblem(text: string): string | null {
  const cidr = parseCidr(text);
  if (cidr?.family !== 6 || !LENGTHS.includes(cidr.prefix)) {
    const lengths = `${LENGTHS.slice(0, -1).join(', ')} or ${LENGTHS.at(-1)}`;
    return `"${text}" is no NAT64 prefix; write an IPv6 prefix of length ${lengths}: list nat64 '2001:db8:64::/96'`;
  }
  const network = formatCidr(cidr);
  if (network === WELL_KNOWN) return `${WELL_KNOWN} counts without being named; remove it`;
  // Bits 64 to 71 of a mapped address are zero.
  if (cidr.prefix === 96 && cidr.bytes[8] !== 0) {
    return `"${text}" has bits 64 to 71 set, which RFC 6052 forbids; ask your provider again`;
  }
  return network === text ? null : `"${text}" has bits behind its prefix; write ${network}`;
}

/** The well-known prefix, then `named`, parsed. */
export function nat64Prefixes(named: readonly string[] = []): readonly Cidr[] {
  return [WELL_KNOWN, ...named].flatMap((text) => parseCidr(text) ?? []);
}

/**
 * Index in the IPv6 address of byte `index` of the IPv4 address, for a prefix of `length` bits; skips byte 8,
 * which is reserved (bits 64 to 71).
 */
function placeOf(length: number, index: number): number {
  const at = length / 8 + index;
  return length <= 64 && at >= 8 ? at + 1 : at;
}

/** The IPv6 block that maps the IPv4 `block` behind `prefix`; null: `block` is no IPv4 block. */
export function mappedBlock(block: string, prefix: Cidr): string | null {
  const inner = familyIn(block) === 6 ? null : parseCidr(block);
  if (inner === null) return null;
  const bytes = new Uint8Array(16);
  bytes.set(prefix.bytes.subarray(0, prefix.prefix / 8));
  inner.bytes.forEach((byte, index) => {
    bytes[placeOf(prefix.prefix, index)] = byte;
  });
  // Length: the prefix, the reserved byte if it is passed, and the bits of the block.
  const whole = Math.floor(inner.prefix / 8);
  const end = whole === 0 ? prefix.prefix : (placeOf(prefix.prefix, whole - 1) + 1) * 8;
  const rest = inner.prefix % 8;
  const length = rest === 0 ? end : placeOf(prefix.prefix, whole) * 8 + rest;
  return formatCidr({ family: 6, bytes, prefix: length });
}

/** The IPv4 blocks among `blocks`, mapped behind each prefix. */
export function mappedBlocks(blocks: readonly string[], prefixes: readonly Cidr[]): string[] {
  return prefixes.flatMap((prefix) => blocks.flatMap((block) => mappedBlock(block, prefix) ?? []));
}

/**
 * `ranges` with the mapped form of their IPv4 blocks added. Returns the same object for the same range and
 * prefixes: callers cache by it.
 */
export function mappedRanges(
  ranges: readonly ProfileRange[],
  prefixes: readonly Cidr[],
): ProfileRange[] {
  const key = prefixes.map(formatCidr).join();
  return ranges.map((range) => {
    const before = made.get(range);
    if (before?.key === key) return before.mapped;
    const more = mappedBlocks(range.addresses, prefixes);
    const mapped =
      more.length === 0 ? range : { ...range, addresses: [...range.addresses, ...more] };
    made.set(range, { key, mapped });
    return mapped;
  });
}

const made = new WeakMap<ProfileRange, { key: string; mapped: ProfileRange }>();

/** `profile` with mapped ranges. Returns the same object for the same input: policies are compared by it. */
export function mappedProfile(profile: Profile, prefixes: readonly Cidr[]): Profile {
  const key = prefixes.map(formatCidr).join();
  const before = profiles.get(profile);
  if (before?.key === key) return before.mapped;
  const mapped = { ...profile, ranges: mappedRanges(profile.ranges, prefixes) };
  profiles.set(profile, { key, mapped });
  return mapped;
}

const profiles = new WeakMap<Profile, { key: string; mapped: Profile }>();

/** Whether `address` maps a public IPv4 host behind one of the prefixes. */
export function isMappedHost(address: string, prefixes: readonly Cidr[]): boolean {
  const bytes = familyIn(address) === 6 ? parseAddress(address) : null;
  if (bytes === null) return false;
  const prefix = prefixes.find((one) => cidrHas(one, bytes, 0));
  if (prefix === undefined) return false;
  const inner = Uint8Array.from({ length: 4 }, (_, i) => bytes[placeOf(prefix.prefix, i)]!);
  return isRoutable(inner, 0, 4);
}
