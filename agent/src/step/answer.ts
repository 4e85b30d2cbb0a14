// step/answer: a DNS answer on its way to a device. One that a device asked for teaches, and what it
// teaches is in the kernel's sets before it is released. Before: step/packet, learn/asked-questions,
// learn/observe-dns. After: learn/learned (the router's resolver), learn/pairs (others), system/effects.
import { endsOf, findQuestion, plainEnds } from '../learn/asked-questions.ts';
import { learnEndpoints, type Said } from '../learn/learned.ts';
import { type Glance, glanceAt, type Lesson, observeDnsAnswer } from '../learn/observe-dns.ts';
import { takeToken } from '../learn/pace.ts';
import { learnPairs } from '../learn/pairs.ts';
import { noteStandIn } from '../learn/stand-ins.ts';
import { addressKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { Effect, Event, PacketSpan, State } from '../state.ts';
import { destinationText, type Packet, plainEnd, plainUdp, sourceText } from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';
import { messagesOf, note, read, report, streamKey } from './packet.ts';

type Answer = Event & { kind: 'answer' };

const NO_EFFECTS: readonly Effect[] = [];
const HEAR: readonly Effect[] = [{ kind: 'hear' }];

/** Why a message that matches does not reach the device: nobody asked for it; its device has had too
 * many; there is no room for all that it says. */
type Refusal = 'unasked' | 'many' | 'large';

export function onAnswer(state: State, event: Answer, now: number): readonly Effect[] {
  const { counters } = state;
  const release: readonly Effect[] =
    event.id === null ? NO_EFFECTS : [{ kind: 'release', id: event.id }];
  const glance = glanceAt(state.observer.matcher, event.bytes, event.offset, event.end);
  if (glance !== 'unrelated' && event.heard === false && mayBeAsked(state, event, glance, now))
    return HEAR;
  counters.answers += 1;
  if (glance === 'unrelated') return release;
  const packet = read(state, event);
  if (packet === null) return release;
  const device = destinationText(packet);
  const taught: Effect[] = [];
  let matched = false;
  let refusal: Refusal | null = null;
  for (const message of messagesOf(state, packet, device, now)) {
    const heard = hearMessage(state, event, packet, message, glance, now);
    taught.push(...heard.taught);
    matched ||= heard.matched;
    refusal ??= heard.refusal;
  }
  if (matched) counters.matched += 1;
  if (refusal === null) return [...taught, ...release];
  return [...taught, ...refuse(state, event.id, packet, refusal, now)];
}

/** Whether its query may still wait to be read: the log and the queue are two sockets. */
function mayBeAsked(
  { asked }: State,
  { bytes, offset, end }: Answer,
  glance: Glance,
  now: number,
): boolean {
  // Which message a TCP segment completes is not known before it is taken in.
  const at = glance === 'matched' ? plainUdp(bytes, offset, end) : -1;
  if (at < 0) return true;
  return (
    findQuestion(asked, bytes, plainEnds(bytes, offset, at), bytes, at, plainEnd, now) === null
  );
}

interface Heard {
  readonly taught: readonly Effect[];
  readonly matched: boolean;
  readonly refusal: Refusal | null;
}

function hearMessage(
  state: State,
  event: Answer,
  packet: Packet,
  { bytes, offset, end }: PacketSpan,
  glance: Glance,
  now: number,
): Heard {
  const device = destinationText(packet);
  const ends = endsOf(packet);
  const question =
    ends === null ? null : findQuestion(state.asked, event.bytes, ends, bytes, offset, end, now);
  let refusal: Refusal | null = null;
  /** Asked when it matches, before it is looked into, which is what costs time. */
  const admit = (): boolean => {
    if (question === null && event.heard !== null) refusal = 'unasked';
    else if (isEmpty(bytes, offset)) return false;
    else if (!takeToken(state.looks, device, now)) refusal = 'many';
    return refusal === null;
  };
  const observed = observeDnsAnswer(state.observer, bytes, offset, end, device, now, admit, glance);
  for (const reason of observed.reasons) note(state, `DNS answer to ${device}: ${reason}`);
  const { lessons } = observed;
  const teaches = lessons.some(({ addresses }) => addresses.length > 0);
  // One that was cut off comes again over TCP, and is counted there.
  const isCounted = teaches && (bytes[offset + 2]! & TRUNCATED) === 0;
  if (isCounted && !takeToken(state.pace, device, now)) refusal = 'many';
  if (refusal !== null) return { taught: [], matched: lessons.length > 0, refusal };
  const mac = question?.mac ?? null;
  const taught: Effect[] = [];
  for (const lesson of lessons) {
    const one = take(state, lesson, { mac, resolver: sourceText(packet) }, event.outside);
    taught.push(...one.effects);
    if (!one.isWhole) refusal = 'large';
  }
  return { taught, matched: lessons.length > 0, refusal };
}

/** TC, in the third byte of the header. */
const TRUNCATED = 0x02;

/** No record answers: NXDOMAIN, another type. Nothing to learn, and nothing to look into. */
function isEmpty(bytes: Uint8Array, offset: number): boolean {
  return u16At(bytes, offset + 6) === 0;
}

const WHY: { readonly [refusal in Refusal]: string } = {
  unasked:
    'is sent answers for names of an application that it has not asked for; they are refused',
  many: 'resolves more names of an application than can be learned; the surplus is refused',
  large: 'is given more addresses by one answer than can be learned; it is refused',
};

/**
 * To let it pass untaught would be a leak, to read it would keep the answers of everybody else
 * waiting: the device asks again, others notice nothing. What is only watched has passed.
 */
function refuse(
  state: State,
  id: number | null,
  packet: Packet,
  refusal: Refusal,
  now: number,
): Effect[] {
  state.counters.refused += 1;
  if (refusal === 'unasked') state.counters.unasked += 1;
  const device = destinationText(packet);
  // What comes again over TCP has to be read again.
  state.streams.flows.delete(streamKey(packet));
  const from = refusal === 'unasked' ? ` (by ${sourceText(packet)})` : '';
  const said = report(state, `${refusal} ${device}`, `${device} ${WHY[refusal]}${from}`, now);
  return id === null ? said : [...said, { kind: 'refuse', id }];
}

interface Taken {
  readonly effects: readonly Effect[];
  /** All of its addresses are known now. */
  readonly isWhole: boolean;
}

/** What a lesson changes in the kernel's sets, and what is told of it. What the router's resolver found
 * counts for the home; what others say, and hearsay, for the device that asked. */
function take(state: State, lesson: Lesson, said: Said, outside: boolean): Taken {
  noteStandIn(state.standIns, lesson);
  const own = lesson.addresses.filter(({ isHearsay }) => !outside && isHearsay === undefined);
  const others = lesson.addresses.filter(({ isHearsay }) => outside || isHearsay);
  const home = takeForHome(state, { ...lesson, addresses: own }, said);
  const device = takeForDevice(state, { ...lesson, addresses: others }, said);
  const told: Effect = { kind: 'told', what: { kind: 'lesson', lesson } };
  return {
    effects: [...home.effects, ...device.effects, told],
    isWhole: home.isWhole && device.isWhole,
  };
}

function takeForHome(state: State, lesson: Lesson, said: Said): Taken {
  const app = state.apps.get(lesson.app)!;
  const change = learnEndpoints(state.learned, lesson, app.profile.caps.endpoints, said);
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
  return { effects, isWhole: change.isWhole };
}

function takeForDevice(state: State, lesson: Lesson, said: Said): Taken {
  const { name, profile } = state.apps.get(lesson.app)!;
  const { change, effects } = learnPairs(state, lesson, said, profile.caps.peers);
  const full =
    change.report === null ? [] : report(state, `pairs ${name}`, change.report, lesson.at);
  return { effects: [...effects, ...full], isWhole: change.isWhole };
}
