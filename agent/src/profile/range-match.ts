// profile/range-match: finds the range of a profile that contains an endpoint, and its address block. The
// table matches packets against sets built from the same ranges; learn/evidence, answers/flows and replay/
// use these functions to name the range afterwards.

import { type Cidr, cidrHas, type Family, parseCidr } from '../wire/address.ts';
import type { Profile, ProfileRange, Transport } from './profile.ts';

/** An address in a packet: 4 or 16 bytes at `offset`, which the caller has bounds-checked. */
export interface AddressAt {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly family: Family;
}

/** The remote end of a flow from the home. */
export interface EndpointAt extends AddressAt {
  readonly protocol: Transport;
  readonly port: number;
}

export interface RangeMatch {
  readonly range: ProfileRange;
  /** The block of the range, as the profile writes it. */
  readonly block: string;
}

/** The block of `range` that contains the address, for any port; null: none. */
export function findBlock(range: ProfileRange, address: AddressAt): string | null {
  const { bytes, offset, family } = address;
  const at = blocksOf(range).findIndex(
    (cidr) => cidr?.family === family && cidrHas(cidr, bytes, offset),
  );
  return range.addresses[at] ?? null;
}

/** Checked blocks by range: findBlock runs for every flow that the table announces. */
const parsed = new WeakMap<ProfileRange, readonly (Cidr | null)[]>();

function blocksOf(range: ProfileRange): readonly (Cidr | null)[] {
  const known = parsed.get(range) ?? range.addresses.map(parseCidr);
  parsed.set(range, known);
  return known;
}

/** The first of `ranges` that contains the endpoint (address, protocol and port); null: none. */
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

/** As findRange, in the ranges of an app and then in its pinned addresses. */
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

/** All ports of TCP and UDP. */
export function isWhole({ protocols, ports }: ProfileRange): boolean {
  return protocols.length === 2 && JSON.stringify(ports) === '[[0,65535]]';
}

/** Every IPv4 address. */
export function isEverywhere({ addresses }: ProfileRange): boolean {
  return addresses.includes('0.0.0.0/0');
}
