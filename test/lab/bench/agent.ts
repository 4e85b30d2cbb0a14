// Starts the agent on the benchmark's router with a measurement of the start, reads its status, stops it.
// Kernel modules are loaded before, as by /etc/modules.d on OpenWrt.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import type { ProjectFile } from '../machine/image.ts';
import type { Machine } from '../machine/machine.ts';
import { projectRoot } from '../machine/paths.ts';
import { bundle } from './programs.ts';

export const PROGRAMS = '/usr/lib/bench';
export const HOST = 'WHP_WATCHDOG_SECONDS=600 /usr/lib/whp/whp-host';
/** Of rpcd; the lab's own files have no rpcd, and not its plugins. */
export const PLUGIN = '/usr/libexec/rpcd/whp';
/** Queue of held answers, and the configuration. */
export const QUEUE = 5300;
export const CONFIGURATION = '/etc/config/whp';
/** Bytecode of the bundle, which the first start after a boot compiles. */
const BYTECODE = '/var/run/whp/bundle.bytecode*';

const MODULES =
  'nft_ct nft_log nft_queue nft_reject nft_reject_inet nft_masq nft_nat nft_chain_nat nft_fib ' +
  'nft_fib_inet nft_limit nft_counter nfnetlink_log nfnetlink_queue nf_conntrack_netlink ip_gre';

export interface Start {
  readonly pid: number;
  /** Milliseconds from exec to the committed table, and to the bound queue. */
  readonly table: number;
  readonly queue: number;
}

/** The router's programs, for LabOptions.routerFiles; scripts/bench.sh compiles those in C. */
export async function routerPrograms(router: string): Promise<Map<string, ProjectFile>> {
  const names = ['start', 'commit', 'wire', 'process', 'change', 'loop'];
  const files = await bundle(
    Object.fromEntries(names.map((n) => [n, `test/bench/${n}.ts`])),
    PROGRAMS,
  );
  for (const name of ['accept', 'calls', 'moments']) {
    const bytes = readFileSync(join(projectRoot(), 'out/bench-programs', router, name));
    files.set(`${PROGRAMS}/${name}`, { bytes, mode: 0o755 });
  }
  const plugin = readFileSync(join(projectRoot(), 'openwrt-package/files/whp.rpcd'));
  files.set(PLUGIN, { bytes: plugin, mode: 0o755 });
  return files;
}

/** Milliseconds of a program from fork to exit, the median of `times`. */
export async function processTime(
  router: Machine,
  times: number,
  command: string,
): Promise<number> {
  const line = `${HOST} ${PROGRAMS}/process.mjs ${times} ${command}`;
  return Number(await router.must(line, { timeout: 180_000 }));
}

/** What a boot forgets of earlier starts: the bytecode, and what was read from the disk. */
export async function forgetStarts(router: Machine): Promise<void> {
  await router.must(`rm -f ${BYTECODE}; sync; echo 3 >/proc/sys/vm/drop_caches`);
}

/** Ends the agent as a crash does: its table stays. */
export async function crashAgent(router: Machine, { pid }: Start): Promise<void> {
  await router.must(`kill -9 ${pid}`);
}

/** Seconds of processor time that the agent and its watching process have used since they started. */
export async function processorTime(router: Machine): Promise<number> {
  const text = await router.must(
    `for one in /proc/[0-9]*; do
      [ "$(readlink $one/exe)" = /usr/lib/whp/whp-host ] && cat $one/schedstat
    done; :`,
  );
  const used = text
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line.split(' ')[0]) / 1e9, 0);
  if (used > 0) return used;
  throw new Error('no /proc/PID/schedstat of the agent');
}

/** A module that this kernel has built in or lacks is no error: the agent's start shows a lack. */
export async function loadModules(router: Machine): Promise<void> {
  await router.run(`for module in ${MODULES}; do modprobe -q "$module"; done`);
}

/** `queue` 0: a configuration that holds no answers. `setting`: of the host program, `NAME=VALUE`. */
export async function startAgent(router: Machine, queue = QUEUE, setting = ''): Promise<Start> {
  const enforcing = 'grep -c "^whp: enforcing" /tmp/whp.log 2>/dev/null';
  const before = (await router.run(enforcing)).stdout.trim();
  const started = await router.run(
    `${setting} ${HOST} ${PROGRAMS}/start.mjs /tmp/whp.log ${queue}`,
    { timeout: 150_000 },
  );
  // The agent handles signals only after this line: it must not be stopped before.
  for (let tries = 0; started.status === 0 && tries < 150; tries += 1) {
    if ((await router.run(enforcing)).stdout.trim() !== (before || '0')) {
      return JSON.parse(started.stdout) as Start;
    }
    await sleep(200);
  }
  const log = await router.run('cat /tmp/whp.log');
  throw new Error(`the agent did not start: ${started.stdout}${started.stderr}${log.stdout}`);
}

export async function stopAgent(router: Machine, { pid }: Start): Promise<void> {
  await router.run(`kill ${pid}`);
  for (let tries = 0; tries < 100; tries += 1) {
    const gone = await router.run(
      `[ ! -d /proc/${pid} ] || grep -q '^State:.Z' /proc/${pid}/status`,
    );
    if (gone.status === 0) break;
    await sleep(200);
  }
  const left = await router.run('nft list table inet whp');
  if (left.status === 0) throw new Error('the stopped agent left its table behind');
}

/** Ends what a failed part has left: an agent, and its table. */
export async function endAgents(router: Machine): Promise<void> {
  await router.run(`for one in /proc/[0-9]*; do
    [ "$(readlink $one/exe)" = /usr/lib/whp/whp-host ] && kill -9 "\${one#/proc/}"
  done
  nft delete table inet whp 2>/dev/null; :`);
}

/** Asked again of an agent that is busy. */
export async function status(router: Machine): Promise<StatusAnswer> {
  const line = '/usr/bin/whp status --json';
  for (let tries = 0; tries < 3; tries += 1) {
    const { stdout } = await router.run(line);
    if (stdout !== '') return JSON.parse(stdout) as StatusAnswer;
  }
  return JSON.parse(await router.must(line)) as StatusAnswer;
}

export interface Queue {
  /** Packets that the kernel dropped because the queue or our socket was full. */
  readonly dropped: number;
  readonly userDropped: number;
  /** Packets held since the queue was bound. */
  readonly held: number;
}

/** /proc/net/netfilter/nfnetlink_queue, one line for each queue of answers: number, port, waiting, mode,
 * range, dropped, user, id. */
export async function queueCounters(router: Machine): Promise<Queue> {
  const text = await router.must('cat /proc/net/netfilter/nfnetlink_queue');
  const rows = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const sum = (at: number): number => rows.reduce((total, fields) => total + (fields[at] ?? 0), 0);
  return { dropped: sum(5), userDropped: sum(6), held: sum(7) };
}
