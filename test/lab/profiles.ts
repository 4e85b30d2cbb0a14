// The profiles of the lab: the one that is shipped, with single values changed, so that hours pass within a
// session. Whatever else the shipped one says is what is played.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine/machine.ts';
import { projectRoot } from './machine/paths.ts';

interface Shipped {
  readonly ports: { readonly leaseSeconds: number };
  readonly peers: { readonly leaseSeconds: number };
  readonly endpoints: { readonly ttlMinimumSeconds: number; readonly ttlMaximumSeconds: number };
}

/** Seconds: of leases of days nothing would expire in the hours that the adversary plays. */
const LEASES = { ports: { leaseSeconds: 7200 }, peers: { leaseSeconds: 3600 } };

/** What is kept, kept `factor` times as short, a second at least. The windows of seconds and milliseconds (port
 * mapping, connection request) are the protocol's, and stay. */
function shortened({ ports, peers, endpoints }: Shipped, factor: number): Shipped {
  const short = (seconds: number): number => Math.max(1, Math.ceil(seconds / factor));
  return {
    ports: { ...ports, leaseSeconds: short(ports.leaseSeconds) },
    peers: { ...peers, leaseSeconds: short(peers.leaseSeconds) },
    endpoints: {
      ttlMinimumSeconds: short(endpoints.ttlMinimumSeconds),
      ttlMaximumSeconds: short(endpoints.ttlMaximumSeconds),
    },
  };
}

/** How many seconds of the shipped leases are one of `brief`. */
export const BRIEF_FACTOR = 1000;

const VARIANTS = {
  /** Sessions: an answer counts for no longer than it says. */
  lab: ({ endpoints }: Shipped) => ({ endpoints: { ...endpoints, ttlMinimumSeconds: 2 } }),
  /** A night in half a minute. */
  brief: (shipped: Shipped) => shortened(shipped, BRIEF_FACTOR),
  /** Another application that has the same names. */
  twin: () => ({ title: 'A second application with the names of the first' }),
} as const;
export type Variant = keyof typeof VARIANTS;

function changed(name: string, change: (shipped: Shipped) => object): string {
  const path = join(projectRoot(), 'agent/profiles/skype.json');
  const shipped = JSON.parse(readFileSync(path, 'utf8')) as Shipped;
  return JSON.stringify({ ...shipped, name, ...change(shipped) });
}

/** The text of /usr/share/whp/profiles/VARIANT.json. */
export function profileText(variant: Variant): string {
  return changed(variant, VARIANTS[variant]);
}

/** The shipped profile in its own place with LEASES, and all that is kept `factor` times as short. */
export function fasterProfile(factor: number): string {
  return changed('skype', ({ ports, peers, endpoints }) => {
    const hours = { ports: { ...ports, ...LEASES.ports }, peers: { ...peers, ...LEASES.peers } };
    return shortened({ ...hours, endpoints }, factor);
  });
}

/** Puts it beside the shipped one. */
export async function putProfile(router: Machine, variant: Variant): Promise<void> {
  await router.put(`/usr/share/whp/profiles/${variant}.json`, profileText(variant), 0o644);
}
