// router/router: collects the state of this router at one moment, as the looks of preflight/ need it.

import type { Realized } from '../kernel/own-pieces.ts';
import type { Routing } from '../kernel/routing.ts';
import type { StandIn } from '../learn/stand-ins.ts';
import { errorText } from '../os/errno.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import type { RouterSeen, Traffic } from '../preflight/seen.ts';
import { readKnownHosts } from './dhcp-files.ts';
import { type Listing, readClaims, readInterfaces } from './foreign.ts';
import { readInstaller } from './installer.ts';
import { readResolvers } from './resolvers.ts';
import { readZone } from './time-zone.ts';

/** Those of `parts` that the kernel lacks, in words. */
export function lackingTexts(
  routing: Routing,
  parts: readonly KernelPart[],
): Map<KernelPart, string> {
  const texts = new Map<KernelPart, string>();
  for (const [part, error] of routing.lacking(parts))
    texts.set(part, error.detail ?? errorText(error));
  return texts;
}

/**
 * `lan`: the devices that the configuration names. The other arguments are null where the caller has not read
 * them.
 */
export async function routerSeen(
  { links, addresses, all }: Realized,
  neighbours: ReadonlyMap<string, string>,
  lan: readonly string[],
  listing: Listing,
  lacking: ReadonlyMap<KernelPart, string> | null,
  hasAgent: boolean,
  traffic: ReadonlyMap<string, Traffic> | null,
  standIns: readonly StandIn[],
): Promise<RouterSeen> {
  // Only a name without a device may be the name of an interface.
  const isAll = lan.every((name) => links.some((one) => one.name === name));
  const interfaces = isAll ? new Map<string, string>() : readInterfaces();
  return {
    ...all,
    ...listing,
    links,
    addresses,
    claims: readClaims(),
    interfaces,
    resolvers: await readResolvers((listing.turns ?? []).flatMap(({ port }) => port ?? [])),
    standIns,
    hosts: readKnownHosts(),
    neighbours,
    zone: readZone(),
    lacking,
    installer: readInstaller(),
    hasAgent,
    traffic,
  };
}
