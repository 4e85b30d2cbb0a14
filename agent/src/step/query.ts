// step/query: notes a device's DNS query, so that only an answer to it teaches. A query for an application's name
// also opens the device's window for port mappings.

import { takeToken, untilToken } from '../bounds/token-bucket.ts';
import { endsOf, noteQuestion, plainEnds } from '../learn/asked-questions.ts';
import { noteAsker } from '../learn/askers.ts';
import { holdsUntil, noteTaught } from '../learn/dynamic-sets.ts';
import type { Effect } from '../learn/effect.ts';
import { glanceAt, observeDnsQuery } from '../learn/observe-dns.ts';
import { addressKey, macKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import { plainDevice, plainEnd, plainUdp, sourceText } from '../wire/packet.ts';
import { macOf, messagesOf, readWhole } from './packet.ts';
import type { Event, State } from './state.ts';

const NO_EFFECTS: readonly Effect[] = [];

/** Milliseconds by which a window outlasts its query: further queries of a burst then need no transaction. */
const ASKED_SLACK = 40;
/** The same for a device above its rate: each transaction delays other devices' answers. */
const FLOOD_SLACK = 1000;

export function onQuery(
  state: State,
  event: Event & { kind: 'query' },
  now: number,
): readonly Effect[] {
  const { counters } = state;
  counters.queries += 1;
  const { observer } = state;
  const mac = macOf(state, event);
  const asked = now - event.age;
  const at = plainUdp(event.bytes, event.offset, event.end);
  if (at >= 0) {
    const ends = plainEnds(event.bytes, event.offset, at);
    noteQuestion(state.asked, event.bytes, ends, event.bytes, at, plainEnd, mac, asked);
    // A flooding device's query is not matched: the device loses some milliseconds of its own window.
    const isFlooding = mac !== null && untilToken(state.windows, mac, now) > 0;
    // Aliases of a device count at each of its addresses, which needs its MAC.
    if (isFlooding || observer.aliases.count > 0) {
      noteAsker(state.askers, plainDevice(event.bytes, event.offset, at), mac);
    }
    if (isFlooding) return NO_EFFECTS;
  }
  if (glanceAt(observer, event.bytes, event.offset, event.end, now) === 'unrelated')
    return NO_EFFECTS;
  if (at >= 0) {
    const asker = mac ?? plainDevice(event.bytes, event.offset, at);
    if (!takeToken(state.windows, asker, now)) return NO_EFFECTS;
  }
  const packet = readWhole(state, event);
  if (packet === null) return NO_EFFECTS;
  const effects: Effect[] = [];
  const address = sourceText(packet);
  const device = mac ?? address;
  noteAsker(state.askers, address, mac);
  const ends = at >= 0 ? null : endsOf(packet);
  for (const { bytes, offset, end } of messagesOf(state, packet, device, now)) {
    if (ends !== null) {
      noteQuestion(state.asked, event.bytes, ends, bytes, offset, end, mac, asked);
    }
    for (const match of observeDnsQuery(observer, bytes, offset, end, address, now)) {
      const { portmap, caps } = state.apps.get(match.app)!.profile;
      const timeout = Math.floor(portmap.windowSeconds * 1000 - event.age);
      if (timeout <= 0) continue;
      const set = setName(match.app, mac === null ? 'portmap' : 'portmapmac', packet.family);
      const key = mac === null ? addressKey(device)! : macKey(mac)!;
      counters.asked += 1;
      if (holdsUntil(state.taught, set, key, now + timeout)) continue;
      const lasts = timeout + (takeToken(state.asking, device, now) ? ASKED_SLACK : FLOOD_SLACK);
      noteTaught(state.taught, set, { key, expires: now + lasts }, caps.devices);
      effects.push({ kind: 'renew', set, elements: [{ key, timeout: lasts }] });
      effects.push({
        kind: 'told',
        what: { kind: 'asked', app: match.app, device, name: match.entry },
      });
    }
  }
  return effects;
}
