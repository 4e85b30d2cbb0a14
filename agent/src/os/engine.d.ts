// os/engine: types of the engine's modules: qjs:os and qjs:std. Written by hand from quickjs-libc.c; members that
// agent/src does not use are left out.

declare module 'qjs:os' {
  export type Stat = {
    mode: number;
    uid: number;
    size: number;
    mtime: number;
    dev: number;
    ino: number;
  };
  export type ExecOptions = {
    /** Waits for the end (default) and returns the exit status, or -signal; the watchdog continues. */
    block?: boolean;
    usePath?: boolean;
    file?: string;
    cwd?: string;
    stdin?: number;
    stdout?: number;
    stderr?: number;
    env?: Record<string, string>;
  };
  /** Opaque argument of clearTimeout and clearInterval. */
  export type Timer = number;

  /** Returns a descriptor or -errno. */
  export function open(path: string, flags: number, mode?: number): number;
  export function close(fd: number): number;
  /** Returns the bytes read or written, or -errno; throws outside of the buffer. */
  export function read(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function write(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function remove(path: string): number;
  export function rename(from: string, to: string): number;
  export function mkdir(path: string, mode?: number): number;
  /** [names, errno] */
  export function readdir(path: string): [string[], number];
  export function readlink(path: string): [string, number];
  export function stat(path: string): [Stat | null, number];
  export function lstat(path: string): [Stat | null, number];
  /** [read end, write end] */
  export function pipe(): [number, number] | null;
  export function dup2(from: number, to: number): number;
  export function isatty(fd: number): boolean;
  export function ttyGetWinSize(fd: number): [number, number] | null;
  /** Descriptors of 3 and more are closed in the child. */
  export function exec(command: string[], options?: ExecOptions): number;
  /** [pid or 0 or -errno, status] */
  export function waitpid(pid: number, options: number): [number, number];
  export function kill(pid: number, signal: number): number;
  export function getpid(): number;
  /** null restores the default, undefined ignores the signal. Runs from the event loop. */
  export function signal(number: number, handler: (() => void) | null | undefined): void;
  /** One handler of each kind for a descriptor; null removes it. Level-triggered. */
  export function setReadHandler(fd: number, handler: (() => void) | null): void;
  export function setWriteHandler(fd: number, handler: (() => void) | null): void;
  /** Milliseconds. A pending timer keeps the program alive. */
  export function setTimeout(run: () => void, delay: number): Timer;
  export function clearTimeout(timer: Timer): void;
  export function setInterval(run: () => void, delay: number): Timer;
  export function clearInterval(timer: Timer): void;
  /** Stops the whole event loop; for tests of the watchdog. */
  export function sleep(delay: number): void;
  export const O_RDONLY: number;
  export const O_WRONLY: number;
  export const O_RDWR: number;
  export const O_APPEND: number;
  export const O_CREAT: number;
  export const O_EXCL: number;
  export const O_TRUNC: number;
  export const SIGINT: number;
  export const SIGTERM: number;
  export const SIGUSR1: number;
  export const SIGUSR2: number;
  export const SIGCHLD: number;
  export const WNOHANG: number;
}

declare module 'qjs:std' {
  export type File = {
    puts(text: string): void;
    flush(): void;
    /** Whether a write has failed. */
    error(): boolean;
    close(): number;
    getline(): string | null;
    readAsString(max?: number): string;
    read(buffer: ArrayBuffer, offset: number, length: number): number;
    write(buffer: ArrayBuffer, offset: number, length: number): number;
    fileno(): number;
  };
  export const out: File;
  export const err: File;
  /** Ends the process at once, after buffered output was written. */
  export function exit(status: number): never;
  export function getenv(name: string): string | undefined;
  export function strerror(errno: number): string;
  /** The file as text (UTF-8), or null if it cannot be read. */
  export function loadFile(path: string): string | null;
  export function loadFile(path: string, options: { binary: true }): Uint8Array | null;
  /** Writes the whole file (of a view, its whole buffer). Throws if it cannot be written. */
  export function writeFile(path: string, content: string | ArrayBuffer): void;
  export function gc(): void;
}

/** The bundle's path, then its arguments. */
declare const scriptArgs: string[];
