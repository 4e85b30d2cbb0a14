// ruleset/host-lessons: what the host program needs to teach an answer itself (agent/native/lesson.c): for each
// application and set the packet that adds an element, without its key; the rates of answers that teach; and the
// addresses that no answer may teach.
//
// Bytes: number of applications; tokens a second and most tokens, of a device and of the home; number of addresses.
// Then each packet, behind its length: by application, by set in the order of KINDS, IPv4 before IPv6. Then each
// address, behind its length.
import { HOME_PACE, PACE } from '../bounds/token-bucket.ts';
import type { App, Policy } from '../policy/policy.ts';
import { FAMILIES, parseAddress } from '../wire/address.ts';
import { elementPacket, OF_THE_SET } from './element-packet.ts';
import { LEASES } from './elements.ts';
import { setName } from './names.ts';

/** Bytes of a key, IPv4 and IPv6. */
const KINDS = { addr: [4, 16], peer: [8, 32], peermac: [12, 24] } as const;
/** Most addresses that the host program takes. */
const MOST_OWN = 64;

/** `own`: addresses of the router. Null: there are more than the host program takes, and it teaches nothing. */
export function hostLessons({ apps, proxies }: Policy, own: readonly string[]): Uint8Array | null {
  const addresses = [...own, ...proxies.map(({ address }) => address)].flatMap(
    (text) => parseAddress(text) ?? [],
  );
  if (addresses.length > MOST_OWN) return null;
  const { perSecond, burst } = PACE;
  const { perSecond: homeRate, burst: homeBurst } = HOME_PACE;
  const bytes = [apps.length, perSecond, burst, homeRate, homeBurst, addresses.length];
  for (const one of [...apps.flatMap(packetsOf), ...addresses]) bytes.push(one.length, ...one);
  return Uint8Array.from(bytes);
}

/** Packets that keep an element for the longest of its leases: the script's lesson, which comes later, ends it in time. */
function packetsOf(app: App): Uint8Array[] {
  return (['addr', 'peer', 'peermac'] as const).flatMap((kind) =>
    FAMILIES.map((family, i) => {
      const key = new Uint8Array(KINDS[kind][i]!);
      return elementPacket(setName(app.name, kind, family), key, firstLease(app, kind))!;
    }),
  );
}

/** A pair that is known may be kept for longer than any answer says: it is renewed as by a use. */
export function firstLease({ profile: { endpoints, peers } }: App, kind: string): number {
  const longest = answerLeases(endpoints).at(-1)!;
  return kind === 'addr' || peers.leaseSeconds < longest ? longest : OF_THE_SET;
}

/** The leases of answers: from the shortest lifetime of the profile to the longest. */
export function answerLeases(endpoints: App['profile']['endpoints']): number[] {
  const { ttlMinimumSeconds: least, ttlMaximumSeconds: most } = endpoints;
  const from = LEASES.findIndex((lease) => lease >= least);
  const to = LEASES.findIndex((lease) => lease >= most);
  return LEASES.slice(from, to + 1);
}
