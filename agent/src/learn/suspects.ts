// learn/suspects: evidence that the rules accept and that may be false: a supernode that keeps a device's request
// window open, or a mapped port that behaves like another application's. `whp status` shows them; the agent
// withdraws neither, since that could let a real call out directly. Pure and bounded.
import type { AppFeed } from '../ruleset/names.ts';
import { destinationText, type Packet, sourceText, transportName } from '../wire/packet.ts';
import { observePortmap } from './observe-portmap.ts';

interface Requests {
  /** Start of the counted minute, milliseconds. */
  since: number;
  count: number;
  /** When there were last too many, and how many in that minute. */
  heldAt: number;
  most: number;
}

interface MappedPort {
  readonly app: string;
  readonly device: string;
  /** Address of the device when it mapped the port. */
  readonly address: string;
  readonly transport: 'udp' | 'tcp';
  readonly port: number;
  readonly since: number;
  readonly peers: Set<string>;
}

export interface Suspects {
  /** By app and supernode. */
  readonly requests: Map<string, Requests>;
  /** By app, device, transport and port, oldest mapping first. */
  readonly ports: Map<string, MappedPort>;
}

const MINUTE = 60_000;
/** Requests of a supernode in one minute, counted at most once a second for a flow (bounds/dedupe). An ordinary
 * client gets a few an hour. */
const MANY_REQUESTS = 40;
/** How long a window kept open is reported. */
const TOLD_MILLISECONDS = 600_000;
/** Peers of a port, and the milliseconds within which the application would have contacted its operator. */
const MANY_PEERS = 32;
const PATIENCE = 600_000;
const MOST_SUPERNODES = 64;
const MOST_PORTS = 128;

export function createSuspects(): Suspects {
  return { requests: new Map(), ports: new Map() };
}

/** Notes an announced packet; `device`: its sender, by MAC or address. */
export function noteSuspect(
  suspects: Suspects,
  feed: AppFeed,
  app: string,
  packet: Packet,
  device: string,
  now: number,
): void {
  const { ports } = suspects;
  const transport = transportName(packet.protocol);
  const key = `${app} ${device} ${transport} ${packet.sourcePort}`;
  if (feed === 'request') noteRequest(suspects.requests, `${app} ${sourceText(packet)}`, now);
  else if (feed === 'mapping') noteMapping(ports, app, packet, device, now);
  // The port was used towards the operator's range, so it is the application's.
  else if (feed === 'range') ports.delete(key);
  else if (feed === 'port') {
    const known = ports.get(key);
    if (known !== undefined && known.peers.size < MANY_PEERS) {
      known.peers.add(destinationText(packet));
    }
  }
}

function noteRequest(requests: Map<string, Requests>, key: string, now: number): void {
  const known = requests.get(key) ?? { since: now, count: 0, heldAt: -TOLD_MILLISECONDS, most: 0 };
  if (now - known.since >= MINUTE) {
    known.since = now;
    known.count = 0;
  }
  known.count += 1;
  if (known.count > MANY_REQUESTS) {
    known.heldAt = now;
    known.most = known.count;
  }
  requests.delete(key);
  requests.set(key, known);
  dropOldest(requests, MOST_SUPERNODES);
}

function noteMapping(
  ports: Map<string, MappedPort>,
  app: string,
  packet: Packet,
  device: string,
  now: number,
): void {
  const mapped = observePortmap(packet);
  if (mapped === null || 'malformed' in mapped) return;
  for (const transport of mapped.transports) {
    const { port } = mapped;
    const key = `${app} ${device} ${transport} ${port}`;
    if (ports.has(key)) continue;
    const address = sourceText(packet);
    ports.set(key, { app, device, address, transport, port, since: now, peers: new Set() });
    dropOldest(ports, MOST_PORTS);
  }
}

/** Forgets the ports of a device, by its MAC and addresses; null: of all devices. */
export function forgetSuspects(
  { ports }: Suspects,
  apps: readonly string[],
  names: readonly string[] | null,
): void {
  for (const [key, { app, device }] of ports) {
    if (apps.includes(app) && (names === null || names.includes(device))) ports.delete(key);
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}

/** What to report at `now` (milliseconds), one line each. */
export function suspectLines({ requests, ports }: Suspects, now: number): string[] {
  const lines: string[] = [];
  for (const [key, { heldAt, most }] of requests) {
    if (now - heldAt >= TOLD_MILLISECONDS) continue;
    const [app, node] = key.split(' ');
    lines.push(
      `${app}: supernode ${node} has sent ${most} connection requests in a minute, or more: whatever its device begins meanwhile takes the tunnel`,
    );
  }
  for (const { app, address, transport, port, since, peers } of ports.values()) {
    if (peers.size < MANY_PEERS || now - since < PATIENCE) continue;
    lines.push(
      `${app}: ${transport} port ${port} of ${address} is known by its mapping alone, speaks to ${MANY_PEERS} peers and more, and to no server of the operator; if it is another application's: whp forget ${address}`,
    );
  }
  return lines;
}
