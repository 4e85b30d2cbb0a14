// A DNS answer as events of the agent: its query first, since an answer that nobody asked for teaches
// nothing.
import type { AskedQuestions } from '../../agent/src/learn/asked-questions.ts';
import type { Event } from '../../agent/src/step/state.ts';
import { decodePacket, TCP } from '../../agent/src/wire/packet.ts';

/** The query that the packet `answer` answers: both ends turned round, and no records. Of a TCP segment
 * that holds a whole message. */
export function queryTo(answer: Uint8Array): Uint8Array {
  const packet = decodePacket(answer);
  if ('malformed' in packet) throw new Error(packet.malformed);
  const bytes = answer.slice();
  const width = packet.family === 4 ? 4 : 16;
  const { source, destination, transport, payload, protocol } = packet;
  bytes.copyWithin(source, destination, destination + width);
  bytes.set(answer.subarray(source, source + width), destination);
  bytes.copyWithin(transport, transport + 2, transport + 4);
  bytes.set(answer.subarray(transport, transport + 2), transport + 2);
  const message = payload + (protocol === TCP ? 2 : 0);
  bytes[message + 2] = bytes[message + 2]! & 1;
  bytes[message + 3] = 0;
  bytes.fill(0, message + 6, message + 12);
  return bytes;
}

function span(bytes: Uint8Array) {
  return { bytes, offset: 0, end: bytes.length };
}

export interface Asker {
  /** Of the held packet; null: it is only watched. */
  readonly id?: number | null;
  readonly outside?: boolean;
  readonly mac?: string | null;
}

export function queryEvent(answer: Uint8Array, { mac = null }: Asker = {}): Event {
  return { kind: 'query', age: 0, mac, ...span(queryTo(answer)) };
}

export function answerEvent(answer: Uint8Array, { id = 1, outside = false }: Asker = {}): Event {
  return { kind: 'answer', id, outside, heard: true, ...span(answer) };
}

/** The query and the answer. */
export function askedEvents(answer: Uint8Array, asker: Asker = {}): readonly [Event, Event] {
  return [queryEvent(answer, asker), answerEvent(answer, asker)];
}

/** How many questions are open. */
export function openQuestions({ lengths }: AskedQuestions): number {
  return lengths.reduce((count, length) => count + (length === 0 ? 0 : 1), 0);
}
