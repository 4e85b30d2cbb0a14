// One running machine: starts its emulator, waits for its control channel, runs commands in it,
// and makes sure that it goes away, whatever happens to the driver. Every error names the machine
// and ends with the last lines of its console.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { channelPool, lineSplitter } from './channel-pool.ts';
import { type Channel, type Finished, openChannel } from './control.ts';
import { channelPath, emulator, type Hardware, wirePath } from './qemu.ts';

export interface RunOptions {
  /** Milliseconds until the command is killed and the call rejects; 30,000 by default. */
  readonly timeout?: number;
  /** Standard input. */
  readonly input?: Uint8Array | string;
}

export interface RunResult extends Finished {
  readonly stdout: string;
}

export interface Spawned {
  readonly pid: number;
  /** Resolves when the program has ended by itself or was killed. */
  readonly done: Promise<Finished>;
  /** Writes to its standard input. */
  write(text: string): void;
  /** Sends a signal (TERM by default) to the program and all it has started. */
  kill(signal?: string): Promise<void>;
}

export interface Machine {
  readonly name: string;
  /** The console log, a file on the host. */
  readonly log: string;
  /** Seconds from the start of the emulator until the control channel answered. */
  readonly bootSeconds: number;
  /** Seconds of the host's processors that the emulator has used. */
  emulatorSeconds(): number;
  /** Runs a shell command line and collects its output; any exit status resolves. */
  run(command: string, options?: RunOptions): Promise<RunResult>;
  /** Like run, but a status other than 0 rejects, with what the command wrote to stderr. */
  must(command: string, options?: RunOptions): Promise<string>;
  /** Starts a long-running command; `onLine` gets each line of its standard output. */
  spawn(command: string, onLine: (line: string) => void): Promise<Spawned>;
  /** Writes a file in the machine (its directory is made). */
  put(path: string, bytes: Uint8Array | string, mode?: number): Promise<void>;
  /** Reads a file of the machine. */
  get(path: string): Promise<Buffer>;
  /** The last lines of the console. */
  consoleTail(lines?: number): string;
  /** Shuts the machine down; kills its emulator after some seconds. Never rejects. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
let watching = false;

/** Kills every emulator of this process; called when it ends or is told to. */
function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

function watchSignals(): void {
  if (watching) return;
  watching = true;
  process.on('exit', killAll);
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => process.exit(128 + number));
  }
}

export interface MachineOptions {
  readonly name: string;
  readonly hardware: Hardware;
  /** The lab's private directory, for sockets. */
  readonly directory: string;
  readonly consoleLog: string;
  /** Milliseconds until a machine that does not answer counts as failed. */
  readonly bootTimeout?: number;
}

/** Starts a machine and resolves when commands can be run in it. */
export async function bootMachine(options: MachineOptions): Promise<Machine> {
  const { name, hardware, directory } = options;
  const started = Date.now();
  const log = options.consoleLog;
  const tail = (lines = 25): string => consoleTail(log, lines);
  const failure = (what: string): Error =>
    new Error(`${name}: ${what}\n--- ${name} console, last lines (${log})\n${tail()}`);
  watchSignals();
  for (const wire of hardware.wires) {
    if (wire.listens) continue;
    const path = wirePath(directory, wire.name);
    for (let tries = 0; !existsSync(path); tries += 1) {
      if (tries > 3000) throw new Error(`${name}: wire ${wire.name}: nobody listens on ${path}`);
      await sleep(10);
    }
  }
  // The kernel kills the emulator when the driver dies, even by SIGKILL.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', ...emulator(name, hardware, directory, log)],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  running.add(child);
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-2000);
  });
  let ended: string | undefined;
  const exit = new Promise<void>((resolve) => {
    const end = (reason: string): void => {
      ended = `emulator ended (${reason}) ${complaint.trim()}`;
      running.delete(child);
      resolve();
    };
    child.on('exit', (status, signal) => end(signal ?? `status ${status}`));
    child.on('error', (error) => end(error.message));
  });

  const channels = new Map<number, Channel>();
  const closeAll = (): void => {
    for (const channel of channels.values()) channel.close();
  };
  const open = async (index: number, deadline: number): Promise<Channel> => {
    const path = channelPath(directory, name, index);
    while (!existsSync(path)) {
      if (ended !== undefined) throw failure(ended);
      if (Date.now() > deadline) throw failure('no control socket');
      await sleep(10);
    }
    const channel = openChannel(path, `${name} control ${index}`);
    channels.set(index, channel);
    return channel;
  };

  const boot = async (): Promise<Channel> => {
    const deadline = started + (options.bootTimeout ?? 120_000);
    const first = await open(0, deadline);
    // Connected early: a port whose host side is absent reads as end of file in the machine.
    for (let index = 1; index < hardware.channels; index += 1) await open(index, deadline);
    const waited = new AbortController();
    const late = sleep(deadline - Date.now(), 'late', { signal: waited.signal }).catch(() => '');
    const closed = exit.then(() => 'ended');
    // A channel that closes does so because the emulator ends: wait for that reason.
    const answer = first.ready.then(
      () => 'ready',
      () => closed,
    );
    const outcome = await Promise.race([answer, closed, late]);
    waited.abort();
    if (outcome === 'ended') throw failure(ended ?? 'emulator ended');
    if (outcome === 'late') throw failure('did not answer in time');
    return first;
  };
  let root: Channel;
  try {
    root = await boot();
  } catch (error) {
    closeAll();
    child.kill('SIGKILL');
    await exit;
    throw error;
  }
  const bootSeconds = (Date.now() - started) / 1000;
  const pool = channelPool(root, channels, hardware.channels);

  const execute = async (
    line: string,
    input: Uint8Array,
    timeout: number,
  ): Promise<{ finished: Finished; output: Buffer }> => {
    if (ended !== undefined) throw failure(ended);
    const deadline = Date.now() + timeout;
    const lease = await pool.take(timeout).catch((error: Error) => {
      throw failure(`${line.slice(0, 200)}: ${error.message}`);
    });
    const output: Buffer[] = [];
    let pid = 0;
    const request = lease.channel.request({
      script: line,
      input,
      onStart: (number) => {
        pid = number;
      },
      onOutput: (bytes) => void output.push(bytes),
    });
    const waited = new AbortController();
    const late = sleep(Math.max(1, deadline - Date.now()), undefined, { signal: waited.signal });
    try {
      const finished = await Promise.race([request, late.catch(() => undefined)]);
      if (finished !== undefined) {
        lease.give();
        return { finished, output: Buffer.concat(output) };
      }
    } catch (error) {
      throw failure(`${line.slice(0, 200)}: ${ended ?? (error as Error).message}`);
    } finally {
      waited.abort();
    }
    // The channel is free again only when the killed command's end has been reported.
    request.then(lease.give, () => {});
    if (pid > 0) await pool.kill(pid, 'KILL');
    const shown = Buffer.concat(output).toString().slice(-500);
    throw failure(`${line.slice(0, 200)}: not finished after ${timeout} ms\n${shown}`);
  };

  const machine: Machine = {
    name,
    log,
    bootSeconds,
    async run(line, runOptions = {}) {
      const input = Buffer.from(runOptions.input ?? '');
      const { finished, output } = await execute(line, input, runOptions.timeout ?? 30_000);
      return { ...finished, stdout: output.toString() };
    },
    async must(line, runOptions = {}) {
      const result = await machine.run(line, runOptions);
      if (result.status === 0) return result.stdout;
      throw failure(
        `${line.slice(0, 400)}: status ${result.status}\n${result.stdout.slice(-500)}${result.stderr}`,
      );
    },
    async spawn(line, onLine) {
      if (ended !== undefined) throw failure(ended);
      const lease = await pool.take(30_000).catch((error: Error) => {
        throw failure(`${line.slice(0, 200)}: ${error.message}`);
      });
      const lines = lineSplitter(onLine);
      let done: Promise<Finished> | undefined;
      const pid = await new Promise<number>((resolve, reject) => {
        done = lease.channel.request({
          script: line,
          input: 'port',
          onStart: resolve,
          onOutput: lines.push,
        });
        done.then(lease.give, reject);
      });
      const finished = (done as Promise<Finished>).finally(lines.flush);
      finished.catch(() => {});
      return {
        pid,
        done: finished,
        write: (text) => lease.channel.write(Buffer.from(text)),
        kill: (signal = 'TERM') => pool.kill(pid, signal),
      };
    },
    async put(path, bytes, mode = 0o644) {
      const at = quote(path);
      const line = `mkdir -p "$(dirname ${at})" && cat >${at} && chmod ${mode.toString(8)} ${at}`;
      await machine.must(line, { input: bytes, timeout: 120_000 });
    },
    async get(path) {
      const { finished, output } = await execute(`cat ${quote(path)}`, Buffer.alloc(0), 120_000);
      if (finished.status !== 0) throw failure(`get ${path}: ${finished.stderr.trim()}`);
      return output;
    },
    consoleTail: tail,
    emulatorSeconds: () => processSeconds(child.pid!),
    async stop() {
      if (ended === undefined) {
        const line = 'sync; (sleep 0.2; reboot -f) >/dev/null 2>&1 &';
        await execute(line, Buffer.alloc(0), 3000).catch(() => {});
        await Promise.race([exit, sleep(5000, undefined, { ref: false })]);
      }
      closeAll();
      if (ended === undefined) child.kill('SIGKILL');
      await exit;
    },
  };
  return machine;
}

/** `text` as one word of a shell command line. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** User and system time, which Linux counts in hundredths: fields 14 and 15 of /proc/PID/stat. */
function processSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function consoleTail(log: string, lines: number): string {
  if (!existsSync(log)) return '(no console output)';
  const text = readFileSync(log, 'utf8').replaceAll('\r', '').trimEnd();
  return text.split('\n').slice(-lines).join('\n');
}
