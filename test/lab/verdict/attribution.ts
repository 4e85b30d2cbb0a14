// Whose packet it is: behind the router's NAT a packet has lost its device, so it is matched with
// the flows of the LAN wire (same protocol and remote; same port, or the port NAT chose), and a
// flow with the session that its device was playing. Wrong or missing matches move a count to
// another line of the table; they never change a total.

import { type LanFlow, type LanView, remoteKey } from './lan.ts';
import { about, homePort, remoteOf } from './nature.ts';
import type { FlowRecord, SessionRecord } from './records.ts';
import type { Sighting } from './sighting.ts';

/** A packet on the ISP wire may be stamped this much before its copy on the LAN wire, seconds. */
const SLACK = 0.05;

export interface Attribution {
  flowOf(sighting: Sighting): LanFlow | undefined;
}

/** The last flow begun by `time` that fits. */
function latest(
  list: readonly LanFlow[],
  time: number,
  fits: (flow: LanFlow) => boolean,
): LanFlow | undefined {
  let found: LanFlow | undefined;
  for (const flow of list) if (flow.first <= time + SLACK && fits(flow)) found = flow;
  return found;
}

/** The flow begun closest to `time`: NAT handles a flow's first packet when it comes. */
function closest(list: readonly LanFlow[], time: number): LanFlow | undefined {
  let found: LanFlow | undefined;
  for (const flow of list) {
    const better = !found || Math.abs(time - flow.first) < Math.abs(time - found.first);
    if (flow.first <= time + SLACK && better) found = flow;
  }
  return found;
}

const owner = (flow: LanFlow): string =>
  `${flow.device}|${flow.port}|${flow.protocol}|${flow.remote}|${flow.remotePort}`;

/** Matches packets in the order of the ISP capture: of several devices with the same port and the
 * same remote, NAT leaves the port to the first and gives the others new ones. */
export function attributionOn(lan: LanView): Attribution {
  const matched = new Map<string, LanFlow>();
  const claimed = new Set<string>();
  const claim = (key: string, flow: LanFlow): LanFlow => {
    matched.set(key, flow);
    claimed.add(owner(flow));
    return flow;
  };
  const flowOf = (sighting: Sighting): LanFlow | undefined => {
    const flow = about(sighting);
    const remote = remoteOf(flow);
    const port = homePort(flow);
    const remotes = remoteKey(flow.protocol, remote.address, remote.port);
    const list = lan.byRemote.get(remotes) ?? [];
    const key = `${remotes}|${port}`;
    const { tcpSequence, time } = sighting;
    if ((sighting.tcpFlags & 0x12) === 2) {
      const opened = latest(list, time, (one) => one.sequence === tcpSequence);
      if (opened) return claim(key, opened);
    }
    const known = matched.get(key);
    // The same ports again after a silence are a new flow of the same owner.
    if (known) return latest(list, time, (one) => owner(one) === owner(known)) ?? known;
    const free = list.filter((one) => !claimed.has(owner(one)));
    const kept = free.filter((one) => one.port === port);
    const found =
      closest(kept, time) ??
      closest(free, time) ??
      latest(list, time, (one) => one.port === port) ??
      latest(list, time, () => true);
    return found && claim(key, found);
  };
  return { flowOf };
}

/** The session that `device` was playing at `time` (seconds, the world's clock): the last begun. */
export function sessionAt(
  sessions: readonly SessionRecord[],
  device: string,
  time: number,
): SessionRecord | undefined {
  let found: SessionRecord | undefined;
  for (const session of sessions) {
    if (session.device === device && session.start / 1000 <= time + 0.002) found = session;
  }
  return found;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

const PROTOCOL = { udp: 17, tcp: 6 } as const;

/** Finds the LAN flow of a logged one; `offset` is LAN clock minus world clock, seconds. */
export function lanFlowOf(lan: LanView, record: FlowRecord, offset: number): LanFlow | undefined {
  const key = remoteKey(PROTOCOL[record.proto], record.remote, record.remotePort);
  const from = record.t / 1000 + offset - 1;
  return lan.byRemote
    .get(key)
    ?.find(
      (flow) => flow.device === record.device && flow.port === record.port && flow.first >= from,
    );
}

/** LAN capture's clock minus the world's, seconds: both are the same clock when one machine
 * captures, and may be most of a second apart when an emulator does. By TCP flows, whose ports
 * occur once. */
export function clockOffset(lan: LanView, records: readonly FlowRecord[]): number {
  const differences: number[] = [];
  for (const record of records) {
    if (record.proto !== 'tcp') continue;
    const flow = lanFlowOf(lan, record, -10);
    if (flow) differences.push(flow.first - record.t / 1000);
  }
  return median(differences);
}
