// router/router: collects the state of this router at one moment, as the looks of preflight/ need it.

import type { Realized } from '../kernel/own-pieces.ts';
import type { Routing } from '../kernel/routing.ts';
import { errorText } from '../os/errno.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import type { RouterSeen } from '../preflight/seen.ts';
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

/** What the caller of routerSeen has read. */
export interface CallerSeen
  extends Pick<RouterSeen, 'neighbours' | 'lacking' | 'hasAgent' | 'traffic' | 'standIns'> {
  readonly listing: Listing;
}

/** `lan`: the devices that the configuration names. */
export async function routerSeen(
  { links, addresses, all }: Realized,
  lan: readonly string[],
  { listing, ...known }: CallerSeen,
): Promise<RouterSeen> {
  // Only a name without a device may be the name of an interface.
  const isAll = lan.every((name) => links.some((one) => one.name === name));
  const interfaces = isAll ? new Map<string, string>() : readInterfaces();
  return {
    ...all,
    ...listing,
    ...known,
    links,
    addresses,
    claims: readClaims(),
    interfaces,
    resolvers: await readResolvers((listing.redirects ?? []).flatMap(({ port }) => port ?? [])),
    hosts: readKnownHosts(),
    zone: readZone(),
    installer: readInstaller(),
  };
}
