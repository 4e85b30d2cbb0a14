// os/native: types of the modules of the host program: whp:socket, whp:system, whp:text, whp:message, qjs:os and qjs:std. Written
// by hand from agent/native and quickjs-libc.c; members that agent/src does not use are left out.

declare module 'whp:socket' {
  /**
   * Each function returns a number >= 0 or -errno, and blocks no longer than its system call. An invalid argument
   * throws before any system call (TypeError: not a number, not an ArrayBuffer, detached, immutable; RangeError: not
   * an integer, negative, or outside its buffer). `address` is a raw struct sockaddr of at most 128 bytes. Close
   * with os.close, after os.setReadHandler(fd, null): the handler of a closed descriptor is called endlessly.
   */
  /** Always close-on-exec; non-blocking if `type` has SOCK_NONBLOCK. */
  export function socket(domain: number, type: number, protocol: number): number;
  export function bind(fd: number, address: ArrayBuffer): number;
  /** -EINPROGRESS if interrupted: wait until writable, then read SO_ERROR. */
  export function connect(fd: number, address: ArrayBuffer): number;
  export function listen(fd: number, backlog: number): number;
  /** Always close-on-exec; non-blocking if the listener is. */
  export function accept(fd: number): number;
  /** Returns the bytes sent. A broken pipe is -EPIPE, never a signal. */
  export function send(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
  ): number;
  export function sendto(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
    address: ArrayBuffer,
  ): number;
  /** Returns the bytes received; 0 is the end of a stream. With MSG_TRUNC: the full length. */
  export function recv(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
  ): number;
  /** As recv; also fills `address` with the sender's sockaddr, truncated to its size or padded with zeros. */
  export function recvfrom(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
    address: ArrayBuffer,
  ): number;
  /** `bytes` is the option's value as in the C API, in host byte order. */
  export function setsockopt(fd: number, level: number, name: number, bytes: ArrayBuffer): number;
  /** Attaches a classic BPF program: 1 to 32 struct sock_filter in host byte order. */
  export function filter(fd: number, program: ArrayBuffer): number;
  /** Fills `bytes` and returns how many of them the kernel wrote. */
  export function getsockopt(fd: number, level: number, name: number, bytes: ArrayBuffer): number;
  /** Fills `address` as recvfrom does and returns the full length of the address. */
  export function getsockname(fd: number, address: ArrayBuffer): number;
  /** Sets the file mode mask (0 to 0o777) and returns the old one. */
  export function umask(mode: number): number;
  /** Milliseconds of CLOCK_MONOTONIC, with fractions. */
  export function monotonic(): number;

  // These constants differ on MIPS (SOCK_STREAM is 2 there, SOL_SOCKET 65535, ENOBUFS 132), and a netlink error has
  // the kernel's own numbers.
  export const AF_UNIX: number;
  export const AF_INET: number;
  export const AF_INET6: number;
  export const AF_NETLINK: number;
  export const AF_PACKET: number;
  export const SOCK_STREAM: number;
  export const SOCK_DGRAM: number;
  export const SOCK_RAW: number;
  export const SOCK_NONBLOCK: number;
  export const SOL_SOCKET: number;
  export const SO_REUSEADDR: number;
  export const SO_ERROR: number;
  export const SO_BROADCAST: number;
  export const SO_RCVBUF: number;
  export const SO_SNDBUF: number;
  export const SO_RCVBUFFORCE: number;
  export const SO_SNDBUFFORCE: number;
  export const SO_BINDTODEVICE: number;
  export const SO_MARK: number;
  export const SO_PEERCRED: number;
  export const MSG_PEEK: number;
  export const MSG_TRUNC: number;
  export const MSG_DONTWAIT: number;
  export const EPERM: number;
  export const ENOENT: number;
  export const ESRCH: number;
  export const EINTR: number;
  export const EIO: number;
  export const ENXIO: number;
  export const EBADF: number;
  export const EAGAIN: number;
  export const ENOMEM: number;
  export const EACCES: number;
  export const EBUSY: number;
  export const EEXIST: number;
  export const EXDEV: number;
  export const ENODEV: number;
  export const ENOTDIR: number;
  export const EINVAL: number;
  export const ENFILE: number;
  export const EMFILE: number;
  export const ENOSPC: number;
  export const EPIPE: number;
  export const ERANGE: number;
  export const ENOSYS: number;
  export const ENODATA: number;
  export const EOVERFLOW: number;
  export const EPROTO: number;
  export const EMSGSIZE: number;
  export const ENOTSOCK: number;
  export const EPROTONOSUPPORT: number;
  export const EOPNOTSUPP: number;
  export const EAFNOSUPPORT: number;
  export const EADDRINUSE: number;
  export const EADDRNOTAVAIL: number;
  export const ENETDOWN: number;
  export const ENETUNREACH: number;
  export const ECONNABORTED: number;
  export const ECONNRESET: number;
  export const ENOBUFS: number;
  export const EISCONN: number;
  export const ENOTCONN: number;
  export const ETIMEDOUT: number;
  export const ECONNREFUSED: number;
  export const EHOSTUNREACH: number;
  export const EALREADY: number;
  export const EINPROGRESS: number;
}

declare module 'whp:system' {
  /**
   * Starts the program at `path` (no search) with exactly these words and this environment, and descriptors 0 to 2.
   * All other descriptors are closed, signals have their defaults. Returns the pid or -errno, of execve too. Invalid
   * arguments throw.
   */
  export function spawn(
    path: string,
    words: readonly string[],
    environment: readonly string[],
    stdin: number,
    stdout: number,
    stderr: number,
  ): number;
  /** Returns when the file is on the storage device. 0 or -errno. */
  export function fsync(fd: number): number;
  /** Type and permissions of the file behind `fd` (inode(7)), or -errno. */
  export function mode(fd: number): number;
  /** The effective user id. */
  export function user(): number;
  export const O_NOFOLLOW: number;
  export const O_CLOEXEC: number;
  export const O_NONBLOCK: number;
}

declare module 'whp:text' {
  /** UTF-8 from byte `from` to before byte `to`; invalid bytes become U+FFFD. Invalid arguments throw. */
  export function decode(buffer: ArrayBuffer, from: number, to: number): string;
  /** UTF-8 of a string without lone surrogates. */
  export function encode(text: string): ArrayBuffer;
}

declare module 'whp:message' {
  /** The messages of nf_tables (netlink/nft-tree) as bytes, without sequence numbers. Invalid lists throw. */
  export function pack(
    family: number,
    messages: readonly import('../netlink/nft-tree.ts').NftMessage[],
  ): ArrayBuffer;
  /** Gives the messages in `buffer` the sequence numbers `first`, `first` + 1 ... Returns the next one. */
  export function sequence(buffer: ArrayBuffer, first: number): number;
}

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
