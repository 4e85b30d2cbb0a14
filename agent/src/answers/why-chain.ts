// answers/why-chain: what led to a connection, as lines in the order of time: the device's look-up of a name, its earlier
// connections, the connection itself. Each line begins with its time, where it is known. Pure.
import { nameInWords } from '../learn/aliases.ts';
import { type Endpoint, findEndpoint, findPair } from '../learn/endpoints.ts';
import type { FlowEvidence } from '../learn/evidence.ts';
import { isRestored } from '../learn/kept-sets.ts';
import { addressKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { durationText } from '../syntax/words.ts';
import { seconds } from './flows.ts';
import { deviceText, type Surroundings } from './why-parts.ts';

interface Step {
  /** Milliseconds; -Infinity: before the start of the agent. */
  readonly at: number;
  readonly text: string;
}

/** The chain of the flow that `evidence` is of. */
export function chainOf(
  state: State,
  evidence: FlowEvidence,
  { now, names }: Pick<Surroundings, 'now' | 'names'>,
): string[] {
  const { first, detail } = evidence;
  const steps = [
    ...lookUps(state, evidence, names),
    ...earlier(state, evidence, names),
    { at: first, text: `the connection began: ${detail}` },
  ].sort((one, other) => one.at - other.at);
  return steps.map((one) => {
    const when =
      one.at === first ? `${durationText(seconds(now - first))} ago` : side(one.at, first);
    return `${when}: ${one.text}`;
  });
}

function side(at: number, begin: number): string {
  if (at === Number.NEGATIVE_INFINITY) return 'before whp started';
  const apart = seconds(Math.abs(begin - at));
  const word = at < begin ? 'before' : 'after';
  return `${apart === 0 ? 'just' : durationText(apart)} ${word} the connection began`;
}

/** The DNS answers that gave the address of the other end. */
function lookUps(state: State, evidence: FlowEvidence, names: Surroundings['names']): Step[] {
  const { app, flow, device } = evidence;
  const { source, destination } = flow;
  const holder = names.macOf(device);
  const found = [
    findEndpoint(state.learned, app, destination),
    findPair(state.pairs, app, holder ?? device, destination),
    holder === null ? null : findPair(state.pairs, app, source, destination),
  ];
  return found.flatMap((one) => (one === null ? [] : lookUp(state, evidence, one, names)));
}

function lookUp(
  { restored }: State,
  { app, first }: FlowEvidence,
  of: Endpoint,
  names: Surroundings['names'],
): Step {
  const { address, family, firstSeen, lastSeen, kept } = of;
  const who = deviceText(names, of.mac ?? of.device);
  const from = of.resolver === null ? '' : ` from ${of.resolver}`;
  const text = `${who} looked up ${nameInWords(of.name, of.root)}; the answer${from} was ${address}`;
  const set = setName(app, 'addr', family);
  if (isRestored(restored, set, addressKey(address)!, kept))
    return { at: Number.NEGATIVE_INFINITY, text };
  // Of several answers the name and the device of the last are known alone.
  if (lastSeen <= first || firstSeen > first) return { at: lastSeen, text };
  return { at: firstSeen, text: `a name of ${app} led to ${address}, and does since` };
}

/** Of earlier connections of the device: the first from the same port, the first with the same other end, and the last
 * request for a call that came in. */
function earlier(
  { evidence: { flows } }: State,
  { app, flow, first }: FlowEvidence,
  names: Surroundings['names'],
): Step[] {
  const { source, sourcePort, protocol, destination } = flow;
  const before = Array.from(flows.values())
    .filter((one) => one.app === app && one.first < first)
    .sort((one, other) => one.first - other.first);
  const who = deviceText(names, source);
  const step = (one: FlowEvidence | undefined, what: string): Step[] =>
    one === undefined ? [] : [{ at: one.first, text: `${what}: ${one.detail}` }];
  const same = before.find(
    ({ flow: its }) =>
      sourcePort > 0 &&
      its.source === source &&
      its.sourcePort === sourcePort &&
      its.protocol === protocol,
  );
  const peer = before.find(
    (one) => one !== same && one.flow.source === source && one.flow.destination === destination,
  );
  const request = before.findLast((one) => one.kind === 'request' && one.device === source);
  return [
    ...step(same, `${who} used the same port ${sourcePort} towards ${same?.flow.destination}`),
    ...step(peer, `${who} was connected with ${destination}`),
    ...step(request, `a call came in from ${request?.flow.source}`),
  ];
}
