// replay/agent: the agent's part of a replay, as runtime/feeds and runtime/effects have it on a router: packets
// that the table queued or logged become events, and the effects of step/step change the table and the report.

import type { Effect } from '../learn/effect.ts';
import type { Flow } from '../learn/evidence.ts';
import { SILENT_MILLISECONDS } from '../ruleset/compile/ended-flows.ts';
import { endsKey } from '../ruleset/elements.ts';
import { ANSWER_PREFIX, cutSet, HELLO_PREFIX, QUERY_PREFIX } from '../ruleset/names.ts';
import { addElements, deleteFlow, removeElements } from '../ruleset/trace/fake-kernel.ts';
import type { Trace, TracedPacket } from '../ruleset/trace/result.ts';
import type { Event } from '../step/state.ts';
import { step } from '../step/step.ts';
import { familyIn } from '../wire/address.ts';
import { macText } from '../wire/mac.ts';
import type { Packet } from '../wire/packet.ts';
import { DNS_PORT } from '../wire/ports.ts';
import { gatherEvidence, gatherLesson, gatherPorts, makeRoom } from './learned.ts';
import type { Run } from './run.ts';

/** Source port of answers. */

/** Whether the table queued or logged the packet for its ClientHello; queued answers come from port 53. */
function isHello({ verdict, logs }: Trace, { sourcePort }: Packet): boolean {
  const isHeld = verdict === 'queue' && sourcePort !== DNS_PORT;
  return isHeld || logs.some(({ prefix }) => prefix === HELLO_PREFIX);
}

/** Passes to the agent what the table queued and logged, and applies the agent's effects to the table. */
export function follow(run: Run, packet: Packet, input: TracedPacket, traced: Trace): void {
  const { bytes, ether } = input;
  const span = { bytes, offset: 0, end: bytes.length };
  if (isHello(traced, packet)) {
    run.hellos += 1;
    return;
  }
  const answer = { kind: 'answer', outside: input.iif !== '', heard: true, ...span } as const;
  if (traced.verdict === 'queue') react(run, bytes, { ...answer, id: 0 });
  const mac = ether === undefined ? null : macText(ether, 0);
  for (const { prefix } of traced.logs) {
    if (prefix === QUERY_PREFIX) react(run, bytes, { kind: 'query', age: 0, mac, ...span });
    else if (prefix === ANSWER_PREFIX) react(run, bytes, { ...answer, id: null });
    else react(run, bytes, { kind: 'evidence', prefix, mac, ...span });
  }
}

function react(run: Run, bytes: Uint8Array, event: Event): void {
  for (const effect of step(run.state, event, run.now)) apply(run, bytes, effect);
}

/** Ends a refused flow as runtime/cuts does. */
function end({ kernel, now }: Run, bytes: Uint8Array, flow: Flow): void {
  deleteFlow(kernel, bytes, now);
  const key = endsKey(flow.destination, flow.destinationPort, flow.sourcePort);
  const set = cutSet(familyIn(flow.source));
  if (key !== null) addElements(kernel, set, [{ key, timeout: SILENT_MILLISECONDS }], now);
}

function apply(run: Run, bytes: Uint8Array, effect: Effect): void {
  const { kernel, harvest, now } = run;
  if (effect.kind === 'renew') addElements(kernel, effect.set, effect.elements, now);
  else if (effect.kind === 'forget') removeElements(kernel, effect.set, effect.keys);
  else if (effect.kind === 'cut') end(run, bytes, effect.flow);
  else if (effect.kind === 'make-room') makeRoom(kernel, run.state.apps.get(effect.app)!, now);
  else if (effect.kind === 'monitor') {
    const { event } = effect;
    if (event.kind === 'lesson') gatherLesson(harvest, event.lesson);
    else if (event.kind === 'evidence') {
      const { app, kind } = event.evidence;
      gatherEvidence(harvest, run.state.apps.get(app)!, event.evidence);
      const teaches = kind === 'range' || kind === 'mapping';
      if (teaches) gatherPorts(harvest, kernel, run.policy, now);
    }
  }
}
