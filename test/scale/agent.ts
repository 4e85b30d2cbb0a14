// The real agent in the router's namespace of world.ts: started, asked, loaded and ended, with what each takes.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import { BARE, WHP } from '../lib/bare.ts';
import type { HomeFiles } from './home.ts';
import type { World } from './world.ts';

/** A line of the agent's log, and when it came (milliseconds, performance.now()). */
interface Line {
  readonly at: number;
  readonly text: string;
}

export interface Agent {
  readonly pid: number;
  /** When it was started. */
  readonly began: number;
  readonly lines: readonly Line[];
  /** The first line after `from` that matches; waits for it. */
  heard(pattern: RegExp, from?: number): Promise<Line>;
  /** Seconds of processor time that it and the process that watches it have used. */
  processorTime(): number;
  /** Ends it; resolves to the milliseconds that it took. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number>;
}

export interface Place {
  readonly world: World;
  readonly folder: string;
  /** Options of `whp`. */
  readonly options: readonly string[];
}

const LONGEST = 60_000;

/** Writes the files of the agent. In a mount namespace: /etc/config/dhcp names the leases. */
export function settle(world: World, folder: string, files: HomeFiles): Place {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${folder}/profiles`, { recursive: true });
  mkdirSync(`${folder}/state`);
  writeFileSync(`${folder}/whp`, files.config);
  writeFileSync(`${folder}/leases`, files.leases);
  for (const [name, text] of files.profiles) writeFileSync(`${folder}/profiles/${name}.json`, text);
  mkdirSync('/etc/config', { recursive: true });
  writeFileSync('/etc/config/dhcp', `config dnsmasq\n\toption leasefile '${folder}/leases'\n`);
  const options = Object.entries({
    config: 'whp',
    profiles: 'profiles',
    state: 'state',
    socket: 'whp.sock',
  }).flatMap(([name, file]) => [`--${name}`, `${folder}/${file}`]);
  return { world, folder, options };
}

export function startAgent({ world, folder, options }: Place): Agent {
  // As on a router, which keeps the bytecode until the next boot. Its limit of memory would end the agent of the full
  // home, and its watchdog that of a busy machine.
  const settings = [`WHP_BYTECODE=${folder}/..`, 'WHP_MEMORY_MB=0', 'WHP_WATCHDOG_SECONDS=60'];
  const host = [...BARE, ...settings, ...WHP.slice(BARE.length)];
  const [head = '', ...rest] = [...world.router, ...host, 'daemon', ...options];
  const began = performance.now();
  const child = spawn(head, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: Line[] = [];
  for (const stream of [child.stdout, child.stderr]) listen(stream, lines);
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const pid = child.pid!;
  return {
    pid,
    began,
    lines,
    heard: (pattern, from = 0) => heard(child, lines, pattern, from),
    processorTime: () => processorTime(pid),
    async end(signal) {
      const began = performance.now();
      child.kill(signal);
      await ended;
      return performance.now() - began;
    },
  };
}

function listen(stream: NodeJS.ReadableStream, lines: Line[]): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const at = performance.now();
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const part of parts) lines.push({ at, text: part });
  });
}

async function heard(
  child: ChildProcess,
  lines: readonly Line[],
  pattern: RegExp,
  from: number,
): Promise<Line> {
  const began = performance.now();
  for (;;) {
    const found = lines.find(({ at, text }) => at >= from && pattern.test(text));
    if (found !== undefined) return found;
    if (child.exitCode !== null || performance.now() - began > LONGEST) {
      const said = lines.map(({ text }) => text).slice(-20);
      throw new Error(`the agent did not say ${pattern}:\n${said.join('\n')}`);
    }
    await sleep(2);
  }
}

/** Of the process and its children. */
function processorTime(pid: number): number {
  const own = Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  const children = readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
    .filter((one) => one.trim() !== '');
  return children.reduce((sum, one) => sum + processorTime(Number(one)), own);
}

/** Milliseconds from exec to the table in force. */
export async function enforcing(agent: Agent): Promise<number> {
  return (await agent.heard(/enforcing \d+ apps?/)).at - agent.began;
}

/** Runs `whp` with these words; returns what it prints and the milliseconds that it took. */
export function whp(
  { world, options }: Place,
  ...words: string[]
): { readonly out: string; readonly took: number } {
  const [head = '', ...rest] = [...world.router, ...WHP, ...words, ...options];
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(head, rest, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`whp ${words.join(' ')}: ${stderr}${stdout}`);
  return { out: stdout, took };
}

export function status(place: Place): StatusAnswer {
  return JSON.parse(whp(place, 'status', '--json').out) as StatusAnswer;
}
