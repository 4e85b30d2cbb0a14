// control/answers: what `whp status`, `flows`, `learned` and `why` answer, as plain objects made
// from the agent's state and from what the kernel holds at that moment. text.ts prints them for
// people, --json prints them as they are. Pure: the kernel arrives as an argument.

import { type FlowEvidence, findEvidence, flowText } from '../learn/evidence.ts';
import { type Endpoint, learnedEndpoints } from '../learn/learned.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { KernelElement } from '../netlink/nft-element.ts';
import { slotOf } from '../policy/marks.ts';
import type { Choices } from '../policy/owner.ts';
import type { App } from '../policy/policy.ts';
import type { PortSpan } from '../policy/profile.ts';
import { findBlock } from '../policy/range-match.ts';
import { addressOf, pairOf, portOf } from '../ruleset/elements.ts';
import { escapeSet, setName } from '../ruleset/names.ts';
import type { Counters, State } from '../step.ts';
import { type HealthState, lossOf } from '../tunnel/health.ts';
import type { PathState } from '../tunnel/select.ts';
import type { Steering } from '../tunnel/steer.ts';
import { canonicalAddress, familyOf, formatAddress, parseAddress } from '../wire/address.ts';

/** What an answer needs of a connection; the counters may be one sum. */
export interface FlowEntry extends Pick<Connection, 'original' | 'mark'> {
  readonly packets?: Connection['packets'] | number;
  readonly bytes?: Connection['bytes'];
}

/** What the answers ask of the kernel. A string is an error that is passed on as it is. */
export interface KernelView {
  /** The first `most` elements, or all. */
  readSet(set: string, most?: number): readonly KernelElement[] | string;
  /** How many there are, without decoding them. */
  countSet(set: string): number;
  /** Entries with our mark. */
  connections(): readonly FlowEntry[] | string;
}

export interface TunnelAnswer {
  readonly name: string;
  readonly address: string;
  /** The device exists and is set up. */
  readonly up: boolean;
  readonly mtu: number;
  /** What the probes say: up, probing or down, for so many milliseconds. */
  readonly state: HealthState;
  readonly for: number;
  /** Share of the last probes that were lost, 0..1; round trip time, milliseconds. */
  readonly loss: number;
  readonly rtt: number | null;
  readonly reason: string;
}

/** The way an app's flows take now. */
export interface PathAnswer {
  readonly state: PathState;
  /** null: refused, or direct. */
  readonly proxy: string | null;
  /** Milliseconds in this state. */
  readonly for: number;
}

export interface AppAnswer {
  readonly name: string;
  readonly profile: string;
  readonly version: string;
  readonly slot: number;
  readonly proxies: readonly string[];
  readonly fallback: string;
  readonly path: PathAnswer;
  /** Why new flows are direct for now by the owner's choice ("paused", "schedule"), or null. */
  readonly direct: string | null;
  /** Seconds until a pause ends, or null: it does not end by itself, or there is none. */
  readonly resumes: number | null;
  readonly endpoints: number;
  readonly ports: number;
  readonly peers: number;
  readonly flows: number;
}

export interface StatusAnswer {
  readonly version: string;
  readonly state: 'idle' | 'enforcing' | 'impaired';
  /** Milliseconds since the agent enforces. */
  readonly since: number;
  readonly hold: boolean;
  readonly apps: readonly AppAnswer[];
  readonly tunnels: readonly TunnelAnswer[];
  /** Devices that asked other resolvers than the router's within a day. */
  readonly bypass: readonly BypassAnswer[];
  readonly counters: Readonly<Counters> & { readonly lost: number };
  /** Bytes resident, from the kernel. */
  readonly memory: number;
  /** The proxy that the owner chose, or null; and how many addresses are pinned. */
  readonly preferred: string | null;
  readonly pins: number;
  /** What others on the router undid and the agent made again, and the last time. */
  readonly repairs: RepairsAnswer;
  readonly problems: readonly string[];
}

export interface RepairsAnswer {
  readonly count: number;
  /** '' when there was none. */
  readonly last: string;
  /** Seconds since the last. */
  readonly ago: number;
}

export interface BypassAnswer {
  readonly device: string;
  readonly how: readonly BypassKind[];
}

/** Plain DNS to a resolver outside; DNS over TLS or QUIC; a known DNS over HTTPS service. */
export type BypassKind = 'dns' | 'dot' | 'doh';

const BYPASS_PORTS = new Map<number, BypassKind>([
  [53, 'dns'],
  [853, 'dot'],
  [443, 'doh'],
]);

export interface LearnedAnswer {
  readonly endpoints: readonly (Omit<Endpoint, 'expires'> & { readonly seconds: number })[];
  readonly ports: readonly LearnedPort[];
  readonly peers: readonly LearnedPeer[];
  /** Servers that a device named as the application's in its TLS hello. */
  readonly named: readonly LearnedPeer[];
  readonly windows: readonly { readonly app: string; readonly device: string }[];
}

export interface LearnedPort {
  readonly app: string;
  readonly device: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  /** Until it expires if nothing renews it. */
  readonly seconds: number;
}

export interface LearnedPeer {
  readonly app: string;
  readonly device: string;
  readonly peer: string;
  readonly seconds: number;
}

export interface FlowAnswer {
  readonly app: string;
  readonly flow: string;
  readonly packets: number;
  readonly bytes: number;
  readonly evidence: string;
  readonly detail: string;
}

export interface WhyAnswer {
  readonly query: string;
  readonly verdict: string;
  readonly reasons: readonly string[];
}

const FAMILIES = [4, 6] as const;

function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds / 1000));
}

/** Everything learned: the agent's endpoints, and the sets that the ruleset fills by itself; at most
 * some `limit` of each, and with `about` only what names that address (bytes). */
export function learnedAnswer(
  state: State,
  kernel: KernelView,
  now: number,
  limit = Number.POSITIVE_INFINITY,
  about: Uint8Array | null = null,
): LearnedAnswer {
  const wanted = about === null ? null : formatAddress(about, 0, familyOf(about));
  const endpoints = learnedEndpoints(state.learned)
    .filter(({ address }) => wanted === null || address === wanted)
    .slice(0, limit)
    .map(({ expires, ...rest }) => ({ ...rest, seconds: seconds(expires - now) }));
  const elements = (set: string): readonly KernelElement[] => {
    const found = read(kernel, set, limit);
    return about === null ? found : found.filter(({ key }) => names(key, about));
  };
  const ports: LearnedPort[] = [];
  const peers: LearnedPeer[] = [];
  const named: LearnedPeer[] = [];
  const windows: { app: string; device: string }[] = [];
  for (const { name: app } of state.policy.apps) {
    for (const family of FAMILIES) {
      for (const protocol of ['udp', 'tcp'] as const) {
        for (const element of elements(setName(app, protocol, family))) {
          const found = portOf(element.key);
          const left = seconds(element.expiration ?? 0);
          if (found !== null) ports.push({ app, ...found, protocol, seconds: left });
        }
      }
      for (const [kind, list] of [
        ['peer', peers],
        ['hello', named],
      ] as const) {
        for (const element of elements(setName(app, kind, family))) {
          const found = pairOf(element.key);
          if (found !== null)
            list.push({ app, ...found, seconds: seconds(element.expiration ?? 0) });
        }
      }
      for (const element of elements(setName(app, 'window', family))) {
        const device = addressOf(element.key);
        if (device !== null) windows.push({ app, device });
      }
    }
  }
  return {
    endpoints,
    ports: ports.slice(0, limit),
    peers: peers.slice(0, limit),
    named: named.slice(0, limit),
    windows: windows.slice(0, limit),
  };
}

function read(kernel: KernelView, set: string, most?: number): readonly KernelElement[] {
  const found = kernel.readSet(set, most);
  return typeof found === 'string' ? [] : found;
}

/** Whether a key has this address in one of its fields: device, peer or server. Compared as bytes,
 * since writing thousands of addresses out takes longer than reading them. */
function names(key: Uint8Array, address: Uint8Array): boolean {
  const width = address.length;
  for (let field = 0; field + width <= key.length; field += width) {
    let at = 0;
    while (at < width && key[field + at] === address[at]) at += 1;
    if (at === width) return true;
  }
  return false;
}

/** The flows that the kernel routes through a tunnel now, each with the evidence it began with. */
export function flowAnswers(state: State, kernel: KernelView): FlowAnswer[] {
  const found = kernel.connections();
  if (typeof found === 'string') return [];
  const { mask } = state.policy.globals;
  const flows: FlowAnswer[] = [];
  for (const connection of found) {
    const app = appOfSlot(state, slotOf(mask, connection.mark));
    if (app === null) continue;
    const { protocol, ...ends } = connection.original;
    const text = flowText({ ...ends, protocol: protocolName(protocol) });
    const evidence = state.evidence.flows.get(`${app.name} ${text}`);
    flows.push({
      app: app.name,
      flow: text,
      packets: sum(connection.packets),
      bytes: sum(connection.bytes),
      evidence: evidence?.kind ?? 'unknown',
      detail: evidence?.detail ?? 'announced before this agent listened',
    });
  }
  return flows.sort((a, b) => b.bytes - a.bytes);
}

function sum(both: FlowEntry['packets']): number {
  if (both === undefined || typeof both === 'number') return both ?? 0;
  return both.original + both.reply;
}

function protocolName(protocol: number): string {
  return protocol === 17 ? 'udp' : protocol === 6 ? 'tcp' : String(protocol);
}

function appOfSlot(state: State, slot: number): App | null {
  return state.policy.apps.find((app) => app.slot === slot) ?? null;
}

/** What the ruleset has noted of devices that ask other resolvers. */
export function bypassAnswer(kernel: KernelView): BypassAnswer[] {
  const found = new Map<string, BypassKind[]>();
  for (const family of FAMILIES) {
    for (const { key } of read(kernel, escapeSet(family))) {
      const noted = portOf(key);
      const how = noted === null ? undefined : BYPASS_PORTS.get(noted.port);
      if (noted === null || how === undefined) continue;
      found.set(noted.device, [...(found.get(noted.device) ?? []), how].sort());
    }
  }
  return Array.from(found, ([device, how]) => ({ device, how })).sort((a, b) =>
    a.device < b.device ? -1 : 1,
  );
}

export interface EvidenceAnswer {
  readonly app: string;
  readonly flow: string;
  readonly evidence: string;
  readonly detail: string;
  /** Seconds since the ruleset announced it last. */
  readonly ago: number;
}

/** What the ruleset announced in the last hour, live or not, oldest first; the last `limit`. */
export function evidenceAnswer(
  state: State,
  now: number,
  limit = Number.POSITIVE_INFINITY,
): EvidenceAnswer[] {
  return Array.from(state.evidence.flows.values())
    .slice(-limit)
    .map((one) => ({
      app: one.app,
      flow: flowText(one.flow),
      evidence: one.kind,
      detail: one.detail,
      ago: seconds(now - one.last),
    }));
}

export interface StatusInput {
  readonly version: string;
  readonly now: number;
  readonly since: number;
  readonly tunnels: readonly Pick<TunnelAnswer, 'name' | 'address' | 'up' | 'mtu'>[];
  readonly steering: Steering;
  readonly lost: number;
  readonly memory: number;
  readonly problems: readonly string[];
  readonly repairs: { readonly count: number; readonly last: string; readonly at: number };
  readonly choices: Choices;
}

export function statusAnswer(state: State, kernel: KernelView, input: StatusInput): StatusAnswer {
  const connections = kernel.connections();
  const { mask, hold } = state.policy.globals;
  const endpoints = learnedEndpoints(state.learned);
  const count = (app: string, kinds: readonly ('udp' | 'tcp' | 'peer')[]): number =>
    kinds
      .flatMap((kind) => FAMILIES.map((family) => kernel.countSet(setName(app, kind, family))))
      .reduce((sum, one) => sum + one, 0);
  const problems = [...input.problems];
  const tunnels = input.tunnels.map((one) => tunnelAnswer(one, input));
  for (const { name, up, state, reason } of tunnels) {
    if (!up) problems.push(`tunnel ${name} is down`);
    else if (state === 'down') problems.push(`proxy ${name} is down: ${reason}`);
  }
  for (const [app, { state }] of input.steering.choices) {
    if (state === 'direct') problems.push(`${app} is DIRECT: no proxy is up (fallback direct)`);
    if (state === 'down') problems.push(`${app} is refused: no proxy is up (fallback block)`);
  }
  if (typeof connections === 'string') problems.push(connections);
  const apps = state.policy.apps.map((app) => ({
    name: app.name,
    profile: app.profile.name,
    version: app.profile.version,
    slot: app.slot,
    proxies: app.proxies,
    fallback: app.fallback,
    path: pathAnswer(input, app.name),
    direct: app.direct ?? null,
    resumes: resumes(input, app.name),
    endpoints: endpoints.filter((one) => one.app === app.name).length,
    ports: count(app.name, ['udp', 'tcp']),
    peers: count(app.name, ['peer']),
    flows:
      typeof connections === 'string'
        ? 0
        : connections.filter(({ mark }) => slotOf(mask, mark) === app.slot).length,
  }));
  const impaired = problems.length > 0 ? 'impaired' : 'enforcing';
  return {
    version: input.version,
    state: apps.length === 0 ? 'idle' : impaired,
    since: input.now - input.since,
    hold,
    apps,
    tunnels,
    bypass: state.policy.escape === undefined ? [] : bypassAnswer(kernel),
    counters: { ...state.counters, lost: input.lost },
    memory: input.memory,
    preferred: input.choices.preferred,
    pins: input.choices.pins.length,
    repairs: repairsAnswer(input),
    problems,
  };
}

function repairsAnswer({ repairs: { count, last, at }, now }: StatusInput): RepairsAnswer {
  return { count, last, ago: count === 0 ? 0 : seconds(now - at) };
}

function tunnelAnswer(
  tunnel: StatusInput['tunnels'][number],
  { steering, now }: StatusInput,
): TunnelAnswer {
  const health = steering.healths.get(tunnel.name);
  return {
    ...tunnel,
    state: health?.state ?? 'probing',
    for: health === undefined ? 0 : Math.round(now - health.since),
    loss: health === undefined ? 0 : lossOf(health),
    rtt: health === undefined || health.rtt === 0 ? null : Math.round(health.rtt * 10) / 10,
    reason: health?.reason ?? '',
  };
}

function pathAnswer({ steering, now }: StatusInput, app: string): PathAnswer {
  const choice = steering.choices.get(app);
  if (choice === undefined) return { state: 'probing', proxy: null, for: 0 };
  const { way, state, since } = choice;
  return { state, proxy: way.kind === 'tunnel' ? way.proxy : null, for: Math.round(now - since) };
}

function resumes({ choices, now }: StatusInput, app: string): number | null {
  const until = choices.paused.get(app) ?? null;
  return until === null || until <= now ? null : seconds(until - now);
}

/** Why an address or a flow is proxied, from every source there is. `query` is an address, or a
 * flow as `whp flows` prints it. */
export function whyAnswer(state: State, kernel: KernelView, query: string, now: number): WhyAnswer {
  const text = query.replace(/\s+>?\s*/g, ' ').trim();
  const flow = /^(udp|tcp) (\S+) (\S+)$/.exec(text);
  const wanted = flow === null ? text : `${flow[1]} ${flow[2]} > ${flow[3]}`;
  const address = flow === null ? canonicalAddress(text) : canonicalAddress(hostOf(flow[3]!));
  if (address === null) {
    const help = 'neither an address nor a flow such as udp 192.168.1.11:13021 198.51.100.7:443';
    return { query, verdict: help, reasons: [] };
  }
  const reasons = [
    ...findEvidence(state.evidence, flow === null ? address : wanted).map((one) => said(one, now)),
    ...standing(state, kernel, address, now),
  ];
  const against = ownersWord(state, address);
  const speaking = new Set(reasons.map((text) => text.split(':')[0]!));
  const isKept = [...speaking].every((app) => against.some((one) => one.app === app && one.whole));
  const verdict =
    reasons.length === 0
      ? 'direct: no profile range, name, port or peer speaks for it'
      : isKept
        ? "direct by the owner's choice, but for flows that began before it"
        : 'proxied';
  return { query: wanted, verdict, reasons: [...reasons, ...against.map(({ text }) => text)] };
}

interface OwnersWord {
  readonly app: string;
  readonly text: string;
  /** It is about every port. */
  readonly whole: boolean;
}

/** Why apps leave new flows to `address` alone, whatever speaks for them. */
function ownersWord(state: State, address: string): OwnersWord[] {
  const bytes = parseAddress(address)!;
  const at = { bytes, offset: 0, family: familyOf(bytes) };
  return state.policy.apps.flatMap(({ name: app, direct, except }) => {
    const words: OwnersWord[] = (except ?? [])
      .filter((one) => findBlock(one, at) !== null)
      .map(({ source, ports, protocols }) => {
        const whole = protocols.length === 2 && JSON.stringify(ports) === '[[0,65535]]';
        const which = whole ? '' : `, ${portsText(protocols, ports)}`;
        return { app, text: `${app}: kept direct by ${source}${which}`, whole };
      });
    if (direct !== undefined) {
      words.push({ app, text: `${app}: new flows are direct for now (${direct})`, whole: true });
    }
    return words;
  });
}

function portsText(protocols: readonly string[], ports: readonly PortSpan[]): string {
  const spans = ports.map((span) => (typeof span === 'number' ? span : span.join('-')));
  return `${protocols.join(' and ')} ports ${spans.join(', ')}`;
}

function hostOf(end: string): string {
  return /^\[(.+)\]:\d+$/.exec(end)?.[1] ?? end.replace(/:\d+$/, '');
}

function said(one: FlowEvidence, now: number): string {
  const ago = seconds(now - one.last);
  return `${one.app}: ${flowText(one.flow)}: ${one.kind}: ${one.detail} (${ago} s ago)`;
}

/** What would speak for a new flow to `address` now. */
function standing(state: State, kernel: KernelView, address: string, now: number): string[] {
  const bytes = parseAddress(address)!;
  const learned = learnedAnswer(state, kernel, now, Number.POSITIVE_INFINITY, bytes);
  const at = { bytes, offset: 0, family: familyOf(bytes) };
  const reasons: string[] = [];
  for (const { name, profile } of state.policy.apps) {
    for (const range of profile.ranges.filter((one) => findBlock(one, at) !== null)) {
      const where = portsText(range.protocols, range.ports);
      // What the owner states has no date.
      reasons.push(
        range.date === ''
          ? `${name}: ${range.source}, ${where}`
          : `${name}: ${range.role} range of the profile, ${where} (${range.source}, ${range.date})`,
      );
    }
  }
  for (const one of learned.endpoints.filter((endpoint) => endpoint.address === address)) {
    reasons.push(`${one.app}: ${one.device} resolved ${one.name} to it; ${one.seconds} s left`);
  }
  for (const one of learned.peers.filter(({ peer }) => peer === address)) {
    reasons.push(`${one.app}: a peer of ${one.device}; ${one.seconds} s left`);
  }
  for (const one of learned.named.filter(({ peer }) => peer === address)) {
    reasons.push(`${one.app}: ${one.device} named it in a TLS hello; ${one.seconds} s left`);
  }
  for (const one of learned.ports.filter(({ device }) => device === address)) {
    reasons.push(
      `${one.app}: ${one.protocol} port ${one.port} of this device is the application's; ${one.seconds} s left`,
    );
  }
  return reasons;
}
