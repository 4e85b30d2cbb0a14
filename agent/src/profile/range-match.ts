// profile/range-match: which address block of a profile an address, and which range an endpoint, is
// in. The table decides packets by sets made of the same ranges; learn/evidence, answers/flows
// and replay/ ask here afterwards which one it was. Pure.

import { type Cidr, cidrHas, type Family, parseCidr } from '../wire/address.ts';
import type { Profile, ProfileRange, Transport } from './profile.ts';

/** An address as packets have it: 4 or 16 bytes at `offset`, inside for certain. */
export interface AddressAt {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly family: Family;
}

/** The far end of a flow that begins at home. */
export interface EndpointAt extends AddressAt {
  readonly protocol: Transport;
  readonly port: number;
}

export interface RangeMatch {
  readonly range: ProfileRange;
  /** The block of the range, as the profile writes it. */
  readonly block: string;
}

/** The block of `range` that holds the address, whatever the port; null when none does. */
export function findBlock(range: ProfileRange, address: AddressAt): string | null {
  const { bytes, offset, family } = address;
  const at = blocksOf(range).findIndex(
    (cidr) => cidr?.family === family && cidrHas(cidr, bytes, offset),
  );
  return range.addresses[at] ?? null;
}

/** Parsed once for each range: this runs for every flow that the table announces. */
const parsed = new WeakMap<ProfileRange, readonly (Cidr | null)[]>();

function blocksOf(range: ProfileRange): readonly (Cidr | null)[] {
  const known = parsed.get(range) ?? range.addresses.map(parseCidr);
  parsed.set(range, known);
  return known;
}

/** The first of `ranges` that holds the endpoint: address, protocol and port. */
export function findRange(
  ranges: readonly ProfileRange[],
  endpoint: EndpointAt,
): RangeMatch | null {
  for (const range of ranges) {
    if (!range.protocols.includes(endpoint.protocol) || !hasPort(range, endpoint.port)) continue;
    const block = findBlock(range, endpoint);
    if (block !== null) return { range, block };
  }
  return null;
}

/** The same among the ranges of an app and the addresses that its owner has pinned. */
export function findAppRange(
  { profile, pins }: { readonly profile: Pick<Profile, 'ranges'>; readonly pins?: ProfileRange },
  endpoint: EndpointAt,
): RangeMatch | null {
  return findRange(profile.ranges, endpoint) ?? (pins ? findRange([pins], endpoint) : null);
}

function hasPort(range: ProfileRange, port: number): boolean {
  return range.ports.some((span) =>
    typeof span === 'number' ? span === port : port >= span[0] && port <= span[1],
  );
}
