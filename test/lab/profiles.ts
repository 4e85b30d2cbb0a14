// The profiles of the lab: the shipped one with single values changed, so that hours pass within a session.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine/machine.ts';
import { projectRoot } from './machine/paths.ts';

interface Shipped {
  readonly ports: { readonly leaseSeconds: number };
  readonly peers: { readonly leaseSeconds: number };
  readonly endpoints: { readonly ttlMinimumSeconds: number; readonly ttlMaximumSeconds: number };
}

/** Seconds: with leases of days nothing would expire in the hours that the adversary plays. */
const LEASES = { ports: { leaseSeconds: 7200 }, peers: { leaseSeconds: 3600 } };

/** Lifetimes divided by `factor`, one second at least. The windows (port mapping, connection request) belong
 * to the protocol and are unchanged. */
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

/** Seconds of the shipped leases that correspond to one of `brief`. */
export const BRIEF_FACTOR = 1000;

const VARIANTS = {
  /** For the sessions: an answer counts only for its TTL. */
  lab: ({ endpoints }: Shipped) => ({ endpoints: { ...endpoints, ttlMinimumSeconds: 2 } }),
  /** A night in half a minute. */
  brief: (shipped: Shipped) => shortened(shipped, BRIEF_FACTOR),
  /** Another app with the same names. */
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

/** Replaces the shipped profile: LEASES, and lifetimes divided by `factor`. */
export function fasterProfile(factor: number): string {
  return changed('skype', ({ ports, peers, endpoints }) => {
    const hours = { ports: { ...ports, ...LEASES.ports }, peers: { ...peers, ...LEASES.peers } };
    return shortened({ ...hours, endpoints }, factor);
  });
}

/** Adds it beside the shipped profile. */
export async function putProfile(router: Machine, variant: Variant): Promise<void> {
  await router.put(`/usr/share/whp/profiles/${variant}.json`, profileText(variant), 0o644);
}
