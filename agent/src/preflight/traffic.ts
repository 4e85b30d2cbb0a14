// preflight/traffic: checks for lan devices whose link is up and that have received no packet for a while.
// Only a running agent can know: `watchTraffic` keeps the counts between calls. Pure: the time is an
// argument.
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { Problem } from '../syntax/result.ts';
import { counted } from '../syntax/words.ts';
import { isRunning, linkOf } from './homes.ts';
import type { Look } from './look.ts';
import { globalsOf, placeOf } from './place.ts';
import type { LookedAt, RouterSeen, Traffic } from './seen.ts';

/** The packet count of each lan device, and since when it has not grown (milliseconds). */
export interface TrafficState {
  readonly devices: Map<string, { index: number; received: number; since: number }>;
}

/** A shorter silence is not reported: an idle home still sends DHCP, NTP and ARP. */
const SILENCE_MILLISECONDS = 10 * 60_000;

export function createTraffic(): TrafficState {
  return { devices: new Map() };
}

/** Takes the counts of `links` at `now`. A new or recreated device starts at silence 0. */
export function watchTraffic(
  { devices }: TrafficState,
  links: readonly KernelLink[],
  now: number,
): Map<string, Traffic> {
  for (const name of devices.keys()) {
    if (!links.some((one) => one.name === name)) devices.delete(name);
  }
  for (const link of links) {
    const { name, index, received } = link;
    if (received === null) continue;
    const known = devices.get(name);
    const isQuiet = known?.index === index && known.received === received;
    if (!isQuiet || !isRunning(link)) {
      devices.set(name, { index, received, since: now });
    }
  }
  return new Map(
    Array.from(devices, ([name, { received, since }]) => [name, { received, silent: now - since }]),
  );
}

const SUBJECT = 'packets from home';

/** The notes of the looks: the silences, and all others. */
export function notesOf(looks: readonly Look[]): Record<'silent' | 'notes', readonly Problem[]> {
  const notes = (isSilence: boolean): Problem[] =>
    looks.filter(({ subject }) => (subject === SUBJECT) === isSilence).flatMap((one) => one.notes);
  return { silent: notes(true), notes: notes(false) };
}

export function trafficLook({ policy, uci }: LookedAt, seen: RouterSeen): Look {
  const subject = SUBJECT;
  const { traffic, hasAgent } = seen;
  if (traffic === null) {
    const why = hasAgent
      ? 'counted by the agent, which was not asked'
      : 'not counted: no agent runs';
    return { subject, seen: why, problems: [], notes: [] };
  }
  const notes: Problem[] = [];
  const told: string[] = [];
  for (const name of policy.globals.lan) {
    const one = traffic.get(name);
    const link = linkOf(seen, name);
    if (one === undefined || link === null) continue;
    const minutes = Math.floor(one.silent / 60_000);
    told.push(
      `${name} ${counted(one.received, 'packet')}${minutes > 0 ? `, none for ${minutes} min` : ''}`,
    );
    if (one.silent < SILENCE_MILLISECONDS || !isRunning(link)) continue;
    const what = `no packet seen on ${name} for ${minutes} min, though its link is up: are the devices of the home behind it? ifconfig ${name} counts its packets; whp check --explain`;
    notes.push({ where: placeOf(globalsOf(uci), 'lan', name), what });
  }
  return { subject, seen: told.join('; ') || 'no lan device is there', problems: [], notes };
}
