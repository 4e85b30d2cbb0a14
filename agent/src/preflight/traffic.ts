// Looks at how long no packet has come in by a lan device whose link is up. Only an agent that runs
// can know: `watchTraffic` is what it keeps from look to look. Pure: the time is an argument.
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { Problem } from '../syntax/result.ts';
import { isRunning, linkOf } from './homes.ts';
import type { Look } from './look.ts';
import { globalsOf, placeOf } from './place.ts';
import type { RouterSeen, Subject, Traffic } from './seen.ts';

/** The counts of each lan device, and when each grew last, milliseconds. */
export interface TrafficState {
  readonly devices: Map<string, { index: number; received: number; since: number }>;
}

/** Silence shorter than this is not told: a home at rest still asks DHCP, NTP and its neighbours. */
const SILENCE_MILLISECONDS = 10 * 60_000;

export function createTraffic(): TrafficState {
  return { devices: new Map() };
}

/** Takes in the counts of `links` at `now`. A device that is new, or made anew, begins. */
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

/** The silences among what was found. */
export function silentOf(looks: readonly Look[]): string[] {
  return looks
    .filter(({ subject }) => subject === SUBJECT)
    .flatMap(({ notes }) => notes.map(({ what }) => what));
}

export function trafficLook({ policy, uci }: Subject, seen: RouterSeen): Look {
  const subject = SUBJECT;
  const { traffic } = seen;
  if (traffic === null)
    return { subject, seen: 'not watched: no agent runs', problems: [], notes: [] };
  const notes: Problem[] = [];
  const told: string[] = [];
  for (const name of policy.globals.lan) {
    const one = traffic.get(name);
    const link = linkOf(seen, name);
    if (one === undefined || link === null) continue;
    const minutes = Math.floor(one.silent / 60_000);
    told.push(`${name} ${one.received} packets${minutes > 0 ? `, none for ${minutes} min` : ''}`);
    if (one.silent < SILENCE_MILLISECONDS || !isRunning(link)) continue;
    const what = `no packet seen on ${name} for ${minutes} min, though its link is up: are the devices of the home behind it? "ip -s link show dev ${name}" counts, "whp check --explain" lists what is looked at`;
    notes.push({ where: placeOf(globalsOf(uci), 'lan', name), what });
  }
  return { subject, seen: told.join('; ') || 'no lan device is there', problems: [], notes };
}
