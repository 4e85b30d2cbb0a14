// step/query: a DNS query of a device for an application's name opens the device's window for port
// mappings. Before: step/packet, learn/observe-dns. After: system/effects.
import { glanceAt, observeDnsQuery } from '../learn/observe-dns.ts';
import { takeToken } from '../learn/pace.ts';
import { holdsUntil, noteTaught } from '../learn/taught.ts';
import { addressKey, macKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { Effect, Event, State } from '../state.ts';
import { sourceText } from '../wire/packet.ts';
import { macOf, messagesOf, read } from './packet.ts';

const NO_EFFECTS: readonly Effect[] = [];

/** Milliseconds by which a device's window outlasts its query: the others of a burst then need no
 * transaction of their own. */
const ASKED_SLACK = 40;
/** The same for a device that asks without end: each transaction takes time that others wait for. */
const FLOOD_SLACK = 1000;

export function onQuery(
  state: State,
  event: Event & { kind: 'query' },
  now: number,
): readonly Effect[] {
  const { counters } = state;
  counters.queries += 1;
  const { matcher } = state.observer;
  const glance = glanceAt(matcher, event.bytes, event.offset, event.end);
  if (glance === 'unrelated') return NO_EFFECTS;
  const packet = read(state, event);
  if (packet === null) return NO_EFFECTS;
  const effects: Effect[] = [];
  const mac = macOf(state, event);
  const device = mac ?? sourceText(packet);
  for (const { bytes, offset, end } of messagesOf(state, packet, device, now)) {
    for (const match of observeDnsQuery(matcher, bytes, offset, end)) {
      const { portmap, caps } = state.apps.get(match.app)!.profile;
      const timeout = Math.floor(portmap.windowSeconds * 1000 - event.age);
      if (timeout <= 0) continue;
      const set = setName(match.app, mac === null ? 'asked' : 'askedmac', packet.family);
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
