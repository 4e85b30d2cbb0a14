// replay: a capture's packets go through the same step and the same table model as the router's,
// on the capture's own clock: what would have been learned, proxied and let go. `whp replay` prints
// it. Pure: bytes and policy in, a report out. Its verdict is only as good as the ruleset tracer,
// which the tests hold against the real kernel packet by packet.
import { flowText } from '../learn/evidence.ts';
import { learnedEndpoints } from '../learn/learned.ts';
import { slotOf } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { Profile } from '../policy/profile.ts';
import { compile } from '../ruleset/compile.ts';
import { pairOf, portOf } from '../ruleset/elements.ts';
import { ANSWER_PREFIX, QUERY_PREFIX, setName } from '../ruleset/names.ts';
import {
  addElements,
  createKernel,
  deleteFlow,
  type Kernel,
  listElements,
  removeElements,
  type Trace,
  trace,
} from '../ruleset/trace.ts';
import { flowOf } from '../ruleset/trace-conntrack.ts';
import { createState, type Effect, type Event, type State, step } from '../step.ts';
import { type Cidr, cidrHas, parseCidr } from '../wire/address.ts';
import {
  decodePacket,
  destinationText,
  type Packet,
  sourceText,
  TCP,
  UDP,
} from '../wire/packet.ts';
import { captureFrames, type Frame } from '../wire/pcap.ts';
import { PORTMAP_PORT } from '../wire/portmap.ts';
import { isMalformed } from '../wire/reader.ts';

const DNS_PORT = 53;
/** Where a packet towards the Internet would leave if nothing marked it; any name will do. */
const WAN = 'wan';
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

export interface ReplayFlow {
  readonly flow: string;
  /** When it began, seconds from the start of the capture. */
  readonly start: number;
  readonly app: string | null;
  readonly evidence: string;
  readonly detail: string;
  packets: number;
  bytes: number;
  /** Packets of the flow that the direct path would have carried. */
  direct: number;
  rejected: number;
}

export interface LearnedPort {
  readonly device: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
}

export interface ReplayReport {
  readonly packets: number;
  readonly malformed: number;
  /** Not for the Internet: home to home, router, broadcast and multicast. */
  readonly local: number;
  /** Flows that began on the Internet side: no decision of the home's. */
  readonly inbound: number;
  readonly ports: readonly LearnedPort[];
  readonly supernodes: readonly string[];
  readonly endpoints: readonly { readonly address: string; readonly name: string }[];
  readonly peers: readonly { readonly device: string; readonly peer: string }[];
  readonly flows: readonly ReplayFlow[];
  readonly totals: {
    readonly proxiedFlows: number;
    readonly proxiedPackets: number;
    readonly proxiedBytes: number;
    readonly directFlows: number;
    readonly directPackets: number;
    readonly directBytes: number;
    readonly rejectedPackets: number;
  };
  /** Why the file ended early, when it did. */
  readonly broken: string | null;
}

interface Run {
  readonly policy: Policy;
  readonly home: readonly Cidr[];
  readonly kernel: Kernel;
  readonly state: State;
  readonly flows: Map<string, ReplayFlow>;
  readonly supernodes: Set<string>;
  start: number;
  now: number;
  packets: number;
  malformed: number;
  local: number;
  inbound: number;
}

/** `home`: prefixes of the devices, empty for the private ranges. Holding is simulated as the
 * policy says: a held answer teaches before the device's next packet. */
export function replayCapture(
  bytes: Uint8Array,
  policy: Policy,
  home: readonly string[],
): ReplayReport {
  const run: Run = {
    policy,
    home: (home.length > 0 ? home : PRIVATE).map(parseCidr).filter((one) => one !== null),
    kernel: createKernel(compile(policy)),
    state: createState(policy, () => false),
    flows: new Map(),
    supernodes: new Set(),
    start: -1,
    now: 0,
    packets: 0,
    malformed: 0,
    local: 0,
    inbound: 0,
  };
  let broken: string | null = null;
  for (const frame of captureFrames(bytes)) {
    if ('malformed' in frame) broken = frame.malformed;
    else playFrame(run, frame);
  }
  return report(run, broken);
}

function playFrame(run: Run, frame: Frame): void {
  if (run.start < 0) run.start = frame.time;
  // Captures step back now and then; the table's clock does not.
  run.now = Math.max(run.now, (frame.time - run.start) * 1000);
  run.packets += 1;
  const packet = decodePacket(frame.bytes, frame.offset, frame.end);
  if (isMalformed(packet)) {
    run.malformed += 1;
    return;
  }
  const fromHome = isHome(run, packet, packet.source);
  const toHome = isHome(run, packet, packet.destination);
  const bytes = frame.bytes.subarray(frame.offset, frame.end);
  if (fromHome && toHome) playLocal(run, packet, bytes);
  else if (fromHome && !isGroup(packet)) playOut(run, packet, bytes);
  else if (toHome && !isGroup(packet)) playIn(run, packet, bytes);
  else run.local += 1;
}

function isHome(run: Run, packet: Packet, at: number): boolean {
  return run.home.some((cidr) => cidr.family === packet.family && cidrHas(cidr, packet.bytes, at));
}

/** Broadcast, multicast, or no address at all (DHCP). */
function isGroup(packet: Packet): boolean {
  const to = packet.bytes[packet.destination]!;
  const from = packet.bytes[packet.source]!;
  if (packet.family === 6)
    return to === 0xff || (from === 0xfe && packet.bytes[packet.source + 1]! >= 0x80);
  return to >= 224 || from === 0;
}

/** Home to home: what speaks DNS or port mapping is the router, the rest never passes it. */
function playLocal(run: Run, packet: Packet, bytes: Uint8Array): void {
  run.local += 1;
  const lan = run.policy.globals.lan[0] ?? 'lan';
  const to = packet.destinationPort;
  if (to === DNS_PORT || to === PORTMAP_PORT) {
    follow(run, bytes, trace(run.kernel, { bytes, iif: lan, oif: '', hooks: 'input' }, run.now));
  } else if (packet.sourcePort === DNS_PORT) {
    follow(run, bytes, trace(run.kernel, { bytes, iif: '', oif: lan, hooks: 'output' }, run.now));
  }
}

function playOut(run: Run, packet: Packet, bytes: Uint8Array): void {
  const iif = run.policy.globals.lan[0] ?? 'lan';
  const traced = trace(run.kernel, { bytes, iif, oif: WAN, hooks: 'forward' }, run.now);
  follow(run, bytes, traced);
  count(run, packet, bytes, traced, false);
}

function playIn(run: Run, packet: Packet, bytes: Uint8Array): void {
  const known = flowOf(run.kernel.flows, packet, run.now);
  if (known === null) run.inbound += 1;
  const slot = known === null ? 0 : slotOf(run.kernel.ruleset.mask, known.mark);
  const way = run.kernel.ruleset.paths.find((one) => one.slot === slot);
  const iif = way?.devices[0] ?? WAN;
  const oif = run.policy.globals.lan[0] ?? 'lan';
  const traced = trace(run.kernel, { bytes, iif, oif, hooks: 'forward' }, run.now);
  follow(run, bytes, traced);
  if (known !== null) count(run, packet, bytes, traced, way !== undefined);
}

/** Feeds the agent what the table shows it, and the table what the agent learns from it. */
function follow(run: Run, bytes: Uint8Array, traced: Trace): void {
  const span = { bytes, offset: 0, end: bytes.length };
  if (traced.verdict === 'queue') react(run, bytes, { kind: 'answer', id: 0, ...span });
  for (const { prefix } of traced.logs) {
    if (prefix === QUERY_PREFIX) react(run, bytes, { kind: 'query', ...span });
    else if (prefix === ANSWER_PREFIX) react(run, bytes, { kind: 'answer', id: null, ...span });
    else react(run, bytes, { kind: 'evidence', prefix, ...span });
  }
}

function react(run: Run, bytes: Uint8Array, event: Event): void {
  for (const effect of step(run.state, event, run.now)) apply(run, bytes, effect);
}

function apply(run: Run, bytes: Uint8Array, effect: Effect): void {
  if (effect.kind === 'renew') addElements(run.kernel, effect.set, effect.elements, run.now);
  else if (effect.kind === 'forget') removeElements(run.kernel, effect.set, effect.keys);
  else if (effect.kind === 'cut') deleteFlow(run.kernel, bytes, run.now);
  else if (effect.kind === 'told' && effect.what.kind === 'evidence') {
    const { kind, app, flow } = effect.what.evidence;
    const { profile } = run.state.apps.get(app)!;
    if (kind === 'range' && isSupernode(profile, flow.destination, flow.destinationPort)) {
      run.supernodes.add(flow.destination);
    }
  }
}

function isSupernode(profile: Profile, address: string, port: number): boolean {
  const bytes = parseCidr(address)!.bytes;
  return profile.ranges.some(
    (range) =>
      range.role === 'supernode' &&
      range.ports.some((span) =>
        typeof span === 'number' ? span === port : port >= span[0] && port <= span[1],
      ) &&
      range.addresses.some((text) => {
        const cidr = parseCidr(text);
        return cidr !== null && cidr.bytes.length === bytes.length && cidrHas(cidr, bytes, 0);
      }),
  );
}

/** Books a packet on its flow, named by its first packet from the home. */
function count(
  run: Run,
  packet: Packet,
  bytes: Uint8Array,
  traced: Trace,
  inTunnel: boolean,
): void {
  const outward = isHome(run, packet, packet.source);
  const source = outward ? sourceText(packet) : destinationText(packet);
  const destination = outward ? destinationText(packet) : sourceText(packet);
  const name = packet.protocol === UDP ? 'udp' : packet.protocol === TCP ? 'tcp' : 'other';
  const text = flowText({
    protocol: name === 'other' ? String(packet.protocol) : name,
    source,
    sourcePort: Math.max(0, outward ? packet.sourcePort : packet.destinationPort),
    destination,
    destinationPort: Math.max(0, outward ? packet.destinationPort : packet.sourcePort),
  });
  const slot = slotOf(run.kernel.ruleset.mask, traced.ctmark);
  const app = run.policy.apps.find((one) => one.slot === slot)?.name ?? null;
  const key = `${text} ${app ?? ''}`;
  const evidence = run.state.evidence.flows.get(`${app} ${text}`);
  const flow = run.flows.get(key) ?? {
    flow: text,
    start: run.now / 1000,
    app,
    evidence: evidence?.kind ?? '',
    detail: evidence?.detail ?? '',
    packets: 0,
    bytes: 0,
    direct: 0,
    rejected: 0,
  };
  flow.packets += 1;
  flow.bytes += bytes.length;
  if (traced.verdict === 'reject' || traced.verdict === 'drop') flow.rejected += 1;
  else if (traced.route !== 'tunnel' && !inTunnel) flow.direct += 1;
  run.flows.set(key, flow);
}

function report(run: Run, broken: string | null): ReplayReport {
  const flows = Array.from(run.flows.values());
  const proxied = flows.filter(({ app }) => app !== null);
  const direct = flows.filter(({ app }) => app === null);
  const sum = (list: readonly ReplayFlow[], field: 'packets' | 'bytes' | 'rejected'): number =>
    list.reduce((total, flow) => total + flow[field], 0);
  return {
    packets: run.packets,
    malformed: run.malformed,
    local: run.local,
    inbound: run.inbound,
    ports: portsOf(run),
    supernodes: Array.from(run.supernodes).sort(),
    endpoints: learnedEndpoints(run.state.learned).map(({ address, name }) => ({ address, name })),
    peers: peersOf(run),
    flows,
    totals: {
      proxiedFlows: proxied.length,
      proxiedPackets: sum(proxied, 'packets'),
      proxiedBytes: sum(proxied, 'bytes'),
      directFlows: direct.length,
      directPackets: sum(direct, 'packets'),
      directBytes: sum(direct, 'bytes'),
      rejectedPackets: sum(flows, 'rejected'),
    },
    broken,
  };
}

/** Time 0 lists what has expired since as well: the report is about the whole capture. */
function portsOf(run: Run): LearnedPort[] {
  const ports: LearnedPort[] = [];
  for (const { name } of run.policy.apps) {
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const family of [4, 6] as const) {
        for (const { key } of listElements(run.kernel, setName(name, protocol, family), 0)) {
          const found = portOf(key);
          if (found !== null) ports.push({ ...found, protocol });
        }
      }
    }
  }
  return ports;
}

function peersOf(run: Run): { device: string; peer: string }[] {
  return run.policy.apps.flatMap(({ name }) =>
    ([4, 6] as const).flatMap((family) =>
      listElements(run.kernel, setName(name, 'peer', family), 0)
        .map(({ key }) => pairOf(key))
        .filter((pair) => pair !== null),
    ),
  );
}
