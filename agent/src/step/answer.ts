// step/answer: a DNS answer to a device. An answer to an open query teaches, and it is released only after its
// elements are in the kernel's sets. An answer that cannot be read or learned whole is refused.

import { takeToken } from '../bounds/token-bucket.ts';
import { type AskedQuestion, endsOf, plainEnds } from '../learn/asked-questions.ts';
import { askerOf, noteAsker } from '../learn/askers.ts';
import { type Effect, NO_EFFECTS } from '../learn/effect.ts';
import type { Exchange } from '../learn/endpoints.ts';
import { type Glance, glanceAt, observeDnsAnswer } from '../learn/observe-dns.ts';
import { isWhole, restoreStream, saveStream } from '../wire/dns-stream.ts';
import {
  destinationText,
  type Packet,
  plainDevice,
  plainEnd,
  plainUdp,
  sourceText,
  TCP,
} from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';
import { teach } from './lesson.ts';
import { messagesOf, note, readWhole, report, streamKey } from './packet.ts';
import { hasTokens, learnLater, mayTeach } from './share.ts';
import type { Event, PacketSpan, State } from './state.ts';

type Answer = Event & { kind: 'answer' };

const HEAR: readonly Effect[] = [{ kind: 'hear' }];

/** Why a message does not reach its device: the log line, and the topic that limits its rate. */
interface Refusal {
  readonly topic: string;
  readonly text: string;
}

export function onAnswer(state: State, event: Answer, now: number): readonly Effect[] {
  const { counters } = state;
  const release: readonly Effect[] =
    event.id === null ? NO_EFFECTS : [{ kind: 'release', id: event.id }];
  const { isTaught = false } = event;
  const isSenderKnown = isTaught || noteSender(state, event, now);
  const { observer } = state;
  const glance = isTaught
    ? 'matched'
    : glanceAt(observer, event.bytes, event.offset, event.end, now);
  const unread = glance === 'matched' ? unreadRefusal(state, event, now) : null;
  if (unread !== null) {
    counters.answers += 1;
    return refuse(state, event.id, unread, now);
  }
  if (glance !== 'unrelated' && event.heard === false && mayBeAsked(state, event, glance, now))
    return HEAR;
  if (glance === 'unrelated' && !isSenderKnown && event.heard === false && !event.isBehind)
    return HEAR;
  counters.answers += 1;
  if (glance === 'unrelated') return release;
  const packet = readWhole(state, event);
  if (packet === null) return release;
  const device = destinationText(packet);
  const isStream = packet.protocol === TCP && event.id !== null;
  const saved = isStream ? saveStream(state.streams, streamKey(packet)) : null;
  const taught: Effect[] = [];
  let refusal: Refusal | null = null;
  for (const message of messagesOf(state, packet, device, now)) {
    const heard = hearMessage(state, event, packet, message, glance, now);
    taught.push(...heard.taught);
    refusal ??= heard.refusal;
  }
  if (event.id !== null) refusal ??= unreadStream(state, packet);
  if (refusal === null) return [...taught, ...(isStream ? behind(event.id) : release)];
  if (isStream) restoreStream(state.streams, streamKey(packet), saved);
  return [...taught, ...refuse(state, event.id, refusal, now)];
}

/** Notes the MAC of a datagram's query, for names that the device was led to: the host program notes most queries
 * alone. False: there are such names, no MAC of the device is known, and its query was not read yet. */
function noteSender({ asked, askers, observer }: State, event: Answer, now: number): boolean {
  const { bytes, offset, end } = event;
  const at = observer.aliases.count === 0 ? -1 : plainUdp(bytes, offset, end);
  if (at < 0) return true;
  const device = plainDevice(bytes, offset, at);
  const question = asked.find(bytes, plainEnds(bytes, offset, at), bytes, at, plainEnd, now);
  if (question !== null && question.mac !== null) noteAsker(askers, device, question.mac);
  return question !== null || askers.macs.has(device);
}

/** Why a held datagram with records cannot be read now; null: it can, or it is no such datagram. A truncated one
 * (TC) is asked for again over TCP and counted there. */
function unreadRefusal(state: State, event: Answer, now: number): Refusal | null {
  const { id, bytes, offset, end } = event;
  const at = id === null ? -1 : plainUdp(bytes, offset, end);
  if (at < 0 || isEmpty(bytes, at) || (bytes[at + 2]! & TRUNCATED) !== 0) return null;
  if (event.isBehind === true) return BEHIND;
  const device = plainDevice(bytes, offset, at);
  return hasTokens(state, device, now) ? null : tooMany(device);
}

const BEHIND: Refusal = {
  topic: 'behind',
  text: 'more DNS answers come than this router can learn from: those for names of an application are refused until it has caught up',
};

/** The segment may repeat one whose lesson still waits (learn/deferral). */
function behind(id: number | null): readonly Effect[] {
  return id === null ? NO_EFFECTS : [{ kind: 'release', id, behind: true }];
}

/** Whether its query may still wait in the log socket, unread: queries and answers come from two sockets. */
function mayBeAsked(
  { asked }: State,
  { bytes, offset, end }: Answer,
  glance: Glance,
  now: number,
): boolean {
  // The message that a TCP segment completes is not known before the segment is added to its stream.
  const at = glance === 'matched' ? plainUdp(bytes, offset, end) : -1;
  if (at < 0) return true;
  return asked.find(bytes, plainEnds(bytes, offset, at), bytes, at, plainEnd, now) === null;
}

interface Heard {
  readonly taught: readonly Effect[];
  readonly refusal: Refusal | null;
}

const NOTHING: Heard = { taught: [], refusal: null };

function hearMessage(
  state: State,
  event: Answer,
  packet: Packet,
  message: PacketSpan,
  glance: Glance,
  now: number,
): Heard {
  const { bytes, offset, end } = message;
  const device = destinationText(packet);
  const question = questionOf(state, event, packet, message, now);
  /** The outcome of `admit`, called when the message matches, before the costly decoding. */
  const seen = { admitted: 'unseen' as 'unseen' | 'unasked' | 'empty' | 'many' | 'yes', weight: 1 };
  const admit = (weight: number): boolean => {
    seen.weight = weight;
    const isAsked = question !== null || event.heard === null;
    const asker = askerOf(state.askers, device);
    if (!isAsked) seen.admitted = 'unasked';
    else if (isEmpty(bytes, offset)) seen.admitted = 'empty';
    else if (event.isTaught) seen.admitted = 'yes';
    else seen.admitted = takeToken(state.looks, asker, now, weight) ? 'yes' : 'many';
    return seen.admitted === 'yes';
  };
  const observed = observeDnsAnswer(state.observer, bytes, offset, end, device, now, admit, glance);
  for (const reason of observed.reasons) note(state, `DNS answer to ${device}: ${reason}`);
  if (seen.admitted === 'empty') return NOTHING;
  if (seen.admitted === 'unasked') {
    state.counters.unasked += 1;
    return { taught: [], refusal: unasked(packet) };
  }
  const { isTaught } = event;
  const mac = question?.mac ?? null;
  const exchange: Exchange = { mac, resolver: sourceText(packet), ...(isTaught && { isTaught }) };
  const { lessons, unread } = observed;
  const teaches = lessons.some(({ addresses, targets }) => addresses.length + targets.length > 0);
  // A truncated answer (TC) is asked for again over TCP and counted there.
  const isCounted = teaches && !isTaught && (bytes[offset + 2]! & TRUNCATED) === 0;
  if (seen.admitted === 'many' || (isCounted && !mayTeach(state, device, now, seen.weight))) {
    const later = { device, exchange, outside: event.outside, bytes: bytes.slice(offset, end) };
    const isKept = event.id === null && learnLater(state, later);
    return { taught: [], refusal: isKept ? null : tooMany(device) };
  }
  const { effects, isWhole: isAll } = teach(state, lessons, exchange, event.outside);
  const refusal = unread !== undefined ? unreadable(device, unread) : isAll ? null : large(device);
  return { taught: effects, refusal };
}

function questionOf(
  { asked, askers }: State,
  event: Answer,
  packet: Packet,
  { bytes, offset, end }: PacketSpan,
  now: number,
): AskedQuestion | null {
  const ends = endsOf(packet);
  const question = ends === null ? null : asked.find(event.bytes, ends, bytes, offset, end, now);
  // The query may have been noted by the host program alone.
  if (question !== null && question.mac !== null)
    noteAsker(askers, destinationText(packet), question.mac);
  return question;
}

/** TC bit, in the third byte of the header. */
const TRUNCATED = 0x02;

/** Whether the answer section is empty (NXDOMAIN, another type): nothing to learn. */
function isEmpty(bytes: Uint8Array, offset: number): boolean {
  return u16At(bytes, offset + 6) === 0;
}

function unasked(packet: Packet): Refusal {
  const device = destinationText(packet);
  const text = `${device} is sent answers for names of an application that it has not asked for, or asks for more than can be followed; they are refused (by ${sourceText(packet)})`;
  return { topic: `unasked ${device}`, text };
}

function tooMany(device: string): Refusal {
  const text = `${device} resolves more names of an application than can be learned; the surplus is refused`;
  return { topic: `flood ${device}`, text };
}

function large(device: string): Refusal {
  const text = `${device} is given more addresses by one answer than can be learned; it is refused`;
  return { topic: `large ${device}`, text };
}

function unreadable(device: string, why: string): Refusal {
  const text = `an answer to ${device} for an application's name cannot be read to its end, and is refused: ${why}`;
  return { topic: `unread ${device}`, text };
}

/** Refuses data of a TCP stream that cannot be read: its beginning was not seen, or it exceeds the buffer. Null:
 * it is read, or no data. */
function unreadStream(state: State, packet: Packet): Refusal | null {
  if (packet.protocol !== TCP || packet.payloadEnd <= packet.payload) return null;
  if (!packet.truncated && isWhole(state.streams, streamKey(packet))) return null;
  const device = destinationText(packet);
  const text = `DNS over TCP to ${device} cannot be read from its beginning, and is refused: the device asks again`;
  return { topic: `stream ${device}`, text };
}

/** Counts, reports and drops a held answer: passed without its lesson it would cause a leak, and reading a flood
 * would delay everybody's answers. The device asks again. `id` null: in watch mode the packet has already gone. */
function refuse(state: State, id: number | null, { topic, text }: Refusal, now: number): Effect[] {
  state.counters.refused += 1;
  const reported = report(state, topic, text, now);
  return id === null ? reported : [...reported, { kind: 'refuse', id }];
}
