// replay/learned: what the table and the agent learned during a capture. Elements expire on the capture's clock,
// but the report is about all of it, so they are collected while they exist.

import { nameInWords } from '../learn/aliases.ts';
import { capOf, ROOM_SETS, surplusOf } from '../learn/evict.ts';
import type { FlowEvidence } from '../learn/evidence.ts';
import type { Lesson } from '../learn/observe-dns.ts';
import type { App, Policy } from '../policy/policy.ts';
import { findRange } from '../profile/range-match.ts';
import { pairOf, portOf } from '../ruleset/elements.ts';
import { setName, setsOf } from '../ruleset/names.ts';
import { listElements, type ModelKernel, removeElements } from '../ruleset/trace/fake-kernel.ts';
import { FAMILIES, familyOf, parseAddress } from '../wire/address.ts';

export interface HarvestedPort {
  readonly app: string;
  /** Of the device. */
  readonly address: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  /** When it was first seen, milliseconds from the start of the capture. */
  readonly since_ms: number;
}

export interface HarvestedPeer {
  readonly app: string;
  /** Of the device. */
  readonly address: string;
  readonly remote: string;
}

export interface HarvestedEndpoint {
  readonly app: string;
  readonly remote: string;
  /** The first name that led to it. */
  readonly name: string;
}

/** Maps by a unique text of each entry. */
export interface Harvest {
  readonly ports: Map<string, HarvestedPort>;
  readonly peers: Map<string, HarvestedPeer>;
  readonly endpoints: Map<string, HarvestedEndpoint>;
  readonly supernodes: Set<string>;
}

export function createHarvest(): Harvest {
  return { ports: new Map(), peers: new Map(), endpoints: new Map(), supernodes: new Set() };
}

/** Adds the ports in the sets, with those that expired since the last call; `since`: milliseconds. */
export function gatherPorts(
  harvest: Harvest,
  kernel: ModelKernel,
  policy: Policy,
  since: number,
): void {
  for (const { name: app } of policy.apps) {
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const key of FAMILIES.flatMap((one) => keysOf(kernel, setName(app, protocol, one)))) {
        const found = portOf(key);
        if (found === null) continue;
        const { device: address, port } = found;
        const name = `${app} ${protocol} ${address} ${port}`;
        if (harvest.ports.has(name)) continue;
        harvest.ports.set(name, { app, address, protocol, port, since_ms: Math.floor(since) });
      }
    }
  }
}

/** Adds the peers likewise. */
export function gatherPeers(harvest: Harvest, kernel: ModelKernel, policy: Policy): void {
  for (const { name: app } of policy.apps) {
    for (const key of FAMILIES.flatMap((one) => keysOf(kernel, setName(app, 'peer', one)))) {
      const found = pairOf(key);
      if (found === null) continue;
      const { device: address, peer: remote } = found;
      harvest.peers.set(`${app} ${address} ${remote}`, { app, address, remote });
    }
  }
}

/** Keys of a set at time 0: the model keeps expired elements until it needs their place. */
function keysOf(kernel: ModelKernel, set: string): Uint8Array[] {
  return listElements(kernel, set, 0).map(({ key }) => key);
}

export function gatherLesson(harvest: Harvest, { app, name, root, addresses }: Lesson): void {
  for (const { address } of addresses) {
    const key = `${app} ${address}`;
    if (!harvest.endpoints.has(key))
      harvest.endpoints.set(key, { app, remote: address, name: nameInWords(name, root) });
  }
}

/** Adds a supernode: the destination of a flow whose evidence is a range with this role. */
export function gatherEvidence(harvest: Harvest, app: App, { kind, flow }: FlowEvidence): void {
  const { protocol, destination, destinationPort: port } = flow;
  const bytes = parseAddress(destination);
  if (kind !== 'range' || bytes === null || (protocol !== 'udp' && protocol !== 'tcp')) return;
  const endpoint = { bytes, offset: 0, family: familyOf(bytes), protocol, port } as const;
  const supernodes = app.profile.ranges.filter(({ role }) => role === 'supernode');
  if (findRange(supernodes, endpoint) !== null) harvest.supernodes.add(destination);
}

/** What the runtime does for effect make-room: evicts an eighth of each full set of the app. */
export function makeRoom(kernel: ModelKernel, app: App, now: number): void {
  for (const kind of ROOM_SETS) {
    for (const set of setsOf(app.name, kind)) {
      const entries = listElements(kernel, set, now).map(({ key, expires }) => {
        return { key, left: expires - now };
      });
      removeElements(kernel, set, surplusOf(entries, capOf(app.profile.caps, kind)));
    }
  }
}
