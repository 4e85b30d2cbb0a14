// ruleset/trace/trace: runs packets through the table model as the kernel does through the table: conntrack,
// hooks in order of priority, routing by mark, learning sets. Used by `whp replay`; test/netns compares it
// with the real kernel packet by packet.
import { slotOf } from '../../policy/marks.ts';
import { decodePacket, destinationText, fragmentKey, type Packet } from '../../wire/packet.ts';
import { isMalformed } from '../../wire/reader.ts';
import type { Chain, Hook, Rule } from '../model.ts';
import { gateName } from '../names.ts';
import { NFPROTO } from '../terms.ts';
import { execute, type StatementResult, type Visit } from './evaluate.ts';
import { confirm, type Tracked, track } from './fake-conntrack.ts';
import type { ModelKernel, World } from './fake-kernel.ts';
import { hasElement } from './fake-sets.ts';
import type { Trace, TracedPacket } from './result.ts';

const MOST_FRAGMENTS = 1024;

/** Runs one packet through the hooks at time `now` (milliseconds, never decreasing). */
export function trace(kernel: ModelKernel, input: TracedPacket, now: number): Trace {
  const packet = decodePacket(input.bytes);
  if (isMalformed(packet)) return { ...NOWHERE, malformed: packet.malformed };
  if (packet.fragmentOffset === 0 && !packet.moreFragments) return run(kernel, input, packet, now);
  const key = fragmentKey(packet);
  if (packet.fragmentOffset > 0) {
    const first = kernel.fragments.get(key);
    return first ?? { ...NOWHERE, malformed: 'a fragment whose first one was not seen' };
  }
  const result = run(kernel, input, packet, now);
  if (kernel.fragments.size >= MOST_FRAGMENTS) kernel.fragments.clear();
  kernel.fragments.set(key, result);
  return result;
}

const NOWHERE: Trace = {
  verdict: 'drop',
  mark: 0,
  ctmark: 0,
  state: 'invalid',
  logs: [],
  path: [],
  cost: {},
  route: 'none',
  device: '',
  masqueraded: false,
  redirected: false,
  clamps: [],
};

interface Journey {
  readonly kernel: ModelKernel;
  readonly visit: Visit;
  readonly path: string[];
  readonly cost: { [hook in Hook]?: number };
  queued: boolean;
  masqueraded: boolean;
  redirected: boolean;
}

function run(kernel: ModelKernel, input: TracedPacket, packet: Packet, now: number): Trace {
  const tracked = track(kernel.flows, packet, now);
  const visit: Visit = {
    packet,
    iif: input.hooks === 'output' ? '' : input.iif,
    oif: input.hooks === 'output' ? input.oif : '',
    ether: input.ether ?? null,
    mainDevice: input.hooks === 'input' ? 'lo' : input.oif,
    addressType: addressType(kernel.world, packet, input.hooks),
    mark: input.mark ?? 0,
    flow: tracked.flow,
    state: tracked.state,
    now,
    sets: kernel.sets,
    counters: kernel.counters,
    logs: [],
    clamps: [],
  };
  const journey = {
    kernel,
    visit,
    path: [],
    cost: {},
    queued: false,
    masqueraded: false,
    redirected: false,
  };
  const verdict = travel(journey, input, tracked);
  if (verdict === 'accept' && tracked.flow !== null && !tracked.flow.confirmed) {
    confirm(kernel.flows, tracked.flow);
  }
  return summary(journey, input, verdict);
}

type End = 'accept' | 'drop' | 'reject';

function travel(journey: Journey, input: TracedPacket, tracked: Tracked): End {
  if (input.hooks === 'output') {
    const end = hook(journey, 'output', tracked);
    return end === 'accept' ? leave(journey, input, tracked) : end;
  }
  const end = hook(journey, 'prerouting', tracked);
  if (end !== 'accept') return end;
  if (input.hooks === 'input' || journey.redirected) return hook(journey, 'input', tracked);
  if (!routed(journey, input)) return 'reject';
  const through = hook(journey, 'forward', tracked);
  return through === 'accept' ? leave(journey, input, tracked) : through;
}

function leave(journey: Journey, input: TracedPacket, tracked: Tracked): End {
  if (!routed(journey, input)) return 'reject';
  return hook(journey, 'postrouting', tracked);
}

/**
 * ip rule by mark, then the table of the slot, which prohibits packets without a route instead of using main.
 */
function routed({ kernel, visit, path }: Journey, input: TracedPacket): boolean {
  const slot = slotOf(kernel.ruleset.mask, visit.mark);
  const way = kernel.ruleset.paths.find((one) => one.slot === slot);
  if (way === undefined) {
    visit.oif = input.oif;
    return true;
  }
  // With the gate `direct` the agent also empties the slot's table, so the lookup continues in main.
  const { family } = visit.packet;
  const direct = kernel.sets.get(gateName(way.app, 'direct'));
  if (direct !== undefined && hasElement(direct, [NFPROTO[family]], visit.now)) {
    visit.oif = input.oif;
    return true;
  }
  const isUp = kernel.world.isUp ?? (() => true);
  const device = way.devices.find(isUp);
  if (device === undefined) path.push('route: prohibit');
  visit.oif = device ?? '';
  return device !== undefined;
}

function hook(journey: Journey, name: Hook, tracked: Tracked): End {
  for (const chain of journey.kernel.bases.get(name)!) {
    // NAT chains see only the first packet of a flow.
    if (chain.base!.type === 'nat' && (tracked.flow === null || tracked.flow.confirmed)) continue;
    const outcome = walk(journey, name, chain);
    if (typeof outcome !== 'object' || !('final' in outcome)) continue;
    if (outcome.final === 'drop' || outcome.final === 'reject') return outcome.final;
    if (outcome.final === 'queue') journey.queued = true;
    if (outcome.final === 'masquerade') journey.masqueraded = true;
    if (outcome.final === 'redirect') journey.redirected = true;
  }
  return 'accept';
}

/** Runs a chain from its first rule; 'return' and the end of the chain continue in the caller. */
function walk(journey: Journey, name: Hook, chain: Chain): StatementResult {
  for (const one of chain.rules) {
    journey.cost[name] = (journey.cost[name] ?? 0) + 1;
    const outcome = obey(journey, one);
    if (outcome === 'break' || outcome === 'next') continue;
    if (outcome === 'return') return 'return';
    if ('final' in outcome) return outcome;
    const target = journey.kernel.chains.get(outcome.chain.chain);
    if (target === undefined) throw new Error(`trace: there is no chain ${outcome.chain.chain}`);
    const result = walk(journey, name, target);
    if (outcome.chain.verdict === 'goto' || typeof result === 'object') return result;
  }
  return 'return';
}

function obey(journey: Journey, one: Rule): StatementResult {
  let outcome: StatementResult = 'next';
  for (const statement of one.statements) {
    outcome = execute(statement, journey.visit);
    if (outcome !== 'next') break;
  }
  if (outcome !== 'break') journey.path.push(one.comment);
  return outcome;
}

function addressType(world: World, packet: Packet, hooks: TracedPacket['hooks']): string {
  const { bytes, destination, family } = packet;
  const first = bytes[destination]!;
  if (family === 6) return first === 0xff ? 'multicast' : hooks === 'input' ? 'local' : 'unicast';
  if (first >= 224 && first < 240) return 'multicast';
  const text = destinationText(packet);
  if (text === '255.255.255.255' || world.broadcast?.includes(text)) return 'broadcast';
  return hooks === 'input' ? 'local' : 'unicast';
}

function summary(journey: Journey, input: TracedPacket, end: End): Trace {
  const { visit, kernel, path, cost, queued, masqueraded, redirected } = journey;
  const isLocal = input.hooks === 'input' || redirected;
  const isTunnel = kernel.ruleset.paths.some((one) => one.devices.includes(visit.oif));
  const passes = end === 'accept';
  return {
    verdict: passes && queued ? 'queue' : end,
    mark: visit.mark,
    ctmark: visit.flow?.mark ?? 0,
    state: visit.state,
    logs: visit.logs,
    path,
    cost,
    route: !passes ? 'none' : isLocal ? 'local' : isTunnel ? 'tunnel' : 'direct',
    device: passes && !isLocal ? visit.oif : '',
    masqueraded,
    redirected,
    clamps: visit.clamps,
  };
}
