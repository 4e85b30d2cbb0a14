// Measurements on the router by the programs of test/bench: a match until its elements are taught, one element taught,
// committed and added by the nft program, and the name walk and full decoding.
import type { Machine } from '../machine/machine.ts';
import { HOST, PROGRAMS, startAgent, stopAgent } from './agent.ts';
import { beside, type Reading, reading } from './figures.ts';

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Commit {
  readonly noMatch: Record<'step' | 'commit' | 'all', Spread>;
  readonly match: Record<'step' | 'commit' | 'all', Spread>;
  readonly taught: Spread;
  readonly cold: Spread;
  readonly changed: Spread;
  readonly nft: Spread;
  readonly nothing: Spread;
  /** Whether packets taught; else transactions did. */
  readonly byPacket: boolean | null;
}

/** One run. Needs a router without an agent, and leaves it so. */
export async function measureRouter(router: Machine): Promise<Reading[]> {
  const agent = await startAgent(router);
  const text = await router.must(`WHP_BYTECODE=/tmp/commit ${HOST} ${PROGRAMS}/commit.mjs`, {
    timeout: 120_000,
  });
  const wire = await router.must(`WHP_BYTECODE=/tmp/wire ${HOST} ${PROGRAMS}/wire.mjs`, {
    timeout: 120_000,
  });
  await stopAgent(router, agent);
  return [...commitReadings(JSON.parse(text) as Commit), ...wireReadings(wire)];
}

function commitReadings(commit: Commit): Reading[] {
  const { match, noMatch, taught, cold, changed, nft, nothing, byPacket } = commit;
  return [
    reading('one element taught, cold, p50', cold.p50, 'ms', {
      atMost: 0.5,
      beside: [
        beside('in a loop', taught.p50, 'ms'),
        beside('a transaction, cold', changed.p50, 'ms'),
        beside('`nft add element` as a process', nft.p50, 'ms'),
        beside('`/bin/true`', nothing.p50, 'ms'),
      ],
      note: byPacket === true ? 'by packet' : 'by transaction',
    }),
    reading('match to elements taught, p99', match.all.p99, 'ms', {
      atMost: 10,
      beside: [
        beside('p50', match.all.p50, 'ms'),
        beside('of that teaching', match.commit.p50, 'ms'),
      ],
    }),
    reading('no match, decided, p99', noMatch.all.p99, 'ms', {
      beside: [beside('p50', noMatch.all.p50, 'ms')],
    }),
  ];
}

function wireReadings(wire: string): Reading[] {
  const walk = /name walk ([\d.]+) us.*dns-packet ([\d.]+) us/.exec(wire);
  if (walk === null) throw new Error(`wire: ${wire}`);
  return [
    reading('names of an answer walked', Number(walk[1]), 'us', {
      beside: [beside('decoded by dns-packet', Number(walk[2]), 'us')],
      note: 'an answer of three records',
    }),
  ];
}
