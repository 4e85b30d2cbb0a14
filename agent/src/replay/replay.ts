// replay/replay: plays a capture through the agent's step and the traced table, on the capture's clock: what
// would have been learned, proxied and direct. Pure. It is as accurate as the ruleset tracer, which tests compare
// with a real kernel packet by packet.

import { slotOf } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import { macKey } from '../ruleset/elements.ts';
import { GATEWAYS } from '../ruleset/names.ts';
import { flowOf, type TrackedFlow, track } from '../ruleset/trace/fake-conntrack.ts';
import { addElements } from '../ruleset/trace/fake-kernel.ts';
import type { Trace, TracedPacket } from '../ruleset/trace/result.ts';
import { trace } from '../ruleset/trace/trace.ts';
import { step, TICK_MILLISECONDS } from '../step/step.ts';
import type { Cidr } from '../wire/address.ts';
import { decodePacket, type Packet } from '../wire/packet.ts';
import { captureFrames, createPassedOver, type Frame } from '../wire/pcap.ts';
import { DNS_PORT, PORTMAP_PORT } from '../wire/ports.ts';
import { isMalformed } from '../wire/reader.ts';
import { follow } from './agent.ts';
import { wayOf } from './direction.ts';
import { bookPacket } from './flow-table.ts';
import { gatherPeers, gatherPorts } from './learned.ts';
import { type ReplayReport, reportOf } from './report.ts';
import { noteSender } from './routers.ts';
import { type Run, startRun } from './run.ts';
import { unmodelled } from './unmodelled.ts';

/** Output interface towards the Internet; the name is arbitrary. */
const WAN = 'wan';

/** Plays a whole capture. `home`: the devices' prefixes (homePrefixes). The table is loaded and its sets are
 * empty at the first packet; a held answer teaches before the device's next packet. */
export function replayCapture(
  bytes: Uint8Array,
  policy: Policy,
  home: readonly Cidr[],
): ReplayReport {
  const run = startRun(policy, home);
  let broken: string | null = null;
  const passed = createPassedOver();
  for (const frame of captureFrames(bytes, passed)) {
    if ('malformed' in frame) broken = frame.malformed;
    else playFrame(run, frame);
  }
  gather(run);
  const { packets, malformed, local, foreign, cut, cutUnread, hellos, macless, state } = run;
  const { counters, reasons } = state;
  const tally = {
    packets,
    malformed,
    local,
    foreign,
    others: passed.others,
    unknown: Array.from(passed.unknown, ([id, one]) => ({ interface: id, ...one })),
    cut,
    cut_unread: cutUnread,
    unread: counters.malformed,
    unread_reason: reasons.at(-1) ?? null,
    unasked: counters.unasked,
    hellos,
    unmodelled: unmodelled(policy, macless),
    length_ms: Math.floor(run.now),
    evidence: state.evidence.counts,
  };
  return reportOf(tally, Array.from(run.book.rows.values()), run.harvest, broken);
}

function playFrame(run: Run, frame: Frame): void {
  advance(run, frame.time);
  run.packets += 1;
  if (frame.cut > 0) run.cut += 1;
  const unread = run.state.counters.malformed;
  judge(run, frame);
  if (frame.cut > 0 && run.state.counters.malformed > unread) run.cutUnread += 1;
}

function judge(run: Run, frame: Frame): void {
  const packet = decodePacket(frame.bytes, frame.offset, frame.end);
  if (isMalformed(packet)) {
    run.malformed += 1;
    return;
  }
  const bytes = frame.bytes.subarray(frame.offset, frame.end);
  switch (wayOf(run.home, packet)) {
    case 'out':
      playOut(run, packet, bytes, senderOf(run, frame, packet));
      break;
    case 'in':
      playIn(run, packet, bytes);
      break;
    case 'local':
      run.local += 1;
      playLocal(run, packet, bytes, senderOf(run, frame, packet));
      break;
    case 'foreign':
      run.foreign += 1;
  }
}

/** Time stamps of a capture may go backwards; the table's clock does not. */
function advance(run: Run, seconds: number): void {
  run.start ??= seconds;
  run.now = Math.max(run.now, (seconds - run.start) * 1000);
  if (run.now - run.ticked < TICK_MILLISECONDS) return;
  run.ticked = run.now;
  gather(run);
  step(run.state, { kind: 'tick' }, run.now);
}

function gather({ harvest, kernel, policy, now }: Run): void {
  gatherPorts(harvest, kernel, policy, now);
  gatherPeers(harvest, kernel, policy);
}

type Ether = { readonly ether?: Uint8Array };

/** The source MAC of a packet from home, by which apps know their devices. */
function senderOf(run: Run, { bytes, mac }: Frame, packet: Packet): Ether {
  if (mac < 0) {
    run.macless += 1;
    return {};
  }
  const ether = bytes.subarray(mac, mac + 6);
  const router = noteSender(run.senders, run.home, packet, ether);
  if (router !== null) {
    run.state.gateways.add(router);
    addElements(run.kernel, GATEWAYS, [{ key: macKey(router)! }], run.now);
  }
  return { ether };
}

/** Plays packets within the home: DNS and port mapping are from or to the router; others do not pass it. */
function playLocal(run: Run, packet: Packet, bytes: Uint8Array, ether: Ether): void {
  const { kernel, lan, now } = run;
  const to = packet.destinationPort;
  // With port 53 at both ends (old resolvers), a packet is an answer if it is a reply of a tracked flow.
  const answers = packet.sourcePort === DNS_PORT && (to !== DNS_PORT || isAnswer(run, packet));
  if (answers) {
    const input = { bytes, iif: '', oif: lan, hooks: 'output' } as const;
    follow(run, packet, input, trace(kernel, input, now));
  } else if (to === DNS_PORT || to === PORTMAP_PORT) {
    const input = { bytes, iif: lan, oif: '', hooks: 'input', ...ether } as const;
    follow(run, packet, input, trace(kernel, input, now));
  }
}

function isAnswer(run: Run, packet: Packet): boolean {
  const flow = flowOf(run.kernel.flows, packet, run.now);
  const { bytes, source } = packet;
  return flow?.source.some((byte, i) => byte !== bytes[source + i]) ?? false;
}

function playOut(run: Run, packet: Packet, bytes: Uint8Array, ether: Ether): void {
  const input = { bytes, iif: run.lan, oif: WAN, hooks: 'forward', ...ether } as const;
  const traced = trace(run.kernel, input, run.now);
  const flow = ownerOf(run, packet);
  settle(run, packet, input, traced, flow, true, traced.route === 'tunnel');
}

function playIn(run: Run, packet: Packet, bytes: Uint8Array): void {
  const known = ownerOf(run, packet);
  const slot = known === null ? 0 : slotOf(run.kernel.ruleset.mask, known.mark);
  const path = run.kernel.ruleset.paths.find((one) => one.slot === slot);
  const iif = path?.devices[0] ?? WAN;
  const input = { bytes, iif, oif: run.lan, hooks: 'forward' } as const;
  const traced = trace(run.kernel, input, run.now);
  const flow = known ?? ownerOf(run, packet);
  settle(run, packet, input, traced, flow, false, path !== undefined);
}

/** The tracked flow of a packet, or of the packet that an ICMP error quotes. */
function ownerOf(run: Run, packet: Packet): TrackedFlow | null {
  if (packet.quoted >= 0) return track(run.kernel.flows, packet, run.now).flow;
  return flowOf(run.kernel.flows, packet, run.now);
}

/** Passes the packet to the agent, then counts it in its row with the agent's evidence. */
function settle(
  run: Run,
  packet: Packet,
  input: TracedPacket,
  traced: Trace,
  flow: TrackedFlow | null,
  outward: boolean,
  inTunnel: boolean,
): void {
  // The kernel reassembles first, so the table logs a fragmented packet once.
  if (packet.fragmentOffset === 0) follow(run, packet, input, traced);
  const slot = slotOf(run.kernel.ruleset.mask, traced.ctmark);
  const app = run.policy.apps.find((one) => one.slot === slot)?.name ?? null;
  const entry = { packet, traced, flow, outward, inTunnel, app, time: run.now };
  const said = run.state.evidence.flows;
  if (!bookPacket(run.book, entry, (name, text) => said.get(`${name} ${text}`))) run.malformed += 1;
}
