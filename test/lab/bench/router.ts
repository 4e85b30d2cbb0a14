// Measurements on the router by the programs of test/bench: a match until its element is committed, one element
// over netlink and by the nft program, and the name walk and full decoding.
import type { Machine } from '../machine/machine.ts';
import { HOST, PROGRAMS } from './agent.ts';
import { atMost, type Figure, figure } from './figures.ts';

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

interface Commit {
  readonly noMatch: Record<'step' | 'commit' | 'all', Spread>;
  readonly match: Record<'step' | 'commit' | 'all', Spread>;
  readonly add: Spread;
  readonly renew: Spread;
  readonly nft: Spread;
  readonly nothing: Spread;
}

/** Needs the agent's table. */
export async function measureRouter(
  router: Machine,
  say: (line: string) => void,
): Promise<{ figures: Figure[]; details: unknown }> {
  say('commits on the router');
  // Makes room in the set, which the measurements before have filled.
  await router.must('nft flush set inet whp skype_addr4');
  const text = await router.must(`WHP_BYTECODE=/tmp/commit ${HOST} ${PROGRAMS}/commit.mjs`, {
    timeout: 120_000,
  });
  const commit = JSON.parse(text) as Commit;
  say('name walk on the router');
  const wire = await router.must(`WHP_BYTECODE=/tmp/wire ${HOST} ${PROGRAMS}/wire.mjs`, {
    timeout: 120_000,
  });
  const walk = /name walk ([\d.]+) us.*dns-packet ([\d.]+) us \(x([\d.]+)\)/.exec(wire);
  const { match, noMatch, add, renew, nft, nothing } = commit;
  const share = (all: Spread, part: Spread): string =>
    `${part.p50.toFixed(2)} of ${all.p50.toFixed(2)} ms`;
  const figures = [
    atMost(
      10,
      'match to set committed, p99',
      match.all.p99,
      'ms',
      `p50 ${match.all.p50.toFixed(2)} ms: the transaction ${share(match.all, match.commit)}`,
    ),
    figure('no match, decided, p99', noMatch.all.p99, 'ms', `p50 ${noMatch.all.p50.toFixed(2)} ms`),
    figure(
      'one element added over netlink, p50',
      add.p50,
      'ms',
      `renewed ${renew.p50.toFixed(2)} ms; p99 ${add.p99.toFixed(2)} and ${renew.p99.toFixed(2)} ms`,
    ),
    figure(
      'the same by nft as a process, p50',
      nft.p50,
      'ms',
      `x${(nft.p50 / add.p50).toFixed(0)}; /bin/true costs ${nothing.p50.toFixed(1)} ms`,
    ),
  ];
  if (walk !== null) {
    const [, cheap, full, ratio] = walk.map(Number);
    const note = `x${ratio!.toFixed(1)}; the walk ${cheap} us, an answer of three records`;
    figures.push(figure('full decoding by dns-packet', full! / 1000, 'ms', note));
  }
  return { figures, details: { commit, wire: wire.trim().split('\n') } };
}
