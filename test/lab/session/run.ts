// The sessions on a running lab: copies the programs into the world, builds its topology, plays, fetches the
// logs and judges the run. Its interfaces are the parts of a machine that it needs, so that the stand-in of a
// test can replace an emulated machine.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeDirectory } from '../verdict/directory.ts';
import type { FlowOutcome, Result } from '../verdict/result.ts';
import { ADVERSARY_SESSIONS, attackLines } from '../world/adversary-list.ts';
import { DEVICES } from '../world/plan.ts';
import { bundleWorld } from './bundle.ts';

export interface WorldMachine {
  run(
    command: string,
    options?: { timeout?: number },
  ): Promise<{ status: number; stdout: string; stderr: string }>;
  /** Starts a long command; `onLine` gets each line of its standard output. */
  spawn(
    command: string,
    onLine: (line: string) => void,
  ): Promise<{ done: Promise<{ status: number; stderr: string }> }>;
  put(path: string, bytes: Uint8Array | string, mode?: number): Promise<void>;
  get(path: string): Promise<Uint8Array>;
}

export interface SessionLab {
  readonly world: WorldMachine;
  /** Directory on the host for captures, logs, result.json and flows.txt. */
  readonly out: string;
  /** Name for the result ("mipsel"). */
  readonly routerKind?: string;
  /** The captures lan.pcap and isp.pcap are made in `out` from outside the world. */
  readonly capturesOutside?: boolean;
  /** Names of the world's network cards; wire-lan and wire-wan by default. */
  readonly lanWire?: string;
  readonly ispWire?: string;
  /** Prefix of the namespaces' names, for machines that are shared. */
  readonly prefix?: string;
  /** Where the programs are in the world. */
  readonly home?: string;
  /** Where their logs go in the world. */
  readonly logs?: string;
  /** The quickjs host in the world. */
  readonly host?: string;
  /** True where the programs are in `home` already (worldFiles). */
  readonly installed?: boolean;
  /** False where the topology stands already. */
  readonly build?: boolean;
  readonly say?: (line: string) => void;
}

export interface SessionOptions {
  readonly seed: number;
  readonly sessionsPerDevice: number;
  readonly noise: boolean;
  readonly adversary: boolean;
  /** Names of plan.ts; all five by default. */
  readonly devices?: readonly string[];
  /** Speed of the unrelated traffic: 1 is about a page a second and device. */
  readonly pace?: number;
  /** Number of the first session (1). */
  readonly first?: number;
  /** What `whp status --json` says when the sessions are over. */
  readonly agentStatus?: () => Promise<unknown>;
  /** The agent's reason for a flow, asked for when the sessions are over. */
  readonly explain?: () => Promise<(flow: FlowOutcome) => string>;
  /** Called between the sessions and the verdict, when captures have to be closed first: nothing is
   * asked of the world any more, so it may be stopped here. */
  readonly closeCaptures?: () => Promise<void>;
}

export interface SessionsOutcome {
  readonly result: Result;
  readonly flows: readonly FlowOutcome[];
  /** The summary for people, verdict last. */
  readonly text: string;
  /** result.totals.ok and every program ended well. */
  readonly ok: boolean;
}

const PROGRAM_HOME = '/usr/lib/world';
const LOG_HOME = '/tmp/world';

/** A session under emulation, at most, in milliseconds. */
const SESSION_LIMIT = 60_000;

function environment(lab: SessionLab, options: SessionOptions): string {
  const home = lab.home ?? PROGRAM_HOME;
  const words: Record<string, string> = {
    P: lab.prefix ?? '',
    LAN_WIRE: lab.lanWire ?? 'wire-lan',
    ISP_WIRE: lab.ispWire ?? 'wire-wan',
    OUT: lab.logs ?? LOG_HOME,
    PROGRAMS: home,
    HOST: lab.host ?? '/usr/lib/whp/whp-host',
    CAPTURE: lab.capturesOutside ? '0' : '1',
    DEVICES: `'${deviceNames(options).join(' ')}'`,
    PACE: String(options.pace ?? 1),
    FIRST: String(options.first ?? 1),
    ATTACKS: `'${attackLines()}'`,
  };
  return Object.entries(words)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function deviceNames(options: SessionOptions): readonly string[] {
  return options.devices ?? DEVICES.map((device) => device.name);
}

async function must(world: WorldMachine, command: string, timeout: number): Promise<string> {
  const { status, stdout, stderr } = await world.run(command, { timeout });
  if (status !== 0) throw new Error(`world: ${command}: exit status ${status}\n${stderr}${stdout}`);
  return stdout;
}

/** The programs as files of the world, for a lab that lays them into the machine's image: absolute
 * path -> bytes and mode. Bundles go through `outdir` on the host. */
export async function worldFiles(
  outdir: string,
  home = PROGRAM_HOME,
): Promise<Map<string, { bytes: Uint8Array; mode: number }>> {
  const files = new Map<string, { bytes: Uint8Array; mode: number }>();
  for (const name of await bundleWorld(outdir)) {
    files.set(`${home}/${name}`, { bytes: readFileSync(join(outdir, name)), mode: 0o755 });
  }
  return files;
}

/** Puts the programs into the world, unless they are there, and builds the topology; once per
 * boot. */
export async function buildWorld(lab: SessionLab, options: SessionOptions): Promise<void> {
  const home = lab.home ?? PROGRAM_HOME;
  if (lab.installed !== true) {
    for (const [path, file] of await worldFiles(join(lab.out, 'world-programs'), home)) {
      await lab.world.put(path, file.bytes, file.mode);
    }
  }
  if (lab.build === false) return;
  const variables = environment(lab, options);
  await must(lab.world, `${variables} sh ${home}/topology.sh up`, 120_000);
  await must(lab.world, `${variables} sh ${home}/topology.sh addresses`, 120_000);
}

/** Brings logs (and captures, when the world made them) to the host. */
async function fetchLogs(lab: SessionLab): Promise<void> {
  const out = lab.logs ?? LOG_HOME;
  const pattern = lab.capturesOutside ? '*.jsonl *.txt *.out' : '*.jsonl *.txt *.out *.dump *.pcap';
  const listing = await must(lab.world, `cd ${out} && ls -1 ${pattern} 2>/dev/null || :`, 30_000);
  for (const name of listing.split('\n').filter((line) => line !== '')) {
    writeFileSync(join(lab.out, name), await lab.world.get(`${out}/${name}`));
  }
}

/** Packets that a capture of the world's own lost, by tcpdump's account. */
function captureDrops(lab: SessionLab): number {
  if (lab.capturesOutside) return 0;
  return ['isp.dump', 'lan.dump']
    .map((name) =>
      /(\d+) packets dropped by kernel/.exec(readFileSync(join(lab.out, name), 'utf8')),
    )
    .reduce((total, match) => total + Number(match?.[1] ?? 1), 0);
}

/** Plays `sessionsPerDevice` sessions on every device in parallel, then the adversary's, and judges
 * what both wires saw. Rejects when the world cannot be built or a capture cannot be read. */
export async function runSessions(
  lab: SessionLab,
  options: SessionOptions,
): Promise<SessionsOutcome> {
  const say = lab.say ?? ((line: string) => console.error(line));
  const home = lab.home ?? PROGRAM_HOME;
  mkdirSync(lab.out, { recursive: true });
  await buildWorld(lab, options);
  const flags = `${options.noise ? 1 : 0} ${options.adversary ? 1 : 0}`;
  const command = `${environment(lab, options)} sh ${home}/play.sh ${options.seed} ${options.sessionsPerDevice} ${flags}`;
  const play = await lab.world.spawn(command, say);
  const played = await play.done;
  if (played.stderr.trim() !== '') say(played.stderr.trim());
  const agent = await options.agentStatus?.();
  const why = await options.explain?.();
  await fetchLogs(lab);
  await options.closeCaptures?.();
  const expectedSessions =
    deviceNames(options).length * options.sessionsPerDevice +
    (options.adversary ? ADVERSARY_SESSIONS : 0);
  const plan = { seed: options.seed, expectedSessions, router: lab.routerKind ?? 'unknown' };
  writeFileSync(join(lab.out, 'plan.json'), `${JSON.stringify(plan)}\n`);
  const judged = judgeDirectory({
    directory: lab.out,
    ...plan,
    ...(agent === undefined ? {} : { agent }),
    ...(why === undefined ? {} : { why }),
  });
  const lost = captureDrops(lab);
  const ok = judged.result.totals.ok && played.status === 0 && lost === 0;
  const remarks = [
    ...(played.status === 0 ? [] : [`a program of the world ended with ${played.status}`]),
    ...(lost === 0 ? [] : [`the captures lost ${lost} packets: no verdict`]),
  ];
  return { ...judged, text: [judged.text, ...remarks].join('\n'), ok };
}

/** Time after which a run of this size has certainly hung, in milliseconds. */
export function runLimit(options: SessionOptions): number {
  return 120_000 + options.sessionsPerDevice * SESSION_LIMIT + (options.adversary ? 300_000 : 0);
}
