// The LAN wire: which flows every device had, when each began, and the windows that strangers'
// requests opened. Third station of the verdict; the ISP wire is judged against it.

import { SUPERNODES } from '../world/plan.ts';
import { type Frame, framesOf } from './frames.ts';
import { homePort, isLan, type Nature, natureOf, outward, remoteOf } from './nature.ts';
import { type Sighting, sight } from './sighting.ts';

export interface LanFlow {
  readonly device: string;
  readonly protocol: number;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly nature: Nature;
  /** Seconds since 1970, the capture's clock. */
  readonly first: number;
  /** First SYN's sequence number: NAT keeps it. */
  readonly sequence: number;
  /** Packets of the device, and packets to it. */
  sent: number;
  received: number;
  /** Began within the 200 ms after a stranger's request to this device. */
  inWindow: boolean;
}

export interface LanView {
  readonly flows: readonly LanFlow[];
  /** "protocol|remote|remote port" -> flows, oldest first. */
  readonly byRemote: ReadonlyMap<string, readonly LanFlow[]>;
  /** DNS answers by "device port": seconds. */
  readonly answers: ReadonlyMap<string, number>;
  readonly packets: number;
}

const UDP = 17;
const ICMP = new Set([1, 58]);
const SYN = 2;
/** A silence longer than this begins a new flow of the same ports (the kernel's UDP timeout). */
const NEW_FLOW_AFTER = 20;
const REQUEST_LENGTH = [329, 339] as const;
/** 200 ms by the router's clock, and what the wire may add. */
const WINDOW = 0.23;

const supernodes = new Set(SUPERNODES.map((node) => node.address));

export function remoteKey(protocol: number, address: string, port: number): string {
  return `${protocol}|${address}|${port}`;
}

function isRequest(sighting: Sighting): boolean {
  const [least, most] = REQUEST_LENGTH;
  return (
    sighting.protocol === UDP &&
    supernodes.has(sighting.source) &&
    sighting.length >= least &&
    sighting.length <= most
  );
}

/** Router, other devices, broadcast and multicast. */
function staysHome(address: string): boolean {
  return isLan(address) || /^(?:fe80|ff..):/.test(address) || Number(address.split('.')[0]) >= 224;
}

interface Survey {
  readonly devices: ReadonlyMap<string, string>;
  readonly open: Map<string, { flow: LanFlow; last: number }>;
  readonly flows: LanFlow[];
  readonly byRemote: Map<string, LanFlow[]>;
  /** Device -> time of its last stranger's request. */
  readonly requests: Map<string, number>;
  readonly answers: Map<string, number>;
}

function begin(survey: Survey, sighting: Sighting, device: string): LanFlow {
  const remote = remoteOf(sighting);
  const requested = survey.requests.get(device) ?? Number.NEGATIVE_INFINITY;
  const flow: LanFlow = {
    device,
    protocol: sighting.protocol,
    port: homePort(sighting),
    remote: remote.address,
    remotePort: remote.port,
    nature: natureOf(sighting),
    first: sighting.time,
    sequence: sighting.tcpFlags & SYN ? sighting.tcpSequence : 0,
    sent: 0,
    received: 0,
    inWindow: sighting.time - requested <= WINDOW,
  };
  survey.flows.push(flow);
  const key = remoteKey(flow.protocol, flow.remote, flow.remotePort);
  const list = survey.byRemote.get(key);
  if (list) list.push(flow);
  else survey.byRemote.set(key, [flow]);
  return flow;
}

function note(survey: Survey, sighting: Sighting): void {
  const asker = sighting.sourcePort === 53 ? survey.devices.get(sighting.destination) : undefined;
  if (asker !== undefined) {
    survey.answers.set(`${asker} ${sighting.destinationPort}`, sighting.time);
  }
  const out = outward(sighting);
  const device = survey.devices.get(out ? sighting.source : sighting.destination);
  if (device === undefined) return;
  const port = homePort(sighting);
  if (isRequest(sighting)) survey.requests.set(device, sighting.time);
  const remote = remoteOf(sighting);
  if (staysHome(remote.address) || ICMP.has(sighting.protocol)) return;
  const key = `${device}|${port}|${remoteKey(sighting.protocol, remote.address, remote.port)}`;
  const known = survey.open.get(key);
  const fresh =
    !known ||
    sighting.time - known.last > NEW_FLOW_AFTER ||
    ((sighting.tcpFlags & 0x12) === SYN && sighting.tcpSequence !== known.flow.sequence);
  const flow = fresh ? begin(survey, sighting, device) : known.flow;
  survey.open.set(key, { flow, last: sighting.time });
  if (out) flow.sent += 1;
  else flow.received += 1;
}

/** Surveys the LAN capture; `devices` is address -> name. */
export function surveyLan(capture: Uint8Array, devices: ReadonlyMap<string, string>): LanView {
  const survey: Survey = {
    devices,
    open: new Map(),
    flows: [],
    byRemote: new Map(),
    requests: new Map(),
    answers: new Map(),
  };
  let packets = 0;
  for (const frame of framesOf(capture)) {
    const sighting = sightOf(frame);
    if (!sighting) continue;
    packets += 1;
    note(survey, sighting);
  }
  return { flows: survey.flows, byRemote: survey.byRemote, answers: survey.answers, packets };
}

export function sightOf(frame: Frame): Sighting | undefined {
  return sight(frame.time, frame.bytes, frame.offset, frame.end);
}
