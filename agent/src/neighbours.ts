// neighbours: others on this router who use what is ours (bits of the mark, preferences, tables).
// Looked for with the tick; the log and `whp status` say what was found.
// What a collision is, repair/collisions decides.

import type { Problem } from './policy/result.ts';
import { collisions, type Found } from './repair/collisions.ts';
import type { Daemon } from './running.ts';
import { now } from './system/clock.ts';
import { log } from './system/log.ts';
import { readClaims, readMarkUses } from './system/others.ts';
import { PROTOCOL, readPaths } from './system/paths.ts';
import { readOthersChains } from './system/table.ts';

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
  const found = { ...realized.all, marks: neighbours.marks, claims: readClaims() };
  const problems = collisions(daemon.policy.globals, found, PROTOCOL);
  const known = new Set(neighbours.problems.map(({ what }) => what));
  for (const { where, what } of problems) {
    if (!known.has(what)) log('error', `collision: ${where}: ${what}`);
  }
  neighbours.problems = problems;
}

async function readMarks({ neighbours, effects, repair }: Daemon): Promise<void> {
  const { sets } = effects;
  if (typeof sets === 'string' || repair.foreign === neighbours.foreign) return;
  if (now() - neighbours.readAt < LISTING_MILLISECONDS) return;
  neighbours.foreign = repair.foreign;
  neighbours.readAt = now();
  const chains = readOthersChains(sets);
  if (chains === neighbours.chains) return;
  neighbours.chains = chains;
  neighbours.marks = await readMarkUses();
  neighbours.isDue = true;
}
