// One session of the package on the router: what its tests are given, and how they are counted.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '../machine/machine.ts';
import { configText } from '../mode.ts';
import type { Packages } from './packages.ts';

export const ENFORCING =
  'nft -t list chain inet whp prerouting >/dev/null 2>&1 && whp status >/dev/null';
export const CONFIGURATION = `${configText(true)}\n# kept by its owner\n`;
/** What the stand-in for procd calls the agent's process. */
export const PID = '/tmp/procd/whp/instance/pid';

export interface Stage {
  readonly router: Machine;
  readonly packages: Packages;
  /** The router before the package has ever been on it. */
  readonly before: readonly string[];
  /** Runs a line that must end with 0; answers what it prints. */
  must(line: string): Promise<string>;
  /** Waits until a line ends with 0; answers the seconds that took. */
  until(condition: string, limit?: number): Promise<number>;
  /** Passes with what it answers; fails when it rejects or answers "! why". */
  test(name: string, run: () => Promise<string | null>): Promise<void>;
  readonly count: { passed: number; failed: number };
}

export function createStage(router: Machine, packages: Packages, before: readonly string[]): Stage {
  const count = { passed: 0, failed: 0 };
  return {
    router,
    packages,
    before,
    count,
    must: (line) => router.must(line, { timeout: 240_000 }),
    until: (condition, limit = 60) => until(router, condition, limit),
    test: async (name, run) => {
      const said = await run().catch((error: Error) => `! ${error.message}`);
      const bad = said?.startsWith('!') === true;
      if (bad) count.failed += 1;
      else count.passed += 1;
      console.log(`${bad ? 'not ok' : 'ok'} ${name}${said === null ? '' : `: ${said}`}`);
    },
  };
}

async function until(router: Machine, condition: string, limit: number): Promise<number> {
  const started = Date.now();
  while ((await router.run(condition)).status !== 0) {
    if (Date.now() - started > limit * 1000) {
      const { stdout } = await router.run('tail -n 20 /tmp/log');
      throw new Error(`not within ${limit} s: ${condition}\n${stdout}`);
    }
    await sleep(250);
  }
  return (Date.now() - started) / 1000;
}

/** Looks ten times a second whether table, tunnel and rules stand, while `run` and until `end`. */
export async function watched(
  { must, until }: Stage,
  run: () => Promise<string>,
  end: string,
): Promise<string> {
  await must(
    `(while [ ! -e /tmp/watched ]; do
      nft -t list chain inet whp prerouting && ip link show whp-cloud && ip rule | grep 15001
      echo $? >>/tmp/gaps; sleep 0.1
    done) >/dev/null 2>&1 &`,
  );
  console.log(await run());
  const seconds = await until(end);
  const looks = await must('touch /tmp/watched; sleep 2; sort /tmp/gaps | uniq -c');
  await must('rm /tmp/gaps /tmp/watched');
  if (!/^ *\d+ 0\s*$/.test(looks)) return `! there was a gap: ${looks}`;
  return `enforces ${seconds.toFixed(1)} s later; stood at each of ${Number.parseInt(looks, 10)} looks`;
}
