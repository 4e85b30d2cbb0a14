// answers/flows: the answers of `whp flows`, `learned` and `evidence`, as plain objects made from the agent's
// state and the kernel's present sets and connections. cli/text prints them as text, --json as JSON. Pure: the
// kernel is an argument.

import type { EndedFlow, LiveFlow } from '../account/ledger.ts';
import { livingEndpoints } from '../learn/endpoints.ts';
import type { KernelElement, KeyFilter } from '../netlink/nft-element.ts';
import { slotOf } from '../policy/marks.ts';
import type { App } from '../policy/policy.ts';
import { addressOf, naming, pairOf, portOf } from '../ruleset/elements.ts';
import { type SetKind, setName } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { type Checked, ok } from '../syntax/result.ts';
import { FAMILIES, familyOf, formatAddress } from '../wire/address.ts';
import { type FlowFields, flowFields, flowText } from '../wire/flow-text.ts';
import type { DeviceNames } from './device-names.ts';
import { byWhich, type FlowEntry, openWay, type Present, type WayAnswer, wayOf } from './now.ts';

/** What answers read from the kernel. An error is shown as it is. */
export interface KernelView {
  /** The first `most` elements (default: all), only those whose key `wanted` accepts. */
  readSet(set: string, most?: number, wanted?: KeyFilter | null): Checked<readonly KernelElement[]>;
  /** Number of elements; they are not decoded. */
  countSet(set: string): number;
  /** Conntrack entries with our mark. */
  connections(): Checked<readonly FlowEntry[]>;
}

/** `device` of a row: name of the device, the owner's or DHCP's; null: it has none. `address`: the device's. */
interface OfDevice {
  readonly app: string;
  readonly device: string | null;
  readonly address: string;
}

export interface LearnedAnswer {
  readonly endpoints: readonly LearnedEndpoint[];
  readonly ports: readonly LearnedPort[];
  readonly peers: readonly LearnedPeer[];
  /** Servers that a device named in a TLS hello, which belong to the application. */
  readonly named: readonly LearnedPeer[];
  /** Devices with an open request window. */
  readonly windows: readonly OfDevice[];
  /** Present if one of the lists was cut. */
  readonly more?: true;
}

/** An address that DNS led to; `device` asked. */
export interface LearnedEndpoint extends OfDevice {
  readonly remote: string;
  readonly name: string;
  /** The application's own name that led to `name`; null: not known. */
  readonly root: string | null;
  /** Seconds until it expires unless renewed. */
  readonly left_s: number;
}

export interface LearnedPort extends OfDevice {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly left_s: number;
}

export interface LearnedPeer extends OfDevice {
  readonly remote: string;
  readonly left_s: number;
}

/** A flow with an app's mark. */
export interface FlowAnswer extends FlowFields, WayAnswer {
  readonly app: string;
  readonly device: string | null;
  readonly packets: number;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly evidence: string;
  readonly detail: string;
  /** Seconds since 1970; null: not known. */
  readonly start_time: number | null;
}

export interface EndedAnswer extends FlowAnswer {
  readonly end_time: number;
}

export function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds / 1000));
}

/** All that is learned: the agent's endpoints and the sets that the ruleset fills. At most `limit` of each; with
 * `about` (bytes of an address), only what names that address. */
export function learnedAnswer(
  state: State,
  kernel: KernelView,
  { nameOf }: DeviceNames,
  now: number,
  limit = Number.POSITIVE_INFINITY,
  about: Uint8Array | null = null,
): LearnedAnswer {
  const endpoints = endpointsOf(state, nameOf, now, about);
  const wantedKey = about === null ? null : naming(about);
  const ports: LearnedPort[] = [];
  const peers: LearnedPeer[] = [];
  const named: LearnedPeer[] = [];
  const windows: OfDevice[] = [];
  for (const { name: app } of state.policy.apps) {
    const of = (address: string): OfDevice => ({ app, device: nameOf(address), address });
    for (const family of FAMILIES) {
      // One more than the limit shows that there are more.
      const elements = (kind: SetKind): readonly KernelElement[] =>
        read(kernel, setName(app, kind, family), limit + 1, wantedKey);
      for (const protocol of ['udp', 'tcp'] as const)
        ports.push(...elements(protocol).flatMap((one) => portIn(one, protocol, of)));
      peers.push(...elements('peer').flatMap((one) => peerIn(one, of)));
      named.push(...elements('hello').flatMap((one) => peerIn(one, of)));
      for (const { key } of elements('request')) {
        const device = addressOf(key);
        if (device !== null) windows.push(of(device));
      }
    }
  }
  const isCut = [endpoints, ports, peers, named, windows].some((list) => list.length > limit);
  return {
    endpoints: endpoints.slice(0, limit),
    ports: ports.slice(0, limit),
    peers: peers.slice(0, limit),
    named: named.slice(0, limit),
    windows: windows.slice(0, limit),
    ...(isCut ? { more: true } : {}),
  };
}

function endpointsOf(
  { learned }: State,
  nameOf: DeviceNames['nameOf'],
  now: number,
  about: Uint8Array | null,
): LearnedEndpoint[] {
  const wanted = about === null ? null : formatAddress(about, 0, familyOf(about));
  return livingEndpoints(learned, now)
    .filter(({ address }) => wanted === null || address === wanted)
    .map(({ app, address: remote, name, root, device, mac, kept }) => ({
      app,
      remote,
      name,
      root: root ?? null,
      device: nameOf(mac ?? device),
      address: device,
      left_s: seconds(kept - now),
    }));
}

/** The port of an element; `of`: its device as a row. Empty: the key is not that of a port. */
function portIn(
  { key, expiration }: KernelElement,
  protocol: LearnedPort['protocol'],
  of: (device: string) => OfDevice,
): LearnedPort[] {
  const found = portOf(key);
  if (found === null) return [];
  const { device, port } = found;
  return [{ ...of(device), protocol, port, left_s: seconds(expiration ?? 0) }];
}

function peerIn(
  { key, expiration }: KernelElement,
  of: (device: string) => OfDevice,
): LearnedPeer[] {
  const found = pairOf(key);
  if (found === null) return [];
  return [{ ...of(found.device), remote: found.peer, left_s: seconds(expiration ?? 0) }];
}

export function read(
  kernel: KernelView,
  set: string,
  most?: number,
  wanted: KeyFilter | null = null,
): readonly KernelElement[] {
  const found = kernel.readSet(set, most, wanted);
  return found.ok ? found.value : [];
}

/** The flows with an app's mark, each with its way and its first evidence, most bytes first; or why the kernel does
 * not list them. */
export function flowAnswers(
  state: State,
  kernel: KernelView,
  present: Present,
  { nameOf }: DeviceNames,
): Checked<FlowAnswer[]> {
  const found = kernel.connections();
  if (!found.ok) return found;
  const { mask } = state.policy.globals;
  const flows: FlowAnswer[] = [];
  for (const connection of found.value) {
    const app = appOfSlot(state, slotOf(mask, connection.mark));
    if (app === null) continue;
    const { original, packets, bytes } = connection;
    const evidence = state.evidence.flows.get(`${app.name} ${flowText(original)}`);
    flows.push({
      app: app.name,
      device: nameOf(original.source),
      ...flowFields(original),
      ...wayNow(
        wayOf(byWhich(connection, app, state.policy.proxies, present)),
        { app: app.name, original },
        present,
      ),
      packets: sum(packets),
      bytes_up: bytes?.original ?? 0,
      bytes_down: bytes?.reply ?? 0,
      evidence: evidence?.kind ?? 'unknown',
      detail: evidence?.detail ?? 'announced before this agent listened',
      start_time: null,
    });
  }
  return ok(flows.sort((a, b) => sizeOf(b) - sizeOf(a)));
}

function sizeOf(flow: FlowAnswer): number {
  return flow.bytes_up + flow.bytes_down;
}

function sum(both: FlowEntry['packets']): number {
  if (both === undefined || typeof both === 'number') return both ?? 0;
  return both.original + both.reply;
}

function wayNow(way: WayAnswer, flow: Pick<LiveFlow, 'app' | 'original'>, present: Present | null) {
  if (present === null) return way;
  const { state, proxy } = openWay(way, flow.app, flow.original.source, present);
  return { state, proxy };
}

/** A flow of the ledger in the form of `whp flows`. `present` null: it has ended. */
export function flowRow(
  flow: LiveFlow | EndedFlow,
  { nameOf }: DeviceNames,
  present: Present | null,
): FlowAnswer {
  const { app, original, packets, up, down, evidence, detail, proxy, start } = flow;
  return {
    app,
    device: nameOf(original.source),
    ...flowFields(original),
    ...wayNow(wayOf(proxy), flow, present),
    packets,
    bytes_up: up,
    bytes_down: down,
    evidence,
    detail,
    start_time: Math.round(start / 1000),
  };
}

export function endedRow(flow: EndedFlow, names: DeviceNames): EndedAnswer {
  return { ...flowRow(flow, names, null), end_time: Math.round(flow.end / 1000) };
}

export function appOfSlot(state: State, slot: number): App | null {
  return state.policy.apps.find((app) => app.slot === slot) ?? null;
}

/** A flow that was announced. */
export interface EvidenceAnswer extends FlowFields {
  readonly app: string;
  readonly device: string | null;
  readonly evidence: string;
  readonly detail: string;
  /** Seconds since the last announcement. */
  readonly ago_s: number;
}

/** Flows announced in the last hour, ended ones too, oldest first. */
export function evidenceAnswer(
  state: State,
  { nameOf }: DeviceNames,
  now: number,
  limit = Number.POSITIVE_INFINITY,
): EvidenceAnswer[] {
  return Array.from(state.evidence.flows.values())
    .slice(-limit)
    .map(({ app, flow, device, kind, detail, last }) => ({
      app,
      device: nameOf(device),
      ...flowFields(flow),
      evidence: kind,
      detail,
      ago_s: seconds(now - last),
    }));
}
