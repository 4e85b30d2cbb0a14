// `lab.sh big-endian`: one boot of the big-endian MIPS machine, which runs test/netlink/be-probe.ts against its
// kernel and the unit tests of wire/ and netlink/ in the host. Prints every claim and a summary line.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { HOST_BUNDLE } from '../../lib/host-bundle.ts';
import { leave } from '../machine/leave.ts';
import { startMips } from '../machine/mips.ts';
import { labOptions } from '../machine/options.ts';

const HOST = '/usr/lib/whp/whp-host';
const FOLDER = 'out/lab/big-endian';
/** Folders with code that reads bytes of the network or of the kernel. */
const TESTS = ['test/unit/wire', 'test/unit/netlink'];

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

async function bundleProbe(): Promise<string> {
  const outfile = join(FOLDER, 'probe.mjs');
  await build({
    ...HOST_BUNDLE,
    entryPoints: ['test/netlink/be-probe.ts'],
    outfile,
  });
  return outfile;
}

function bundleTests(): string {
  const outfile = join(FOLDER, 'unit.mjs');
  const files = TESTS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  );
  const words = ['scripts/unit.mjs', '--bundle', outfile, ...files];
  const run = spawnSync('node', words, { stdio: 'inherit' });
  if (run.status !== 0) throw new Error(`${words.join(' ')}: status ${run.status}`);
  return outfile;
}

/** One claim a line: "ok NAME", "not ok NAME", "skip NAME". A run that claims nothing has failed. */
function countClaims({ status, stdout }: { status: number; stdout: string }): Count {
  const lines = stdout.split('\n');
  const count = (word: string) => lines.filter((line) => line.startsWith(`${word} `)).length;
  const [passed, failed] = [count('ok'), count('not ok')];
  const sound = status === 0 && passed > 0;
  return { passed, failed: Math.max(failed, sound ? 0 : 1), skipped: count('skip') };
}

/** uvu's totals; an early end is a failure. */
function countTests({ status, stdout }: { status: number; stdout: string }): Count {
  const number = (word: string) => Number(new RegExp(`${word}: +(\\d+)`).exec(stdout)?.[1] ?? 0);
  const [passed, total] = [number('Passed'), number('Total')];
  const sound = status === 0 && total > 0 && stdout.includes('all files ran');
  const failed = Math.max(total - passed, sound ? 0 : 1);
  return { passed, failed, skipped: number('Skipped') };
}

function report(name: string, { passed, failed, skipped }: Count): boolean {
  const rest = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${name}: ${passed} passed, ${failed} failed${rest}`);
  return failed === 0;
}

async function main(): Promise<boolean> {
  labOptions('big-endian', {});
  mkdirSync(FOLDER, { recursive: true });
  const file = (path: string, mode: number) => ({ bytes: readFileSync(path), mode });
  const files = new Map([
    [HOST, file('out/host/mips/whp-host', 0o755)],
    ['/root/probe.mjs', file(await bundleProbe(), 0o644)],
    ['/root/unit.mjs', file(bundleTests(), 0o644)],
  ]);
  const machine = await startMips({ files, out: resolve(FOLDER) });
  try {
    console.log((await machine.must('uname -srm')).trim());
    const claims = await machine.run(`${HOST} /root/probe.mjs`, { timeout: 120_000 });
    process.stdout.write(claims.stdout + claims.stderr);
    // An emulated processor needs more time for one turn of the event loop than the watchdog allows on a
    // router.
    const settings = 'NO_COLOR=1 WHP_WATCHDOG_SECONDS=120 WHP_MEMORY_MB=40';
    const tests = await machine.run(`${settings} ${HOST} /root/unit.mjs`, { timeout: 300_000 });
    const counted = countTests(tests);
    if (counted.failed > 0) process.stdout.write(tests.stdout + tests.stderr);
    const good = [
      report('netlink on a big-endian kernel', countClaims(claims)),
      report('unit tests of wire and netlink there', counted),
    ];
    return good.every((one) => one);
  } finally {
    await machine.stop();
  }
}

leave(main());
