// step: one state under hostile packets. An answer is released once, as the last effect; only public addresses
// of the right family enter a set; every store keeps its cap.
import { createAskedQuestions, questionBook } from '../../../agent/src/learn/asked-questions.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { learnedEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { addressOf, SLACK } from '../../../agent/src/ruleset/elements.ts';
import { createState, type Event, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { isRoutableText } from '../../../agent/src/wire/address.ts';
import { decodePacket } from '../../../agent/src/wire/packet.ts';
import { withLength } from '../../fixtures/dns.ts';
import { openQuestions, queryEvent } from '../../fixtures/dns-events.ts';
import { DNS_SEEDS, DNS_WORDS } from '../../fixtures/dns-seeds.ts';
import { DEVICE, PEER, ROUTER, tcp4, udp4, udp6 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { wideProfile } from '../../fixtures/profile.ts';
import { clientHello, serverName } from '../../fixtures/tls.ts';
import { framed, mendFramed } from '../packet-input.ts';
import { must, type Target } from '../target.ts';

const OWN = '198.51.100.1';
const policy = policyFrom({ profile: wideProfile });
const CAP = wideProfile.caps.endpoints;
/** The largest cap of the dynamic sets. */
const TAUGHT = Math.max(wideProfile.caps.ports, wideProfile.caps.peers, wideProfile.caps.devices);
const PREFIXES = ['range', 'addr', 'port', 'peer', 'late', 'full', 'request', 'mapping'];

let book = createAskedQuestions();
let state = newState();
state.gateways.add('02:00:00:00:00:03');
let now = 0;

function newState(): State {
  book = createAskedQuestions();
  return createState(policy, (address) => address === OWN, null, questionBook(book));
}

/** The first byte selects the event; the rest is the packet. */
function eventOf(input: Uint8Array): Event {
  const kind = input[0] ?? 0;
  const span = { bytes: input, offset: 1, end: Math.max(1, input.length) };
  const mac = (kind & 8) === 0 ? null : `02:00:00:00:00:0${kind & 3}`;
  const outside = (kind & 2) !== 0;
  if (kind < 150) return { kind: 'answer', id: kind & 1 ? 7 : null, outside, heard: true, ...span };
  if (kind < 200) return { kind: 'query', age: 0, mac, ...span };
  if (kind > 239 && kind < 248) return { kind: 'hello', mac, id: kind & 1 ? 7 : null, ...span };
  if (kind === 255) return { kind: 'tick' };
  return { kind: 'evidence', mac, prefix: `whp:${PREFIXES[kind & 7]}:skype`, ...span };
}

/** Sends the query of `answer` first; input that is no whole packet has none. */
function ask(answer: Uint8Array): void {
  const packet = decodePacket(answer);
  const isWhole = !('malformed' in packet) && packet.payload >= 0 && packet.transport >= 0;
  if (isWhole && packet.payloadEnd - packet.payload > 14) step(state, queryEvent(answer), now);
}

/** Key lengths of the sets in bytes: every field is padded to four. */
function widthOf(set: string): number {
  const address = set.endsWith('4') ? 4 : 16;
  if (/_peermac[46]$/.test(set)) return 8 + address;
  if (set.endsWith('_portmapmac')) return 8;
  return /_(?:hello|peer)[46]$/.test(set) ? 2 * address : address;
}

function checkEffects(event: Event, effects: readonly Effect[]): void {
  const verdicts = effects.filter(({ kind }) => VERDICTS.includes(kind));
  const held = (event.kind === 'answer' || event.kind === 'hello') && event.id !== null;
  must(verdicts.length === (held ? 1 : 0), `${verdicts.length} verdicts on a packet`);
  const isLast = !held || VERDICTS.includes(effects.at(-1)!.kind);
  must(isLast, 'a verdict in front of what it teaches');
  for (const effect of effects) {
    if (effect.kind === 'report') must(effect.text !== '', 'an empty report');
    if (effect.kind !== 'renew') continue;
    const width = widthOf(effect.set);
    for (const { key, timeout } of effect.elements) {
      must(key.length === width, `a key of ${key.length} bytes for ${effect.set}`);
      const isGood = timeout === undefined || (timeout > 0 && timeout <= 86400000 + SLACK);
      must(isGood, `a timeout of ${timeout} ms`);
      if (!effect.set.includes('_addr')) continue;
      const address = addressOf(key)!;
      must(isRoutableText(address) && address !== OWN, `${address} enters ${effect.set}`);
    }
  }
}

const VERDICTS = ['release', 'refuse', 'pass'];

function checkState(state: State): void {
  const { learned, pairs, taught, evidence, reasons, streams, hellos, observer } = state;
  const { aliases } = observer;
  const names = Array.from(aliases.byDevice.values(), ({ size }) => size);
  must(
    names.reduce((a, b) => a + b, 0) === aliases.count && aliases.count <= aliases.limits.total,
    `${aliases.count} names that were led to`,
  );
  must(hellos.named.size <= CAP * 2 && hellos.parts.size <= 64, 'more hellos than their caps');
  for (const set of learned.sets.values())
    must(set.size <= CAP, `${set.size} endpoints, cap ${CAP}`);
  for (const set of pairs.sets.values())
    must(set.size <= wideProfile.caps.peers >> 1, `${set.size} pairs`);
  const held = Array.from(book.slots.values()).flat().length;
  must(held === openQuestions(book), `${held} open questions counted`);
  for (const [set, elements] of taught)
    must(elements.size <= TAUGHT, `${elements.size} elements of ${set}`);
  must(evidence.flows.size <= evidence.cap, 'more evidence than its cap');
  must(streams.flows.size <= streams.limits.flows, 'more streams than their cap');
  must(reasons.length <= 8, 'more reasons than are kept');
}

export const steps: Target = {
  name: 'step',
  weight: 12,
  seeds: [
    ...DNS_SEEDS.map((message, i) => framed(i & 1, udp4(ROUTER, 53, DEVICE, 40000, message))),
    framed(1, udp6(53, 40000, DNS_SEEDS[2]!)),
    framed(1, tcp4(ROUTER, 53, DEVICE, 40000, 1, withLength(DNS_SEEDS[2]!))),
    framed(150, udp4(DEVICE, 40000, ROUTER, 53, DNS_SEEDS[7]!)),
    ...PREFIXES.map((_, i) => framed(200 + i, udp4(DEVICE, 13021, PEER, 33033, DNS_SEEDS[0]!))),
    framed(240, tcp4(DEVICE, 50000, PEER, 443, 1, clientHello([serverName('ui.skype.com')]))),
    framed(241, tcp4(DEVICE, 50001, PEER, 443, 1, clientHello([serverName('api.skype.com')]))),
    Uint8Array.of(255),
  ],
  words: DNS_WORDS,
  mend: mendFramed,
  run(input) {
    now += (input[1] ?? 0) << (input.length & 7);
    const event = eventOf(input);
    if (event.kind === 'answer' && (input[0]! & 4) === 0) ask(input.subarray(1));
    const effects = step(state, event, now);
    checkEffects(event, effects);
    checkState(state);
    const told = learnedEndpoints(state.learned).length;
    // A new state now and then, so that inputs also meet empty stores.
    if (input.length % 97 === 0) state = newState();
    return `${event.kind} ${effects.map(({ kind }) => kind).slice(0, 6)} ${Math.min(told, 4)}`;
  },
};
