// The netlink code against this machine's kernel in network namespaces: be-probe, which needs only the kernel,
// and programs that read everything back with nft, ip and conntrack. They run in the host as root; each line
// they print is a test.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';

/** Builds `source`, runs it in a fresh namespace and makes a test of each claim. */
function claimsOf(source: string, least: number): void {
  const bundle = bundleForHost(`test/netlink/${source}.ts`);
  const run = spawnSync('unshare', ['--net', ...HOST, bundle], {
    encoding: 'utf8',
    timeout: 120000,
  });
  const lines = run.stdout?.split('\n') ?? [];
  let proved = 0;
  for (const line of lines) {
    const [, word, claim] = /^(ok|not ok|skip) (.*)$/.exec(line) ?? [];
    if (word === undefined || claim === undefined) continue;
    // This kernel lacks the module. The lab runs the same probe with --strict.
    if (word === 'skip') console.log(`not on this kernel, see "lab, netlink": ${claim}`);
    else test(`${source}: ${claim}`, () => assert.is(word, 'ok', line));
    if (word === 'ok') proved += 1;
  }
  test(`${source}: ends well`, () => {
    assert.is(run.status, 0, `${run.stdout}${run.stderr}${run.error ?? ''}`);
    assert.ok(proved >= least, `${proved} claims proved, expected at least ${least}`);
  });
}

claimsOf('be-probe', 25);
claimsOf('netns-program', 15);
claimsOf('effects-program', 3);
claimsOf('full-set-program', 10);
claimsOf('measure-program', 9);
claimsOf('element-program', 18);
claimsOf('glance-program', 2);
claimsOf('turn-program', 1);
test.run();
