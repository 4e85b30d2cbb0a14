// learn/evidence: why a flow is proxied. The ruleset logs the first packet of every flow it marks, with a prefix
// that names the evidence and the application; this store keeps the latest, bounded, and `whp flows` and `whp
// why` show them.

import { claim, createShares, disclaim, nextToGo, type Shares } from '../bounds/fair-share.ts';
import type { App } from '../policy/policy.ts';
import { findAppRange } from '../profile/range-match.ts';
import type { AppFeed } from '../ruleset/names.ts';
import { formatAddress } from '../wire/address.ts';
import { flowText, protocolName } from '../wire/flow-text.ts';
import { destinationText, type Packet, sourceText, UDP } from '../wire/packet.ts';
import { nameWithin } from './aliases.ts';
import { findEndpoint, findPair, type Learned } from './endpoints.ts';

/** Evidence that a log rule announces for a packet; `full` is about a set, not about a packet. */
export type EvidenceKind = Exclude<AppFeed, 'full'>;

export interface Flow {
  /** From protocolName. */
  readonly protocol: string;
  readonly source: string;
  /** 0: the protocol has no ports. */
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export interface FlowEvidence {
  readonly app: string;
  readonly kind: EvidenceKind;
  readonly flow: Flow;
  readonly device: string;
  /** The range, name, port or peer, in words. */
  readonly detail: string;
  /** Milliseconds: first and last packet logged, and when the evidence expires. */
  readonly first: number;
  readonly last: number;
  readonly until: number;
}

export interface EvidenceStore {
  readonly cap: number;
  /** By app and flow, least recently logged first. */
  readonly flows: Map<string, FlowEvidence>;
  /** Flows of each device: a flood of one device evicts that device's flows. */
  readonly shares: Shares;
  /** Packets logged, by app and kind, as "skype range". */
  readonly counts: Map<string, number>;
  /** Flows evicted at the cap. */
  evicted: number;
}

/** The default cap is about what a home opens in some minutes. */
export function createEvidence(cap = 768): EvidenceStore {
  return { cap, flows: new Map(), shares: createShares(), counts: new Map(), evicted: 0 };
}

/** Where `describe` looks up details. */
export interface EvidenceSources {
  readonly app: Pick<App, 'profile' | 'pins'>;
  readonly learned: Learned;
  readonly pairs: Learned;
  /** The device's key in `pairs`: its MAC, or its address. */
  readonly holder: string;
}

/** Notes that the ruleset logged `packet` for `app` at `now` (milliseconds). */
export function recordEvidence(
  store: EvidenceStore,
  kind: EvidenceKind,
  app: string,
  packet: Packet,
  sources: EvidenceSources,
  now: number,
): FlowEvidence {
  const flow = flowOf(packet);
  const key = `${app} ${flowText(flow)}`;
  const known = store.flows.get(key);
  const { detail, until } = describe(kind, flow, packet, sources, app, now);
  const device = kind === 'request' ? flow.destination : flow.source;
  const first = known?.first ?? now;
  const evidence: FlowEvidence = { app, kind, flow, device, detail, first, last: now, until };
  store.flows.delete(key);
  store.flows.set(key, evidence);
  claim(store.shares, key, device);
  if (store.flows.size > store.cap) {
    const { key: oldest } = nextToGo(store.shares)!;
    store.flows.delete(oldest);
    disclaim(store.shares, oldest);
    store.evicted += 1;
  }
  const count = `${app} ${kind}`;
  store.counts.set(count, (store.counts.get(count) ?? 0) + 1);
  return evidence;
}

export function flowOf(packet: Packet): Flow {
  const { protocol } = packet;
  return {
    protocol: protocolName(protocol),
    source: sourceText(packet),
    sourcePort: Math.max(0, packet.sourcePort),
    destination: destinationText(packet),
    destinationPort: Math.max(0, packet.destinationPort),
  };
}

/** The detail of an evidence, and when it expires (milliseconds). */
export interface Words {
  readonly detail: string;
  readonly until: number;
}

/** The fields of a packet that `describe` needs. */
export type Described = Pick<
  Packet,
  'bytes' | 'destination' | 'destinationPort' | 'family' | 'protocol' | 'length'
>;

export function describe(
  kind: EvidenceKind,
  flow: Flow,
  packet: Described,
  sources: EvidenceSources,
  app: string,
  now: number,
): Words {
  const { learned, pairs } = sources;
  const { profile } = sources.app;
  const lease = (seconds: number) => now + seconds * 1000;
  switch (kind) {
    case 'range':
      return describeRange(sources.app, packet);
    case 'addr': {
      const known = findEndpoint(learned, app, flow.destination);
      if (known === null) return { detail: `${flow.destination}, learned by DNS`, until: now };
      const name = nameWithin(known.name, known.root);
      const detail = `${name} is ${known.address}, asked by ${known.device}`;
      return { detail, until: known.kept };
    }
    case 'hello': {
      const detail = `its TLS hello to ${flow.destination} named the application`;
      return { detail, until: lease(profile.peers.leaseSeconds) };
    }
    case 'port': {
      const detail = `${flow.protocol} port ${flow.sourcePort} is the application's on ${flow.source}`;
      return { detail, until: lease(profile.ports.leaseSeconds) };
    }
    case 'peer': {
      const said = findPair(pairs, app, sources.holder, flow.destination);
      if (said !== null) {
        const name = nameWithin(said.name, said.root);
        const detail = `${name} is ${said.address} for ${said.device}, said ${said.resolver}`;
        return { detail, until: said.kept };
      }
      const detail = `${flow.destination} is a peer of ${flow.source}`;
      return { detail, until: lease(profile.peers.leaseSeconds) };
    }
    case 'window': {
      const milliseconds = profile.request.windowMilliseconds;
      const detail = `new flow within ${milliseconds} ms of a connection request`;
      return { detail, until: now + milliseconds };
    }
    case 'request': {
      const detail = `connection request of ${packet.length} bytes from ${flow.source}`;
      return { detail, until: now + profile.request.windowMilliseconds };
    }
    case 'mapping': {
      const detail = `port mapping within ${profile.portmap.windowSeconds} s of a DNS request`;
      return { detail, until: lease(profile.ports.leaseSeconds) };
    }
    case 'late':
      return { detail: 'began on the direct path before it was known; refused once', until: now };
    case 'inbound':
      return { detail: 'a new flow from the Internet side; refused', until: now };
  }
}

function describeRange(app: EvidenceSources['app'], packet: Described): Words {
  const { bytes, destination: offset, destinationPort: port, family } = packet;
  const protocol = packet.protocol === UDP ? 'udp' : 'tcp';
  const found = findAppRange(app, { bytes, offset, family, protocol, port });
  if (found === null) {
    const address = formatAddress(bytes, offset, family);
    return { detail: `${address}, in a range of an earlier policy`, until: 0 };
  }
  const { range, block } = found;
  // A pin or rule of the owner has no date.
  const what = range.date === '' ? range.source : `${range.role} range ${block}`;
  const detail = `${what}, port ${port}`;
  return { detail, until: Date.parse(`${range.expires}T23:59:59Z`) };
}

/** Evidence of flows from or to the address `query`, or of the flow that flowText writes as `query`. */
export function findEvidence(store: EvidenceStore, query: string): FlowEvidence[] {
  const wanted = query.trim();
  return Array.from(store.flows.values()).filter(
    ({ flow }) =>
      flow.source === wanted || flow.destination === wanted || flowText(flow) === wanted,
  );
}

/** Forgets flows last logged before `before` (milliseconds); returns how many. */
export function expireEvidence(store: EvidenceStore, before: number): number {
  let count = 0;
  for (const [key, evidence] of store.flows) {
    if (evidence.last >= before) break;
    store.flows.delete(key);
    disclaim(store.shares, key);
    count += 1;
  }
  return count;
}
