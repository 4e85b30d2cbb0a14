// runtime/preflight: looks at the router as `whp check` does: devices, routes, firewall, and other programs that
// use the agent's marks, preferences or tables. preflight/looks judges the results; new problems are logged, all
// are in `whp status`.

import type { Settings } from '../config/settings.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { now, pause, unattended, wallTime } from '../os/clock.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import { partsNeeded } from '../preflight/kernel-parts.ts';
import type { Look } from '../preflight/look.ts';
import { linesOf, looksOf } from '../preflight/looks.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { createTraffic, type TrafficState, watchTraffic } from '../preflight/traffic.ts';
import { waysOut } from '../preflight/way-out.ts';
import type { RepairEvent, RepairState } from '../reconcile/repair.ts';
import { type Listing, readListing } from '../router/foreign.ts';
import { type CallerSeen, lackingTexts, routerSeen } from '../router/router.ts';
import { invalid, ok } from '../syntax/result.ts';
import { type GatewayNeeds, keepGateways } from './gateways.ts';
import { type InForce, noteAddresses } from './in-force.ts';
import type { PathState } from './paths.ts';

/** Least time between two listings. nft lists the whole ruleset: half a second on a slow router, more with a large
 * firewall. */
const LISTING_MILLISECONDS = 20_000;

/** Value of `chains` before the first listing. */
const UNREAD = '?';

export interface Preflight {
  /** The results of the last look. */
  looks: readonly Look[];
  /** Indexes of the devices by which default routes leave, at the last look. */
  waysOut: readonly number[];
  listing: Listing;
  readonly traffic: TrafficState;
  /** tables.othersChains() at the last listing. */
  chains: string;
  /** `foreign` of reconcile/repair when readRules last started a listing. */
  foreign: number;
  /** `foreign` of reconcile/repair at the last listing. */
  listed: number;
  readAt: number;
  /** The last listing, running or ended; the next one waits for it. */
  reading: Promise<void>;
  /** Rules, routes or tables have changed since the last look. */
  isDue: boolean;
  /** The running look; null: none runs. */
  looking: Promise<void> | null;
  lookedAt: number;
}

/** What a look needs. */
export interface PreflightNeeds extends GatewayNeeds {
  readonly preflight: Preflight;
  readonly settings: Settings;
  readonly inForce: InForce;
  readonly paths: PathState;
  readonly repair: RepairState;
  readonly problems: Map<string, string>;
  /** When the agent began, `now()`. */
  readonly since: number;
  happened(event: RepairEvent): void;
}

export function createPreflight(): Preflight {
  return {
    looks: [],
    waysOut: [],
    listing: { marks: [], firewall: invalid('not yet'), redirects: null },
    traffic: createTraffic(),
    chains: UNREAD,
    foreign: -1,
    listed: -1,
    readAt: -LISTING_MILLISECONDS,
    reading: Promise.resolve(),
    isDue: true,
    looking: null,
    lookedAt: 0,
  };
}

/** Other programs have changed rules, routes or tables, or the agent's own numbers have changed. */
export function lookSoon(preflight: Preflight): void {
  preflight.isDue = true;
}

/** Time between two looks without a change. */
const LOOK_MILLISECONDS = 60_000;

/** The listing if other programs have no chain. */
const NO_OTHERS: Listing = {
  marks: [],
  firewall: ok({ forward: null, flowTables: [], hasBanIp: false }),
  redirects: [],
};

/** An agent that starts this soon after boot is earlier than the network: for NETWORK_MILLISECONDS, a missing lan
 * device is not reported. */
const BOOT_MILLISECONDS = 120_000;
const NETWORK_MILLISECONDS = 20_000;

/** Call it with the tick: looks after a change, and once a minute; lists nftables rules after other programs have
 * changed theirs. */
export function lookAround(agent: PreflightNeeds): void {
  const { preflight } = agent;
  unattended(readRules(agent));
  const isTime = preflight.isDue || now() - preflight.lookedAt >= LOOK_MILLISECONDS;
  if (isTime && preflight.looking === null) unattended(beginLook(agent));
}

/** Looks by the configuration in force. When it resolves, no line is of a configuration of before. */
export async function lookNow(agent: PreflightNeeds): Promise<void> {
  const { preflight } = agent;
  while (preflight.looking !== null) await preflight.looking;
  await beginLook(agent);
}

function beginLook(agent: PreflightNeeds): Promise<void> {
  const { preflight } = agent;
  preflight.isDue = false;
  preflight.lookedAt = now();
  preflight.looking = look(agent).finally(() => {
    preflight.looking = null;
  });
  return preflight.looking;
}

/** Takes a slow router a third of a second: pauses in between, for held answers. */
async function look(agent: PreflightNeeds): Promise<void> {
  const { preflight, settings, inForce, paths, since } = agent;
  const { routing } = agent.kernel;
  const read = routing.realized(paths.numbers);
  if (read.ok) {
    const realized = read.value;
    noteAddresses(inForce, realized.addresses);
    keepGateways(agent, realized);
    await pause();
    const { policy } = agent;
    const { uci } = settings.configuration;
    const { lan } = policy.globals;
    const isEarly = since < BOOT_MILLISECONDS && now() - since < NETWORK_MILLISECONDS;
    if (isEarly && !lan.every((name) => realized.links.some((one) => one.name === name))) {
      preflight.isDue = true;
    } else {
      const router = await routerSeen(realized, lan, seenBy(agent, lan, null));
      await pause();
      preflight.waysOut = waysOut(router);
      tell(preflight, looksOf({ policy, uci, wall: wallTime(), router }));
    }
  }
}

/** Logs the new lines. */
function tell(preflight: Preflight, looks: readonly Look[]): void {
  const known = new Set(linesOf(preflight.looks));
  for (const line of linesOf(looks)) if (!known.has(line)) log('error', line);
  preflight.looks = looks;
}

/** The router now, for `whp check`. `policy`: the one to be checked. */
export async function routerNow(
  agent: PreflightNeeds,
  policy: Policy,
): Promise<KernelResult<RouterSeen>> {
  const { paths, problems } = agent;
  const { routing } = agent.kernel;
  await freshRules(agent, true);
  const realized = routing.realized(paths.numbers);
  if (!realized.ok) return realized;
  const { lan } = policy.globals;
  await pause();
  const lacking = lackingTexts(routing, partsNeeded(policy));
  if (problems.has('queue')) lacking.set('queue', 'the kernel has no nft queue');
  return done(await routerSeen(realized.value, lan, seenBy(agent, lan, lacking)));
}

/** `lacking` null: not read. */
function seenBy(
  { preflight, kernel, state }: PreflightNeeds,
  lan: readonly string[],
  lacking: CallerSeen['lacking'],
): CallerSeen {
  const { routing } = kernel;
  return {
    listing: preflight.listing,
    neighbours: routing.neighbours(),
    lacking,
    hasAgent: true,
    traffic: watchTraffic(preflight.traffic, routing.counted(lan), now()),
    standIns: Array.from(state.standIns.values()),
  };
}

async function readRules(agent: PreflightNeeds): Promise<void> {
  const { preflight, repair } = agent;
  if (repair.foreign === preflight.foreign) return;
  if (now() - preflight.readAt < LISTING_MILLISECONDS) return;
  preflight.foreign = repair.foreign;
  preflight.readAt = now();
  await freshRules(agent);
}

/** A caller during a listing waits for it and the one that it asked for. */
function freshRules(agent: PreflightNeeds, isAsked = false): Promise<void> {
  const { preflight } = agent;
  const list = (): Promise<void> => listRules(agent, isAsked);
  preflight.reading = preflight.reading.then(list, list);
  return preflight.reading;
}

/** Lists the rules of other programs if their chains have changed. A rule replaced by another leaves the chains
 * equal: with `isAsked` the rules are listed after any transaction of others. */
async function listRules(agent: PreflightNeeds, isAsked: boolean): Promise<void> {
  const { preflight, repair, kernel } = agent;
  if (isAsked) {
    const own = kernel.sets.takeCommits();
    agent.happened({ kind: 'generation', generation: kernel.tables.generation(), own });
    if (preflight.listed === repair.foreign) return;
  }
  const chains = kernel.tables.othersChains();
  if (!isAsked && chains === preflight.chains) return;
  preflight.chains = chains;
  preflight.listed = repair.foreign;
  preflight.listing = chains === '' ? NO_OTHERS : await readListing();
  preflight.isDue = true;
}

/** The configuration was read again: transactions of others since the last listing are listed with the next look. */
export function lookAgain({ preflight, repair }: PreflightNeeds): void {
  preflight.isDue = true;
  if (preflight.listed === repair.foreign) return;
  preflight.chains = UNREAD;
  preflight.foreign = -1;
}
