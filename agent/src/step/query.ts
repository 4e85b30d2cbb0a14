// step/query: notes a device's DNS query, so that only an answer to it teaches. A query for an application's name
// also opens the device's window for port mappings.

import { takeToken, untilToken } from '../bounds/token-bucket.ts';
import { endsOf, plainEnds } from '../learn/asked-questions.ts';
import { noteAsker } from '../learn/askers.ts';
import { holdsUntil, noteTaught } from '../learn/dynamic-sets.ts';
import { type Effect, NO_EFFECTS } from '../learn/effect.ts';
import { glanceAt, observeDnsQuery } from '../learn/observe-dns.ts';
import type { NameMatch } from '../profile/name-match.ts';
import { deviceKey, PORTMAP_SLACK } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { Family } from '../wire/address.ts';
import { byteString } from '../wire/hex.ts';
import { plainDevice, plainEnd, plainUdp, sourceText } from '../wire/packet.ts';
import { macOf, messagesOf, readWhole } from './packet.ts';
import type { Event, State } from './state.ts';

/** Milliseconds: a query that is read later opens a window that is shorter by its age. */
const LATE = 500;

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
    if (event.isNoted !== true)
      state.asked.note(event.bytes, ends, event.bytes, at, plainEnd, mac, asked);
    // A flooding device's query is not matched: the device loses some milliseconds of its own window.
    const isFlooding = mac !== null && untilToken(state.windows, mac, now) > 0;
    // Aliases of a device count at each of its addresses, which needs its MAC.
    if (isFlooding || observer.aliases.count > 0) {
      noteAsker(state.askers, plainDevice(event.bytes, event.offset, at), mac);
    }
    if (isFlooding) return NO_EFFECTS;
  }
  const isKnown = event.isNoted === true;
  if (!isKnown && glanceAt(observer, event.bytes, event.offset, event.end, now) === 'unrelated')
    return NO_EFFECTS;
  if (at >= 0) {
    const asker = mac ?? plainDevice(event.bytes, event.offset, at);
    if (!takeToken(state.windows, asker, now)) return NO_EFFECTS;
  }
  const packet = readWhole(state, event);
  if (packet === null) return NO_EFFECTS;
  const effects: Effect[] = [];
  const address = sourceText(packet);
  const asker: Asker = { address, mac, family: packet.family, age: event.age };
  noteAsker(state.askers, address, mac);
  const ends = at >= 0 ? null : endsOf(packet);
  for (const { bytes, offset, end } of messagesOf(state, packet, mac ?? address, now)) {
    if (ends !== null) {
      state.asked.note(event.bytes, ends, bytes, offset, end, mac, asked);
    }
    // A segment may complete dozens of queries; a plain datagram has taken its token.
    if (at < 0 && untilToken(state.windows, mac ?? address, now) > 0) continue;
    const matches = observeDnsQuery(observer, bytes, offset, end, address, now);
    if (at < 0 && matches.length > 0) takeToken(state.windows, mac ?? address, now);
    for (const match of matches) effects.push(...openWindow(state, match, asker, now));
  }
  return effects;
}

/** A device that asks for a name of an application. */
interface Asker {
  readonly address: string;
  readonly mac: string | null;
  readonly family: Family;
  /** Milliseconds since its query passed. */
  readonly age: number;
}

/** Opens the device's window for port mappings, or lengthens it. */
function openWindow(
  state: State,
  { app, entry }: NameMatch,
  { address, mac, family, age }: Asker,
  now: number,
): readonly Effect[] {
  const device = mac ?? address;
  const { portmap, caps } = state.apps.get(app)!.profile;
  const window = portmap.windowSeconds * 1000;
  if (age >= window) return NO_EFFECTS;
  const late = age < LATE ? 0 : age;
  const set = setName(app, mac === null ? 'portmap' : 'portmapmac', family);
  const key = deviceKey(device)!;
  state.counters.asked += 1;
  if (holdsUntil(state.taught, set, key, now + window - late)) return NO_EFFECTS;
  const lasts = Math.floor(window + PORTMAP_SLACK - late);
  noteTaught(state.taught, set, { key: byteString(key), expires: now + lasts }, caps.devices);
  const element = late === 0 ? { key } : { key, timeout: lasts };
  return [
    { kind: 'renew', set, elements: [element] },
    { kind: 'monitor', event: { kind: 'asked', app, device, name: entry } },
  ];
}
