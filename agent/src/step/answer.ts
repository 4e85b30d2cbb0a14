// step/answer: a DNS answer on its way to a device: what it teaches goes into the kernel's sets before it
// is released. Before: step/packet, learn/observe-dns. After: system/effects.
import { learnEndpoints } from '../learn/learned.ts';
import {
  type DnsObservation,
  glanceAt,
  type Lesson,
  observeDnsAnswer,
} from '../learn/observe-dns.ts';
import { noteStandIn } from '../learn/stand-ins.ts';
import { addressKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { Effect, Event, State } from '../state.ts';
import { isWhole, restoreStream, saveStream } from '../wire/dns-stream.ts';
import { destinationText, type Packet, TCP } from '../wire/packet.ts';
import { messagesOf, note, readWhole, report, streamKey } from './packet.ts';
import { learnLater, mayTeach } from './share.ts';

const NO_EFFECTS: readonly Effect[] = [];

export function onAnswer(
  state: State,
  event: Event & { kind: 'answer' },
  now: number,
): readonly Effect[] {
  const { counters } = state;
  counters.answers += 1;
  const release: readonly Effect[] =
    event.id === null ? NO_EFFECTS : [{ kind: 'release', id: event.id }];
  const { matcher } = state.observer;
  const glance = glanceAt(matcher, event.bytes, event.offset, event.end);
  if (glance === 'unrelated') return release;
  const packet = readWhole(state, event);
  if (packet === null) return release;
  const lessons: Lesson[] = [];
  const device = destinationText(packet);
  const saved = packet.protocol === TCP ? saveStream(state.streams, streamKey(packet)) : null;
  let refused: Refusal | null = null;
  for (const { bytes, offset, end } of messagesOf(state, packet, device, now)) {
    const { observer } = state;
    const admit = () => mayTeach(state, device, now);
    const observed = observeDnsAnswer(observer, bytes, offset, end, device, now, admit, glance);
    for (const reason of observed.reasons) note(state, `DNS answer to ${device}: ${reason}`);
    lessons.push(...observed.lessons);
    const isLater = observed.tooMany === true && event.id === null;
    const message = bytes.slice(offset, isLater ? end : offset);
    if (!isLater || !learnLater(state, device, message)) refused ??= refusal(observed, device);
  }
  if (event.id !== null) refused ??= unreadStream(state, packet);
  const taught = teach(state, lessons);
  if (refused === null) return [...taught, ...release];
  if (event.id !== null && packet.protocol === TCP) {
    restoreStream(state.streams, streamKey(packet), saved);
  }
  return [...taught, ...refuse(state, event.id, refused, now)];
}

/** What lessons change, and what is told of them. */
export function teach(state: State, lessons: readonly Lesson[]): Effect[] {
  if (lessons.length > 0) state.counters.matched += 1;
  return lessons.flatMap((lesson) => take(state, lesson));
}

/** What is said of a message that must not reach its device, and under which topic. */
interface Refusal {
  readonly topic: string;
  readonly text: string;
}

function refusal({ tooMany, unread }: DnsObservation, device: string): Refusal | null {
  if (tooMany === true) {
    const text = `${device} resolves more names of an application than can be learned; the surplus is refused`;
    return { topic: `flood ${device}`, text };
  }
  if (unread === undefined) return null;
  const text = `an answer to ${device} for an application's name cannot be read to its end, and is refused: ${unread}`;
  return { topic: `unread ${device}`, text };
}

/** Data of a stream of which nobody knows what it carries: its beginning was not seen, or it was more
 * than is kept. Null: it is no such thing. */
function unreadStream(state: State, packet: Packet): Refusal | null {
  if (packet.protocol !== TCP || packet.payloadEnd <= packet.payload) return null;
  if (!packet.truncated && isWhole(state.streams, streamKey(packet))) return null;
  const device = destinationText(packet);
  const text = `DNS over TCP to ${device} cannot be read from its beginning, and is refused: the device asks again`;
  return { topic: `stream ${device}`, text };
}

/**
 * To let it pass untaught would be a leak. Too many: to read it would keep the answers of everybody
 * else waiting; the flooding device asks again, others notice nothing. What is only watched has passed.
 */
function refuse(state: State, id: number | null, { topic, text }: Refusal, now: number): Effect[] {
  state.counters.refused += 1;
  const said = report(state, topic, text, now);
  return id === null ? said : [...said, { kind: 'refuse', id }];
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
