// os/process: runs a program (`nft -f -`, `ubus call ...`) asynchronously, feeding its input and collecting its
// output, so that held packets get verdicts while nft works. Programs are searched in PLACES, not in $PATH: ujail
// sets no environment, and that of the agent's starter is not trusted for programs that run as root.
import * as os from 'qjs:os';
import { EAGAIN, EINTR, ENOENT } from 'whp:socket';
import { spawn } from 'whp:system';
import { errnoText } from './errno.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export interface ProgramOptions {
  /** Standard input; absent = empty. */
  readonly input?: string;
  /** Milliseconds until it is killed (SIGKILL); default 30000. */
  readonly timeout?: number;
  /** Bytes kept of each output; the rest is read and dropped. Default 1 MiB. */
  readonly limit?: number;
}

export interface ProgramResult {
  /** Exit status 0..255, -signal, or 127 if it could not be started. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output exceeded the limit: `stdout` is its beginning. */
  readonly isCut: boolean;
  readonly timedOut: boolean;
  /** Why it could not be started, with the fix; null: it was started. */
  readonly failure: string | null;
}

/** Folders of programs, in order of the search. */
const PLACES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];
/** The whole environment of a program. Its output is parsed, so it must be in English. */
const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C'];
/** Packages of the programs that busybox does not bring. */
const PACKAGES: { readonly [program: string]: string } = { nft: 'nftables' };

/** A write of at most this size does not block on a pipe that is reported writable (pipe(7): PIPE_BUF). */
const PIPE_BUF = 4096;
const SIGKILL = 9;
/** Milliseconds from the end of the program until its pipes are closed. */
const GRACE = 200;

/** Runs `command` (argv; a name without "/" is searched in PLACES). Never rejects. */
export function runProgram(
  command: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const stdin = os.pipe();
  const stdout = os.pipe();
  const stderr = os.pipe();
  const pipes = [stdin, stdout, stderr].flatMap((pipe) => pipe ?? []);
  if (stdin === null || stdout === null || stderr === null) {
    for (const fd of pipes) os.close(fd);
    return Promise.resolve(notStarted(`${command[0]}: no pipes left`));
  }
  const started = start(command, [stdin[0], stdout[1], stderr[1]]);
  for (const fd of [stdin[0], stdout[1], stderr[1]]) os.close(fd);
  if ('failure' in started) {
    for (const fd of [stdin[1], stdout[0], stderr[0]]) os.close(fd);
    return Promise.resolve(notStarted(started.failure));
  }
  return supervise(started.pid, stdin[1], stdout[0], stderr[0], options);
}

function notStarted(failure: string): ProgramResult {
  return { status: 127, stdout: '', stderr: failure, isCut: false, timedOut: false, failure };
}

type Started = { readonly pid: number } | { readonly failure: string };

/** Whether there is a program of this name. */
export function isInstalled(name: string): boolean {
  return PLACES.some((place) => os.stat(`${place}/${name}`)[0] !== null);
}

/** Starts `command` with the descriptors 0 to 2. `failure`: why it could not be started, with the fix. */
function start(command: readonly string[], fds: readonly [number, number, number]): Started {
  const [name = ''] = command;
  const paths = name.includes('/') ? [name] : PLACES.map((place) => `${place}/${name}`);
  let failure: string | null = null;
  for (const path of paths) {
    if (os.stat(path)[0] === null) continue;
    const pid = spawn(path, command, ENVIRONMENT, ...fds);
    if (pid > 0) return { pid };
    failure ??= `${path} cannot be executed: ${executionText(-pid)}`;
  }
  const source = PACKAGES[name] ?? name;
  const places = name.includes('/') ? '' : ` (looked in ${PLACES.join(', ')})`;
  return failure === null
    ? { failure: `${name} is not installed${places}; install ${source}` }
    : { failure: `${failure}; install ${source} again` };
}

/** ENOENT for an existing file means that its loader or interpreter is missing. */
function executionText(errno: number): string {
  const text = errnoText(errno);
  return errno === ENOENT ? `its loader or interpreter is missing: ${text}` : text;
}

/** Why the program failed, as text, never empty. Only for a result other than status 0. */
export function reasonOf({ status, stderr, timedOut }: ProgramResult): string {
  const said = stderr.trim();
  if (timedOut) return `it did not end in time and was killed${said === '' ? '' : `: ${said}`}`;
  if (said !== '') return said;
  return status < 0
    ? `it was ended by signal ${-status}`
    : `it ended with status ${status} and no word`;
}

async function supervise(
  pid: number,
  stdin: number,
  stdout: number,
  stderr: number,
  options: ProgramOptions,
): Promise<ProgramResult> {
  let timedOut = false;
  const timer = os.setTimeout(() => {
    timedOut = true;
    os.kill(pid, SIGKILL);
  }, options.timeout ?? 30000);
  const limit = options.limit ?? 1 << 20;
  const fed = feed(stdin, encodeUtf8(options.input ?? ''));
  const output = collect(stdout, limit);
  const errors = collect(stderr, limit);
  const status = await exited(pid);
  os.clearTimeout(timer);
  fed.stop();
  // A grandchild may keep the pipes open: output that arrives within GRACE is kept.
  const grace = os.setTimeout(() => {
    output.finish();
    errors.finish();
  }, GRACE);
  const out = await output.text;
  const err = await errors.text;
  os.clearTimeout(grace);
  return { status, stdout: out, stderr: err, isCut: output.isCut(), timedOut, failure: null };
}

/** Writes `bytes` as the pipe accepts them, then closes it. No error if the program does not read its input
 * (EPIPE; the host program ignores SIGPIPE). */
function feed(fd: number, bytes: Uint8Array<ArrayBuffer>): { stop: () => void } {
  let at = 0;
  let open = true;
  const stop = (): void => {
    if (!open) return;
    open = false;
    os.setWriteHandler(fd, null);
    os.close(fd);
  };
  const step = (): void => {
    const put = os.write(fd, bytes.buffer, at, Math.min(PIPE_BUF, bytes.length - at));
    if (put > 0) at += put;
    else if (put !== -EINTR && put !== -EAGAIN) stop();
    if (at >= bytes.length) stop();
  };
  if (bytes.length === 0) stop();
  else os.setWriteHandler(fd, step);
  return { stop };
}

interface Collecting {
  readonly text: Promise<string>;
  finish(): void;
  /** Bytes beyond the limit were dropped. */
  isCut(): boolean;
}

/** Reads until the end of the pipe or until `finish`, and keeps the first `limit` bytes. */
function collect(fd: number, limit: number): Collecting {
  let kept = new Uint8Array(4096);
  let length = 0;
  let isCut = false;
  let open = true;
  const chunk = new Uint8Array(16384);
  let resolve: (text: string) => void = () => {};
  const text = new Promise<string>((done) => {
    resolve = done;
  });
  const finish = (): void => {
    if (!open) return;
    open = false;
    os.setReadHandler(fd, null);
    os.close(fd);
    resolve(decodeUtf8(kept, 0, length));
  };
  os.setReadHandler(fd, () => {
    const got = os.read(fd, chunk.buffer, 0, chunk.length);
    if (got === -EINTR || got === -EAGAIN) return;
    if (got <= 0) {
      finish();
      return;
    }
    const keep = Math.min(got, limit - length);
    isCut ||= keep < got;
    if (length + keep > kept.length) {
      const grown = new Uint8Array(Math.max(kept.length * 2, length + keep));
      grown.set(kept);
      kept = grown;
    }
    kept.set(chunk.subarray(0, keep), length);
    length += keep;
  });
  return { text, finish, isCut: () => isCut };
}

/** Longest interval between two calls of waitpid, milliseconds. */
const PATIENCE = 20;

/** Resolves to the status when the child has ended. Polls at growing intervals, since a SIGCHLD handler would be
 * shared by the whole program: a short program costs a millisecond, a long one almost nothing. */
function exited(pid: number): Promise<number> {
  return new Promise((resolve) => {
    let pause = 1;
    const look = (): void => {
      const [got, raw] = os.waitpid(pid, os.WNOHANG);
      if (got === pid) {
        const signal = raw & 0x7f;
        resolve(signal === 0 ? (raw >> 8) & 0xff : -signal);
      } else if (got < 0 && got !== -EINTR) {
        resolve(127);
      } else {
        os.setTimeout(look, pause);
        pause = Math.min(pause * 2, PATIENCE);
      }
    };
    look();
  });
}
