// step/evidence: a packet that the ruleset announces: why a flow is proxied, what the rules have learned
// from it, and that a set is full. Before: step/packet, ruleset/names (prefixes). After: system/effects.
import { recordEvidence } from '../learn/evidence.ts';
import { isRepeat } from '../learn/repeats.ts';
import { noteAnnounced } from '../learn/taught.ts';
import { wishesOf } from '../learn/wishes.ts';
import type { App } from '../policy/policy.ts';
import { parsePrefix } from '../ruleset/names.ts';
import type { Effect, Event, State } from '../state.ts';
import { sourceText } from '../wire/packet.ts';
import { macOf, read, report } from './packet.ts';

const NO_EFFECTS: readonly Effect[] = [];

/** Reading the kernel's sets to make room takes a slow router a good part of a second. */
const ROOM_EVERY_MILLISECONDS = 5000;

export function onEvidence(
  state: State,
  event: Event & { kind: 'evidence' },
  now: number,
): readonly Effect[] {
  state.counters.evidence += 1;
  const said = parsePrefix(event.prefix);
  if (said === null || !('app' in said)) return NO_EFFECTS;
  const { prefix, bytes, offset, end } = event;
  const once = said.feed === 'late' || said.feed === 'full';
  if (!once && isRepeat(state.repeats, prefix, bytes, offset, end, now)) return NO_EFFECTS;
  const app = state.apps.get(said.app);
  const packet = read(state, event);
  if (app === undefined || packet === null) return NO_EFFECTS;
  if (said.feed === 'full') {
    return onFull(state, app, sourceText(packet), now);
  }
  const mac = macOf(state, event);
  noteAnnounced(state.taught, app, said.feed, packet, mac, now);
  const sources = { app, learned: state.learned };
  const evidence = recordEvidence(state.evidence, said.feed, app.name, packet, sources, now);
  const told: Effect = { kind: 'told', what: { kind: 'evidence', evidence } };
  if (said.feed === 'late') return [{ kind: 'cut', flow: evidence.flow }, told];
  const wishes = wishesOf(app, said.feed, packet, mac);
  return [...wishes.map((wish): Effect => ({ kind: 'late', wish })), told];
}

/** A set had no room, or `device` has used up its share of it. */
function onFull(state: State, app: App, device: string, now: number): readonly Effect[] {
  const text = `${app.name}: no room for more ports, peers or windows of ${device} (profile caps)`;
  const said = report(state, `full ${app.name}`, text, now);
  const last = state.roomMade.get(app.name);
  if (last !== undefined && now - last < ROOM_EVERY_MILLISECONDS) return said;
  state.roomMade.set(app.name, now);
  return [{ kind: 'make-room', app: app.name }, ...said];
}
