// step/evidence: a packet announced by the ruleset: why a flow is proxied, what the rules learned from the
// packet, or that a set is full.

import { isRepeat } from '../bounds/dedupe.ts';
import { noteAnnounced } from '../learn/dynamic-sets.ts';
import { type Effect, NO_EFFECTS } from '../learn/effect.ts';
import { useEndpoint } from '../learn/endpoints.ts';
import { isRoomDue } from '../learn/evict.ts';
import { recordEvidence } from '../learn/evidence.ts';
import { rechecksOf } from '../learn/recheck.ts';
import { noteSuspect } from '../learn/suspects.ts';
import type { App } from '../policy/policy.ts';
import { type AppFeed, parsePrefix } from '../ruleset/names.ts';
import { byteString } from '../wire/hex.ts';
import { destinationText, type Packet, sourceText } from '../wire/packet.ts';
import { onOutside } from './outside.ts';
import { macOf, read, report } from './packet.ts';
import type { Event, PacketSpan, State } from './state.ts';

export function onEvidence(
  state: State,
  event: Event & { kind: 'evidence' },
  now: number,
): readonly Effect[] {
  state.counters.evidence += 1;
  const said = parsePrefix(event.prefix);
  if (said === null || !('app' in said)) return NO_EFFECTS;
  const { prefix, bytes, offset, end } = event;
  const refusals = takeRefusals(state, event, said.feed);
  const once = said.feed === 'late' || said.feed === 'full' || said.feed === 'outside';
  if (!once && isRepeat(state.repeats, prefix, bytes, offset, end, now)) return NO_EFFECTS;
  const app = state.apps.get(said.app);
  const packet = read(state, event);
  if (app === undefined || packet === null) return NO_EFFECTS;
  const mac = macOf(state, event);
  if (said.feed === 'outside') return onOutside(state, app, said.ground, packet, mac, now);
  if (said.feed === 'full') {
    return onFull(state, app, sourceText(packet), now);
  }
  noteAnnounced(state.taught, app, said.feed, packet, mac, now, refusals);
  const holder = mac ?? sourceText(packet);
  noteSuspect(state.suspects, said.feed, app.name, packet, holder, now);
  noteUse(state, app, said.feed, packet, holder);
  const sources = { app, learned: state.learned, pairs: state.pairs, holder };
  const evidence = recordEvidence(state.evidence, said.feed, app.name, packet, sources, now);
  const shown: Effect = { kind: 'monitor', event: { kind: 'evidence', evidence } };
  if (said.feed === 'late') {
    const refused = { packets: 1, bytes: packet.length };
    return [{ kind: 'cut', app: app.name, flow: evidence.flow, refused }, shown];
  }
  const rechecks = rechecksOf(app, said.feed, packet, mac);
  return [...rechecks.map((recheck): Effect => ({ kind: 'late', recheck })), shown];
}

/** How often this very packet was announced as `full` just before: first the rules that add announce what they did
 * not add, then the evidence is announced. */
function takeRefusals(
  { refused }: State,
  { bytes, offset, end }: PacketSpan,
  feed: string,
): number {
  if (feed !== 'full' && refused.size === 0) return 0;
  const copy = byteString(bytes.subarray(offset, end));
  const count = refused.get(copy) ?? 0;
  refused.clear();
  if (feed === 'full') refused.set(copy, count + 1);
  return count;
}

/** Marks the endpoint or pair of this flow as used, so that it is evicted last. */
function noteUse(state: State, { name }: App, feed: AppFeed, packet: Packet, holder: string): void {
  if (feed !== 'addr' && feed !== 'peer') return;
  const remote = destinationText(packet);
  if (feed === 'addr') useEndpoint(state.learned, name, sourceText(packet), remote);
  else useEndpoint(state.pairs, name, holder, remote);
}

/** A set is full, or `device` has reached its share: reports it and asks for an eviction when one is due. */
function onFull(state: State, app: App, device: string, now: number): readonly Effect[] {
  const text = `${app.name}: no room for more ports, peers or windows of ${device} (profile caps)`;
  const said = report(state, `full ${app.name}`, text, now);
  if (!isRoomDue(state.roomMade, app.name, now)) return said;
  return [{ kind: 'make-room', app: app.name }, ...said];
}
