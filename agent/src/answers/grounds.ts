// answers/grounds: what the table's rules would find for a new flow of an app, in their order
// (ruleset/compile/prerouting): the owner's exceptions, ranges and pins, DNS addresses, TLS names, ports, peers.
// Pure; a test in network namespaces compares it with the kernel.

import { nameInWords } from '../learn/aliases.ts';
import { findEndpoint, learnedEndpoints } from '../learn/endpoints.ts';
import { isRestored } from '../learn/kept-sets.ts';
import type { App } from '../policy/policy.ts';
import type { PortSpan, ProfileRange, Transport } from '../profile/profile.ts';
import { findBlock, findRange, isWhole } from '../profile/range-match.ts';
import { addressKey, macKey, naming, pairOf, portKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { durationText } from '../syntax/words.ts';
import { familyOf, parseAddress } from '../wire/address.ts';
import { byteString } from '../wire/hex.ts';
import type { DeviceNames } from './device-names.ts';
import { appliesTo } from './devices.ts';
import { type KernelView, read, seconds } from './flows.ts';
import { deviceText, type Surroundings } from './why-parts.ts';

/** The remote end of a flow, and what else is known of the flow. */
export interface FlowTarget {
  readonly address: string;
  readonly port?: number;
  /** Absent: the query is an address alone, or a protocol without ports. */
  readonly protocol?: string;
  readonly source?: { readonly address: string; readonly port: number };
}

export interface FoundGround {
  readonly app: App;
  /** elsewhere: it would hold for a flow of one of the app's devices; perhaps: whether this is one is not known. */
  readonly kind: 'for' | 'perhaps' | 'against' | 'elsewhere';
  readonly lines: readonly string[];
  /** It holds only for some ports, or for the devices that the lines name. */
  readonly partly: boolean;
  /** Its devices, in words, if the app is for some devices alone and the query names none; else null. */
  readonly devices: string | null;
  /** For `against`: the owner's rules, in words. */
  readonly by: string;
}

export interface Finding {
  readonly line: string;
  readonly partly: boolean;
}

/** The grounds for and against the app; empty: none. */
export function groundsOf(
  app: App,
  state: State,
  kernel: KernelView,
  target: FlowTarget,
  { now, names }: Pick<Surroundings, 'now' | 'names'>,
): FoundGround[] {
  const found = findings(app, state, kernel, target, { now, names });
  const exceptions = holding(app.except ?? [], target);
  const against = exceptions.map((range) => exceptionOf(app, range, target));
  const kept = against.some(({ partly }) => !partly);
  const isLimited = app.devices.length > 0 || app.macs !== undefined;
  const grounds: FoundGround[] = [];
  const part = { app, devices: null, by: '' };
  if (against.length > 0) {
    const by = Array.from(new Set(exceptions.map(({ source }) => source))).join(' and ');
    const lines = against.map(({ line }) => line);
    grounds.push({ ...part, kind: 'against', lines, partly: !kept, by });
  }
  if (found.length === 0 || kept) return grounds;
  const lines = found.map(({ line }) => line);
  const { source } = target;
  const its = devicesText(app, names);
  if (!isLimited || source === undefined) {
    const partly = found.every((one) => one.partly) || against.length > 0;
    if (isLimited) lines.push(`${app.name}: for its devices alone: ${its}`);
    return [...grounds, { ...part, kind: 'for', lines, partly, devices: isLimited ? its : null }];
  }
  const applies = appliesTo(app, source.address, names.macOf(source.address));
  if (applies === true) return [...grounds, { ...part, kind: 'for', lines, partly: false }];
  const who = deviceText(names, source.address);
  const line =
    applies === null
      ? `${app.name}: for its devices alone (${its}), and the MAC of ${who} is not known`
      : `${app.name}: for its devices alone (${its}), and ${who} is none of them`;
  const kind = applies === null ? 'perhaps' : 'elsewhere';
  return [...grounds, { ...part, kind, lines: [...lines, line], partly: true }];
}

/** The devices of an app by name, where they have one. */
function devicesText({ macs = [], devices }: App, names: DeviceNames): string {
  const told = [...macs, ...devices].map((one) => deviceText(names, one));
  return Array.from(new Set(told)).join(', ') || 'none is known yet';
}

function isTransport(protocol: string | undefined): protocol is Transport {
  return protocol === 'udp' || protocol === 'tcp';
}

function rangeKey(address: string) {
  const bytes = parseAddress(address)!;
  return { bytes, offset: 0, family: familyOf(bytes) };
}

/** The `ranges` that contain the target's address; for a flow, its protocol and port too. */
export function holding(
  ranges: readonly ProfileRange[],
  target: FlowTarget,
): readonly ProfileRange[] {
  const at = rangeKey(target.address);
  if (target.source === undefined) return ranges.filter((one) => findBlock(one, at) !== null);
  const { protocol, port = 0 } = target;
  // Ranges are of TCP and UDP ports; flows of other protocols are in none.
  if (!isTransport(protocol)) return [];
  return ranges.filter((one) => findRange([one], { ...at, protocol, port }) !== null);
}

function exceptionOf(app: App, range: ProfileRange, { source }: FlowTarget): Finding {
  const ports = isWhole(range) ? '' : `, ${portsOf(range)}`;
  return {
    line: `${app.name}: kept direct by ${range.source}${ports}`,
    partly: source === undefined && !isWhole(range),
  };
}

export function portsOf({ protocols, ports }: ProfileRange): string {
  const spans = ports.map((span: PortSpan) => (typeof span === 'number' ? span : span.join('-')));
  return `${protocols.join(' and ')} ports ${spans.join(', ')}`;
}

function findings(
  app: App,
  state: State,
  kernel: KernelView,
  target: FlowTarget,
  { now, names }: Pick<Surroundings, 'now' | 'names'>,
): Finding[] {
  const { name, profile, pins } = app;
  const { address, source } = target;
  const at = rangeKey(address);
  const ranges = holding(pins === undefined ? profile.ranges : [...profile.ranges, pins], target);
  const found: Finding[] = ranges.map((range) => {
    const partly = source === undefined && !isWhole(range);
    const where = isWhole(range) ? 'all ports' : portsOf(range);
    const block = findBlock(range, at);
    // A pin or rule of the owner has no date.
    const what = range.date === '' ? range.source : `${range.role} range ${block} of the profile`;
    return { line: `${name}: ${what}, ${where}`, partly };
  });
  const known = findEndpoint(state.learned, name, address);
  const origin: Origin = (set, key, left) =>
    isRestored(state.restored, set, key, now + left) ? '; known from before the start' : '';
  if (known !== null && known.kept > now) {
    const left = seconds(known.kept - now);
    const from = origin(setName(name, 'addr', known.family), addressKey(address)!, left * 1000);
    found.push({
      line: `${name}: ${deviceText(names, known.mac ?? known.device)} resolved ${known.name} to it; ${durationText(left)} left${from}`,
      partly: false,
    });
  }
  const keys = keysOf(state, target, names.macOf);
  for (const one of pairs(app, 'hello', kernel, target, keys, origin)) {
    const line = `${name}: ${deviceText(names, one.device)} named it in a TLS hello; ${one.left}`;
    found.push({ line, partly: source === undefined });
  }
  return [...found, ...learnedOfDevice(app, kernel, target, keys, state, names, origin)];
}

/** The keys of a flow's device: its address, and its MAC unless that is another router's; null: the query names
 * no device. */
function keysOf(
  { gateways }: State,
  { source }: FlowTarget,
  macOf: (address: string) => string | null,
): readonly string[] | null {
  if (source === undefined) return null;
  const mac = macOf(source.address);
  return mac === null || gateways.has(mac) ? [source.address] : [source.address, mac];
}

/** Text on the origin of an element with `left` milliseconds; '': the line says all. */
type Origin = (set: string, key: Uint8Array, left: number) => string;

/** Findings for the flow's source port and its peer. `keys`: the device's. */
export function learnedOfDevice(
  app: App,
  kernel: KernelView,
  target: FlowTarget,
  keys: readonly string[] | null,
  state: State,
  names: DeviceNames,
  origin: Origin = () => '',
): Finding[] {
  const peers = [
    ...pairs(app, 'peer', kernel, target, keys, origin),
    ...(keys === null ? [] : pairs(app, 'peermac', kernel, target, keys, origin)),
  ].map(({ device, left }) => {
    const said = learnedEndpoints(state.pairs).find(
      (one) =>
        one.app === app.name &&
        one.address === target.address &&
        [one.device, one.mac].includes(device),
    );
    const what =
      said === undefined
        ? `a peer or a server of ${deviceText(names, device)}`
        : `${said.resolver} told ${deviceText(names, device)} that it is ${nameInWords(said.name, said.root)}`;
    return { line: `${app.name}: ${what}; ${left}`, partly: target.source === undefined };
  });
  const ports = (keys ?? []).flatMap((key) =>
    portFindings(app, kernel, target, key, names, origin),
  );
  return [...ports, ...peers];
}

/** Elements (device and remote) of a set that name the target; with `names`, only those of that device. */
function pairs(
  { name }: App,
  kind: 'peer' | 'peermac' | 'hello',
  kernel: KernelView,
  { address }: FlowTarget,
  names: readonly string[] | null,
  origin: Origin,
): { readonly device: string; readonly left: string }[] {
  const bytes = parseAddress(address)!;
  const set = setName(name, kind, familyOf(bytes));
  const elements = read(kernel, set, undefined, naming(bytes));
  return elements.flatMap(({ key, expiration }) => {
    const pair = pairOf(key);
    if (pair === null || pair.peer !== address) return [];
    if (names !== null && !names.includes(pair.device)) return [];
    return [{ device: pair.device, left: leftText(set, key, expiration ?? 0, origin) }];
  });
}

function leftText(set: string, key: Uint8Array, left: number, origin: Origin): string {
  return `${durationText(seconds(left))} left${origin(set, key, left)}`;
}

/** Whether the flow's source port on `device` (address or MAC) is in the app's port set. */
function portFindings(
  { name }: App,
  kernel: KernelView,
  { protocol, source }: FlowTarget,
  device: string,
  names: DeviceNames,
  origin: Origin,
): Finding[] {
  if (source === undefined || !isTransport(protocol)) return [];
  const key = portKey(device, source.port);
  if (key === null) return [];
  const text = byteString(key);
  const kind = macKey(device) === null ? protocol : (`${protocol}mac` as const);
  const set = setName(name, kind, device.includes('.') ? 4 : 6);
  return read(kernel, set, 1, (one) => one.startsWith(text)).map(({ expiration }) => ({
    line: `${name}: ${protocol} port ${source.port} of ${deviceText(names, device)} is the application's; ${leftText(set, key, expiration ?? 0, origin)}`,
    partly: false,
  }));
}
