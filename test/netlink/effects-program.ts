// Runs in the host in a fresh network namespace: runtime/effects with the kernel's sets. When a held packet is
// released, its element is in the set. One line a claim.

import type { HeldFeed } from '../../agent/src/kernel/held-feed.ts';
import type { Effect } from '../../agent/src/learn/effect.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { addressKey } from '../../agent/src/ruleset/elements.ts';
import { TABLE } from '../../agent/src/ruleset/names.ts';
import { policy } from '../fixtures/policies.ts';
import { effectsOn, notingFeed, realKernel } from '../lib/kernel.ts';
import { breathe, claimLater, finish, same } from './claims.ts';

const SET = 'skype_addr4';
const loaded = await runProgram(['nft', '-f', '-'], {
  input: `table inet ${TABLE} { set ${SET} { type ipv4_addr; flags timeout; size 4096; }; }`,
});
if (loaded.status !== 0) throw new Error(loaded.stderr);
const kernel = realKernel();

/** The number of elements in the kernel's set at the release of each packet, in order. */
let verdicts: string[] = [];
const count = (): number => {
  const found = kernel.sets.read(SET);
  return found.ok ? found.value.length : -1;
};
const feed = (): HeldFeed => notingFeed((verdict) => verdicts.push(`${verdict} with ${count()}`));
const effects = effectsOn(kernel, policy, { answers: feed(), hellos: feed() });

const renew = (last: number): Effect => ({
  kind: 'renew',
  set: SET,
  elements: [{ key: addressKey(`203.0.113.${last}`)!, timeout: 60000 }],
});

await claimLater('an answer is released when its element is in the set', async () => {
  effects.run([renew(1), { kind: 'release', id: 1 }]);
  same(verdicts, ['release 1 with 1']);
});

await claimLater(
  'a hello is judged again, and a surplus answer refused, behind their elements',
  async () => {
    verdicts = [];
    effects.run([renew(2), { kind: 'pass', id: 2, again: true }]);
    effects.run([renew(3), { kind: 'refuse', id: 3 }]);
    same(verdicts, ['again 2 with 2', 'refuse 3 with 3']);
  },
);

await claimLater(
  'answers that wait while nft loads are released in order, each behind its elements',
  async () => {
    verdicts = [];
    effects.wait();
    for (const last of [4, 5, 6]) effects.run([renew(last), { kind: 'release', id: last }]);
    same(verdicts, [], 'while nft loads');
    effects.goOn();
    await breathe();
    same(verdicts, ['release 4 with 4', 'release 5 with 5', 'release 6 with 6']);
  },
);

finish();
