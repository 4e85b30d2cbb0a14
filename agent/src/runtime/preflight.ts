// runtime/preflight: what else is on this router, looked at with the tick as `whp check` looks at it: others
// who use what is ours, devices, firewall, ways out. The log and `whp status` say what was found; what
// it means, preflight/ decides.

import { readLacking } from '../kernel/kernel-parts.ts';
import { readCounted, readNeighbours, readRealized } from '../kernel/routing.ts';
import { readGeneration, readOthersChains } from '../kernel/table.ts';
import type { StandIn } from '../learn/stand-ins.ts';
import { now, pause, unattended, wallTime } from '../os/clock.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import { partsNeeded } from '../preflight/kernel-parts.ts';
import type { Look } from '../preflight/look.ts';
import { linesOf, looksOf } from '../preflight/looks.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { watchTraffic } from '../preflight/traffic.ts';
import { type Listing, readListing } from '../router/foreign.ts';
import { routerSeen } from '../router/router.ts';
import type { Agent } from './agent.ts';
import { keepGateways } from './gateways.ts';
import { LISTING_MILLISECONDS, type Neighbours, UNREAD } from './neighbours.ts';

/** Between two looks when nobody has said that anything changed. */
const LOOK_MILLISECONDS = 60_000;

/** What is listed where others have none. */
const NO_OTHERS: Listing = {
  marks: [],
  firewall: { forward: null, flowTables: [] },
  turns: [],
};

/** An agent that was started so soon after a boot is there before the network: as long as a lan device
 * is not there, it waits so long before it says so. */
const BOOT_MILLISECONDS = 120_000;
const NETWORK_MILLISECONDS = 20_000;

/** With the tick, when there is news and once a minute. Devices, rules and routes; nftables rules when
 * others changed them. */
export function lookAround(agent: Agent): void {
  const { neighbours } = agent;
  unattended(readRules(agent));
  const isTime = neighbours.isDue || now() - neighbours.lookedAt >= LOOK_MILLISECONDS;
  if (!isTime || neighbours.isLooking) return;
  neighbours.isDue = false;
  neighbours.isLooking = true;
  neighbours.lookedAt = now();
  unattended(look(agent));
}

/** To read and to judge it all takes a slow router a third of a second: in parts, between which held
 * answers get their turn. */
async function look(agent: Agent): Promise<void> {
  const { neighbours, settings } = agent;
  const realized = readRealized(agent.paths);
  if (typeof realized !== 'string') {
    agent.addresses = realized.addresses.map(({ address }) => address);
    keepGateways(agent, realized);
    await pause();
    const { policy } = agent;
    const { uci } = settings.configuration;
    const { lan } = policy.globals;
    const isEarly = agent.since < BOOT_MILLISECONDS && now() - agent.since < NETWORK_MILLISECONDS;
    if (isEarly && !lan.every((name) => realized.links.some((one) => one.name === name))) {
      neighbours.isDue = true;
    } else {
      const traffic = watchTraffic(neighbours.traffic, readCounted(agent.paths, lan), now());
      const stands = standInsOf(agent);
      const router = await routerSeen(
        realized,
        readNeighbours(agent.paths),
        lan,
        neighbours.listing,
        null,
        traffic,
        stands,
      );
      await pause();
      tell(neighbours, looksOf({ policy, uci, wall: wallTime(), router }));
    }
  }
  neighbours.isLooking = false;
}

/** What is new is said in the log. */
function tell(neighbours: Neighbours, looks: readonly Look[]): void {
  const known = new Set(linesOf(neighbours.looks));
  for (const line of linesOf(looks)) if (!known.has(line)) log('error', line);
  neighbours.looks = looks;
}

/** This router at this moment, for who asks: with `policy` as it would be. A string is the error. */
export async function routerNow(agent: Agent, policy: Policy): Promise<RouterSeen | string> {
  const { neighbours, paths, problems } = agent;
  await freshRules(agent, true);
  const realized = readRealized(paths);
  if (typeof realized === 'string') return realized;
  const { lan } = policy.globals;
  await pause();
  const lacking = readLacking(paths, partsNeeded(policy));
  const noQueue = problems.get('queue');
  if (noQueue !== undefined) lacking.set('queue', 'the kernel has no nft queue');
  const traffic = watchTraffic(neighbours.traffic, readCounted(paths, lan), now());
  const met = readNeighbours(paths);
  return routerSeen(realized, met, lan, neighbours.listing, lacking, traffic, standInsOf(agent));
}

function standInsOf({ state }: Agent): StandIn[] {
  return Array.from(state.standIns.values());
}

async function readRules(agent: Agent): Promise<void> {
  const { neighbours, repair } = agent;
  if (repair.foreign === neighbours.foreign) return;
  if (now() - neighbours.readAt < LISTING_MILLISECONDS) return;
  neighbours.foreign = repair.foreign;
  neighbours.readAt = now();
  await freshRules(agent);
}

/** Who asks while nft lists has the end of it. */
function freshRules(agent: Agent, isAsked = false): Promise<void> {
  const { neighbours } = agent;
  const list = (): Promise<void> => listRules(agent, isAsked);
  neighbours.reading = neighbours.reading.then(list, list);
  return neighbours.reading;
}

/** Lists the rules of others where their chains are not as they were. A rule that was exchanged for
 * another leaves no trace there: who asks for this moment (`isAsked`) has them listed after any
 * transaction of others. */
async function listRules(agent: Agent, isAsked: boolean): Promise<void> {
  const { neighbours, repair } = agent;
  const { sets } = agent.effects;
  if (isAsked) {
    const own = sets.commits;
    sets.commits = 0;
    agent.happened({ kind: 'generation', generation: readGeneration(sets), own });
    if (neighbours.listed === repair.foreign) return;
  }
  const chains = readOthersChains(sets);
  if (!isAsked && chains === neighbours.chains) return;
  neighbours.chains = chains;
  neighbours.listed = repair.foreign;
  neighbours.listing = chains === '' ? NO_OTHERS : await readListing();
  neighbours.isDue = true;
}

/** The configuration was read again, maybe with the firewall's: what others have loaded since the last
 * listing is listed with the next look. */
export function lookAgain({ neighbours, repair }: Agent): void {
  neighbours.isDue = true;
  if (neighbours.listed === repair.foreign) return;
  neighbours.chains = UNREAD;
  neighbours.foreign = -1;
}
