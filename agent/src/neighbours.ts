// neighbours: others on this router who use what is ours (bits of the mark, preferences, tables).
// Looked for with the tick; the log and `whp status` say what was found.
// What a collision is, repair/collisions decides.

import type { Problem } from './policy/result.ts';
import { collisions, type Found } from './repair/collisions.ts';
import { type Homely, homeOf } from './repair/home.ts';
import type { Daemon } from './running.ts';
import { now } from './system/clock.ts';
import { log } from './system/log.ts';
import { readClaims, readMarkUses } from './system/others.ts';
import { openPaths, PROTOCOL, type Realized, readPaths } from './system/paths.ts';
import { readGeneration, readOthersChains } from './system/table.ts';

/** nft lists the whole ruleset for this: half a second of work on a slow router, more with a large
 * firewall. */
const LISTING_MILLISECONDS = 20_000;

/** Between two looks when nobody has said that anything changed. */
const LOOK_MILLISECONDS = 60_000;

export interface Neighbours {
  /** As they are now, for `whp status`. */
  problems: readonly Problem[];
  marks: Found['marks'];
  /** Of the chains of others when their rules were read; their number of transactions then. */
  chains: string;
  /** The number of everybody's transactions before `chains` was read. */
  generation: number;
  foreign: number;
  readAt: number;
  /** Somebody changed rules, routes or tables since the last look. */
  isDue: boolean;
  lookedAt: number;
}

export function createNeighbours(): Neighbours {
  return {
    problems: [],
    marks: [],
    chains: '',
    generation: 0,
    foreign: -1,
    readAt: -LISTING_MILLISECONDS,
    isDue: true,
    lookedAt: 0,
  };
}

/** With the tick, when there is news and once a minute: reading it all takes a slow router a third of
 * a second. Rules and routes; nftables rules when others changed them. */
export function lookAround(daemon: Daemon): void {
  const { neighbours } = daemon;
  if (!neighbours.isDue && now() - neighbours.lookedAt < LOOK_MILLISECONDS) return;
  const realized = readPaths(daemon.paths);
  if (typeof realized === 'string') return;
  neighbours.lookedAt = now();
  daemon.addresses = realized.addresses.map(({ address }) => address);
  void readMarks(daemon);
  neighbours.isDue = neighbours.foreign !== daemon.repair.foreign;
  const problems = collidingWith(neighbours, daemon.policy, realized);
  const known = new Set(neighbours.problems.map(({ what }) => what));
  for (const { where, what } of problems) {
    if (!known.has(what)) log('error', `collision: ${where}: ${what}`);
  }
  neighbours.problems = problems;
}

function collidingWith(
  { marks }: Pick<Neighbours, 'marks'>,
  policy: Homely,
  { all, links, addresses }: Realized,
): readonly Problem[] {
  const home = homeOf(policy, links, addresses);
  return collisions(policy.globals, { ...all, marks, claims: readClaims(), home }, PROTOCOL);
}

/** At this moment, for who asks: with `policy` as it would be. */
export async function collisionsNow(daemon: Daemon, policy: Homely): Promise<readonly Problem[]> {
  await freshMarks(daemon);
  const realized = readPaths(daemon.paths);
  return typeof realized === 'string' ? [] : collidingWith(daemon.neighbours, policy, realized);
}

/** The same where no agent runs. */
export async function collisionsAlone(policy: Homely): Promise<readonly Problem[]> {
  const paths = openPaths(policy.globals);
  const realized = typeof paths === 'string' ? paths : readPaths(paths);
  if (typeof realized === 'string') return [];
  return collidingWith({ marks: await readMarkUses() }, policy, realized);
}

async function readMarks(daemon: Daemon): Promise<void> {
  const { neighbours, repair } = daemon;
  if (repair.foreign === neighbours.foreign) return;
  if (now() - neighbours.readAt < LISTING_MILLISECONDS) return;
  neighbours.foreign = repair.foreign;
  neighbours.readAt = now();
  await freshMarks(daemon);
}

/** Lists the rules of others where their chains are not as they were. */
async function freshMarks({ neighbours, effects: { sets } }: Daemon): Promise<void> {
  if (typeof sets === 'string') return;
  const generation = readGeneration(sets);
  if (generation !== 0 && generation === neighbours.generation) return;
  const chains = readOthersChains(sets);
  neighbours.generation = generation;
  if (chains === neighbours.chains) return;
  neighbours.chains = chains;
  neighbours.marks = await readMarkUses();
  neighbours.isDue = true;
}
