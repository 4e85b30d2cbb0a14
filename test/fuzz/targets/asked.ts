// learn/asked-questions and step: queries and answers in any order. An answer without its query teaches
// nothing, whatever its bytes are; an answer to a query is never counted as unasked.
import { learnedEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { decodePacket, TCP } from '../../../agent/src/wire/packet.ts';
import { span } from '../../fixtures/bytes.ts';
import { queryTo } from '../../fixtures/dns-events.ts';
import { DNS_SEEDS, DNS_WORDS } from '../../fixtures/dns-seeds.ts';
import { DEVICE, ROUTER, udp4, udp6 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { wideProfile } from '../../fixtures/profile.ts';
import { framed, mendFramed } from '../packet-input.ts';
import { must, type Target } from '../target.ts';

const policy = policyFrom({ profile: wideProfile });

/** An independent, simple decoder: the device, resolver and question as text; null: no DNS over UDP. */
function exchangeOf(bytes: Uint8Array, kind: 'query' | 'answer'): string | null {
  const packet = decodePacket(bytes);
  if ('malformed' in packet || packet.transport < 0 || packet.protocol === TCP) return null;
  const { source, destination, sourcePort, destinationPort, payload, payloadEnd } = packet;
  const width = packet.family === 4 ? 4 : 16;
  const message = bytes.subarray(payload, payloadEnd);
  const isAnswer = (message[2] ?? 0) >= 128;
  if (message.length < 17 || isAnswer !== (kind === 'answer')) return null;
  if ((message[2]! & 0x78) !== 0 || message[4] !== 0 || message[5] !== 1) return null;
  const [from, to] = [source, destination].map((at) => bytes.subarray(at, at + width).join());
  const ends =
    kind === 'query'
      ? [from, to, sourcePort, destinationPort]
      : [to, from, destinationPort, sourcePort];
  const labels: string[] = [];
  let at = 12;
  for (let size = message[at]; size !== undefined && size !== 0; size = message[at]) {
    if (size > 63) return null;
    const label = message.subarray(at + 1, at + 1 + size);
    labels.push(Array.from(label, (byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte)).join());
    at += size + 1;
  }
  const rest = message.subarray(at + 1, at + 5);
  if (at >= message.length || rest.length < 4 || at > 12 + 254) return null;
  return [...ends, message.subarray(0, 2).join(), labels.join('|'), rest.join()].join(' ');
}

let state = createState(policy, () => false);
let asked = new Set<string>();
let count = 0;

export const questions: Target = {
  name: 'asked',
  weight: 8,
  seeds: DNS_SEEDS.slice(0, 7).flatMap((message, i) => {
    const answer =
      i % 2 === 0 ? udp4(ROUTER, 53, DEVICE, 40000, message) : udp6(53, 40000, message);
    return [framed(1, answer), framed(0, queryTo(answer)), framed(3, answer)];
  }),
  words: DNS_WORDS,
  mend: mendFramed,
  run(input) {
    // A new state every 200 inputs; the clock does not advance, so every question stays open.
    count += 1;
    if (count % 200 === 0) {
      state = createState(policy, () => false);
      asked = new Set();
    }
    const kind = input[0] ?? 0;
    const bytes = input.slice(1);
    const all = span(bytes);
    if (kind % 2 === 0) {
      step(state, { kind: 'query', age: 0, mac: null, ...all }, 1000);
      const exchange = exchangeOf(bytes, 'query');
      if (exchange !== null) asked.add(exchange);
      return `query ${exchange !== null}`;
    }
    const before = [state.learned, state.pairs].map((one) => learnedEndpoints(one).length).join();
    const { unasked } = state.counters;
    const outside = (kind & 2) !== 0;
    const effects = step(state, { kind: 'answer', id: 7, outside, heard: true, ...all }, 1000);
    const after = [state.learned, state.pairs].map((one) => learnedEndpoints(one).length).join();
    const exchange = exchangeOf(bytes, 'answer');
    const wasAsked = exchange !== null && asked.has(exchange);
    const teaches = effects.some((one) => one.kind === 'renew' || one.kind === 'late');
    const packet = decodePacket(bytes);
    const isTcp = !('malformed' in packet) && packet.protocol === TCP;
    if (!wasAsked && !isTcp)
      must(!teaches && before === after, 'an answer teaches that nobody asked for');
    if (wasAsked)
      must(state.counters.unasked === unasked, 'an answer that was asked for is refused');
    return `answer ${wasAsked} ${teaches} ${effects.at(-1)?.kind}`;
  },
};
