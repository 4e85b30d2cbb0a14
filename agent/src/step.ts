// step: one event in, the next state and the effects it calls for out. The only place where what
// wire/ decoded and learn/ observed becomes a wish to change the kernel. ears.ts feeds it from
// the sockets and runs the effects; the tests and `whp replay` feed it by hand. No IO, no clock.
import { expireEvidence, flowOf, recordEvidence } from './learn/evidence.ts';
import { expireHellos, learnServer, type NamedServer, wasNamed } from './learn/hellos.ts';
import { expireLearned, learnEndpoints } from './learn/learned.ts';
import { glanceAt, type Lesson, observeDnsAnswer, observeDnsQuery } from './learn/observe-dns.ts';
import { observeHello } from './learn/observe-hello.ts';
import { takeToken } from './learn/pace.ts';
import { isRepeat } from './learn/repeats.ts';
import { reportOnce } from './learn/reports.ts';
import { expireStandIns, noteStandIn } from './learn/stand-ins.ts';
import { expireTaught, holdsUntil, noteAnnounced, noteTaught } from './learn/taught.ts';
import { wishesOf } from './learn/wishes.ts';
import type { App } from './policy/policy.ts';
import { addressKey, pairKey, portKey } from './ruleset/elements.ts';
import { parsePrefix, partialSet, setName } from './ruleset/names.ts';
import type { Effect, Event, PacketSpan, State } from './state.ts';
import { expireStreams, feedStream } from './wire/dns-stream.ts';
import { flowText } from './wire/flow-text.ts';
import { decodePacket, destinationText, type Packet, sourceText, TCP, UDP } from './wire/packet.ts';

const REASONS = 8;

/** Reading the kernel's sets to make room takes a slow router a good part of a second. */
const ROOM_EVERY_MILLISECONDS = 5000;

/** Evidence is kept for an hour after the flow was last announced. */
const EVIDENCE_MILLISECONDS = 3600000;

const NO_EFFECTS: readonly Effect[] = [];

/**
 * Takes in one event at `now` (milliseconds). The state is updated in place: it is large and has
 * one owner. A held answer always ends in exactly one `release` or `refuse`, behind what it teaches.
 */
export function step(state: State, event: Event, now: number): readonly Effect[] {
  switch (event.kind) {
    case 'answer':
      return onAnswer(state, event, now);
    case 'query':
      return onQuery(state, event, now);
    case 'evidence':
      return onEvidence(state, event, now);
    case 'hello':
      return onHello(state, event, now);
    case 'tick':
      expireLearned(state.learned, now);
      expireTaught(state.taught, now);
      expireStreams(state.streams, now);
      expireHellos(state.hellos, now);
      expireStandIns(state.standIns, now);
      expireEvidence(state.evidence, now - EVIDENCE_MILLISECONDS);
      return NO_EFFECTS;
  }
}

function onAnswer(state: State, event: Event & { kind: 'answer' }, now: number): readonly Effect[] {
  const { counters } = state;
  counters.answers += 1;
  const release: readonly Effect[] =
    event.id === null ? NO_EFFECTS : [{ kind: 'release', id: event.id }];
  const { matcher } = state.observer;
  const glance = glanceAt(matcher, event.bytes, event.offset, event.end);
  if (glance === 'unrelated') return release;
  const packet = read(state, event);
  if (packet === null) return release;
  const lessons: Lesson[] = [];
  const device = destinationText(packet);
  const admit = () => takeToken(state.pace, device, now);
  let tooMany = false;
  for (const message of messagesOf(state, packet, device, now)) {
    const { bytes, offset, end } = message;
    const { observer } = state;
    const observed = observeDnsAnswer(observer, bytes, offset, end, device, now, admit, glance);
    for (const reason of observed.reasons) note(state, `DNS answer to ${device}: ${reason}`);
    lessons.push(...observed.lessons);
    tooMany ||= observed.tooMany === true;
  }
  if (lessons.length > 0) counters.matched += 1;
  const taught = lessons.flatMap((lesson) => take(state, lesson));
  return tooMany ? [...taught, ...refuse(state, event.id, packet, now)] : [...taught, ...release];
}

/**
 * To let it pass untaught would be a leak, to read it would keep the answers of everybody else
 * waiting: the flooding device asks again, others notice nothing. What is only watched has passed.
 */
function refuse(state: State, id: number | null, packet: Packet, now: number): Effect[] {
  state.counters.refused += 1;
  const device = destinationText(packet);
  // What comes again over TCP has to be read again.
  state.streams.flows.delete(streamKey(packet));
  const text = `${device} resolves more names of an application than can be learned; the surplus is refused`;
  const said = report(state, `flood ${device}`, text, now);
  return id === null ? said : [...said, { kind: 'refuse', id }];
}

function report(state: State, topic: string, text: string, now: number): Effect[] {
  const line = reportOnce(state.reports, topic, text, now);
  return line === null ? [] : [{ kind: 'report', text: line }];
}

/** What a lesson changes in the kernel's set, and what is told of it. */
function take(state: State, lesson: Lesson): Effect[] {
  const app = state.apps.get(lesson.app)!;
  noteStandIn(state.standIns, lesson);
  const change = learnEndpoints(state.learned, lesson, app.profile.caps.endpoints);
  const effects: Effect[] = [];
  for (const family of [4, 6] as const) {
    const set = setName(app.name, 'addr', family);
    const fresh = change.endpoints.filter((endpoint) => endpoint.family === family);
    const gone = change.evicted.filter((endpoint) => endpoint.family === family);
    // The kernel's set has no more room than the cap, so what is evicted leaves first.
    if (gone.length > 0) {
      effects.push({ kind: 'forget', set, keys: gone.map(({ address }) => addressKey(address)!) });
    }
    if (fresh.length > 0) {
      const elements = fresh.map(({ address, kept }) => ({
        key: addressKey(address)!,
        timeout: kept - lesson.at,
      }));
      effects.push({ kind: 'renew', set, elements });
    }
  }
  if (change.report !== null) {
    effects.push(...report(state, `endpoints ${app.name}`, change.report, lesson.at));
  }
  for (const { address: remote, firstSeen } of change.endpoints) {
    if (firstSeen === lesson.at) {
      effects.push({ kind: 'late', wish: { kind: 'address', app: app.name, remote } });
    }
  }
  effects.push({ kind: 'told', what: { kind: 'lesson', lesson } });
  return effects;
}

/** Milliseconds by which a device's window outlasts its query: the others of a burst then need no
 * transaction of their own. */
const ASKED_SLACK = 40;
/** The same for a device that asks without end: each transaction takes time that others wait for. */
const FLOOD_SLACK = 1000;

function onQuery(state: State, event: Event & { kind: 'query' }, now: number): readonly Effect[] {
  const { counters } = state;
  counters.queries += 1;
  const { matcher } = state.observer;
  const glance = glanceAt(matcher, event.bytes, event.offset, event.end);
  if (glance === 'unrelated') return NO_EFFECTS;
  const packet = read(state, event);
  if (packet === null) return NO_EFFECTS;
  const effects: Effect[] = [];
  const device = sourceText(packet);
  for (const { bytes, offset, end } of messagesOf(state, packet, device, now)) {
    for (const match of observeDnsQuery(matcher, bytes, offset, end)) {
      const { portmap, caps } = state.apps.get(match.app)!.profile;
      const timeout = Math.floor(portmap.windowSeconds * 1000 - event.age);
      if (timeout <= 0) continue;
      const set = setName(match.app, 'asked', packet.family);
      const key = addressKey(device)!;
      counters.asked += 1;
      if (holdsUntil(state.taught, set, key, now + timeout)) continue;
      const lasts = timeout + (takeToken(state.asking, device, now) ? ASKED_SLACK : FLOOD_SLACK);
      noteTaught(state.taught, set, { key, expires: now + lasts }, caps.devices);
      effects.push({ kind: 'renew', set, elements: [{ key, timeout: lasts }] });
      effects.push({
        kind: 'told',
        what: { kind: 'asked', app: match.app, device, name: match.entry },
      });
    }
  }
  return effects;
}

function onEvidence(
  state: State,
  event: Event & { kind: 'evidence' },
  now: number,
): readonly Effect[] {
  state.counters.evidence += 1;
  const said = parsePrefix(event.prefix);
  if (said === null || !('app' in said)) return NO_EFFECTS;
  const { prefix, bytes, offset, end } = event;
  const once = said.feed === 'late' || said.feed === 'full';
  if (!once && isRepeat(state.repeats, prefix, bytes, offset, end, now)) return NO_EFFECTS;
  const app = state.apps.get(said.app);
  const packet = read(state, event);
  if (app === undefined || packet === null) return NO_EFFECTS;
  if (said.feed === 'full') {
    return onFull(state, app, sourceText(packet), now);
  }
  noteAnnounced(state.taught, app, said.feed, packet, now);
  const sources = { app, learned: state.learned };
  const evidence = recordEvidence(state.evidence, said.feed, app.name, packet, sources, now);
  const told: Effect = { kind: 'told', what: { kind: 'evidence', evidence } };
  if (said.feed === 'late') return [{ kind: 'cut', flow: evidence.flow }, told];
  const wishes = wishesOf(app, said.feed, packet);
  return [...wishes.map((wish): Effect => ({ kind: 'late', wish })), told];
}

/** A set had no room, or `device` has used up its share of it. */
function onFull(state: State, app: App, device: string, now: number): readonly Effect[] {
  const text = `${app.name}: no room for more ports, peers or windows of ${device} (profile caps)`;
  const said = report(state, `full ${app.name}`, text, now);
  const last = state.roomMade.get(app.name);
  if (last !== undefined && now - last < ROOM_EVERY_MILLISECONDS) return said;
  state.roomMade.set(app.name, now);
  return [{ kind: 'make-room', app: app.name }, ...said];
}

/**
 * A flow whose hello names an application's server: the server is learned for this device, and the
 * flow is cut. A held hello goes through the rules once more, which refuse it; of one that was only
 * watched the connection's entry is deleted, and what follows is a new flow.
 * Until it is decided every packet of a long hello's flow comes here, copies too.
 */
function onHello(state: State, event: Event & { kind: 'hello' }, now: number): readonly Effect[] {
  const { id } = event;
  state.counters.hellos += 1;
  const pass = (again: boolean): Effect[] => (id === null ? [] : [{ kind: 'pass', id, again }]);
  const packet = read(state, event);
  if (packet === null) return pass(false);
  const flow = flowOf(packet);
  const text = flowText(flow);
  const waited = state.hellos.parts.has(text);
  const observed = observeHello(state.hellos, state.observer, packet, now);
  const named = 'malformed' in observed ? null : observed.named;
  const app = named === null ? undefined : state.apps.get(named.app);
  if (named === null || app === undefined) {
    // A copy of the second part of one that was named.
    if (wasNamed(state.hellos, text)) return pass(true);
    if ('malformed' in observed) {
      note(state, `TLS hello of ${sourceText(packet)}: ${observed.malformed}`);
    }
    if (!waited || state.hellos.parts.has(text)) return pass(false);
    // Its second part has come and named nobody's server: the rest of the flow is let alone.
    const keys = [portKey(flow.source, flow.sourcePort)!];
    return [...pass(false), { kind: 'forget', set: partialSet(packet.family), keys }];
  }
  const { caps, peers } = app.profile;
  const learned = learnServer(state.hellos, named, peers.leaseSeconds, caps.endpoints, now);
  const set = setName(app.name, 'hello', packet.family);
  const timeout = peers.leaseSeconds * 1000;
  const key = (one: NamedServer) => pairKey(one.device, one.address)!;
  return [
    ...learned.evicted.map((one): Effect => ({ kind: 'forget', set, keys: [key(one)] })),
    { kind: 'renew', set, elements: [{ key: key(named), timeout }] },
    { kind: 'told', what: { kind: 'hello', named } },
    ...(id === null ? [{ kind: 'cut', flow } as const] : pass(learned.again)),
  ];
}

/** The DNS messages that a packet carries or completes: one for UDP, any number for TCP. */
function messagesOf(
  state: State,
  packet: Packet,
  device: string,
  now: number,
): readonly PacketSpan[] {
  const { bytes, payload: offset, payloadEnd: end } = packet;
  if (packet.protocol === UDP) return [{ bytes, offset, end }];
  if (packet.protocol !== TCP) return [];
  const segment = { sequence: packet.tcpSequence, flags: packet.tcpFlags, bytes, offset, end };
  return feedStream(state.streams, streamKey(packet), segment, now, device).map((message) => ({
    bytes: message,
    offset: 0,
    end: message.length,
  }));
}

function streamKey(packet: Packet): string {
  const { sourcePort, destinationPort } = packet;
  return `${sourceText(packet)} ${sourcePort} ${destinationText(packet)} ${destinationPort}`;
}

function read(state: State, span: PacketSpan): Packet | null {
  const packet = decodePacket(span.bytes, span.offset, span.end);
  if (!('malformed' in packet)) return packet;
  note(state, `packet: ${packet.malformed}`);
  return null;
}

function note(state: State, reason: string): void {
  state.counters.malformed += 1;
  state.reasons.push(reason);
  if (state.reasons.length > REASONS) state.reasons.shift();
}
