// step/hello: the ClientHello of a TLS flow without evidence: a server that it names is learned for the device.

import type { Effect } from '../learn/effect.ts';
import { flowOf } from '../learn/evidence.ts';
import { learnServer, type NamedServer, sendAgain, wasNamed } from '../learn/named-servers.ts';
import { observeHello } from '../learn/observe-hello.ts';
import { pairKey, portKey } from '../ruleset/elements.ts';
import { helloSegmentSet, setName } from '../ruleset/names.ts';
import type { Family } from '../wire/address.ts';
import { flowText } from '../wire/flow-text.ts';
import { sourceText } from '../wire/packet.ts';
import { note, readWhole } from './packet.ts';
import type { Event, State } from './state.ts';

/** For a watched hello: the ClientHello itself has passed, no packet was refused. */
const NOTHING = { packets: 0, bytes: 0 };

/** When the hello names an application's server, learns the server for this device and cuts the flow. A held
 * hello goes through the rules again, which refuse it; of a watched hello, the conntrack entry is deleted and the
 * next packet begins a new flow. Until a long hello is decided, every packet of its flow arrives here, copies
 * too. */
export function onHello(
  state: State,
  event: Event & { kind: 'hello' },
  now: number,
): readonly Effect[] {
  const { id } = event;
  state.counters.hellos += 1;
  const pass = (again: boolean): Effect[] => (id === null ? [] : [{ kind: 'pass', id, again }]);
  const packet = readWhole(state, event);
  if (packet === null) return pass(false);
  const flow = flowOf(packet);
  const text = flowText(flow);
  const waited = state.hellos.parts.has(text);
  const observed = observeHello(state.hellos, state.observer, packet, now);
  const named = 'malformed' in observed ? [] : observed.named;
  if (named.length === 0) {
    // A copy of the second segment of a hello that named a server.
    if (wasNamed(state.hellos, text)) return pass(true);
    if ('malformed' in observed) {
      note(state, `TLS hello of ${sourceText(packet)}: ${observed.malformed}`);
    }
    if (!waited || state.hellos.parts.has(text)) return pass(false);
    // The second segment arrived and names no application's server: the rest of the flow is not queued.
    const keys = [portKey(flow.source, flow.sourcePort)!];
    return [...pass(false), { kind: 'forget', set: helloSegmentSet(packet.family), keys }];
  }
  const again = sendAgain(state.hellos, text, now);
  return [
    ...named.flatMap((one) => learn(state, one, packet.family, now)),
    ...(id === null
      ? [{ kind: 'cut', app: named[0]!.app, flow, refused: NOTHING } as const]
      : pass(again)),
  ];
}

/** Learns the server. If several applications have the name, the rules decide by device and order. */
function learn(state: State, named: NamedServer, family: Family, now: number): Effect[] {
  const app = state.apps.get(named.app)!;
  const { caps, peers } = app.profile;
  const evicted = learnServer(state.hellos, named, peers.leaseSeconds, caps.endpoints, now);
  const set = setName(app.name, 'hello', family);
  const key = (one: NamedServer) => pairKey(one.device, one.address)!;
  return [
    ...evicted.map((one): Effect => ({ kind: 'forget', set, keys: [key(one)] })),
    { kind: 'renew', set, elements: [{ key: key(named) }] },
    { kind: 'monitor', event: { kind: 'hello', named } },
  ];
}
