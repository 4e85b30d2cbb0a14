// os/native: types of the host program's own modules: whp:socket, whp:feeds, whp:generation, whp:nft, whp:probe, whp:system and whp:text. Written by hand
// from agent/native; members that agent/src does not use are left out.

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
  /** Fills `into` (as many offsets as lengths, 32 bits each) with the netlink attributes in bytes[at, end); false:
   * malformed. As `readAttributes` of netlink/message. */
  export function attributes(
    bytes: ArrayBuffer,
    at: number,
    end: number,
    into: ArrayBuffer,
  ): boolean;

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

declare module 'whp:feeds' {
  /**
   * Feeds of the kernel whose packets a thread of the host program judges as they arrive, also while the script
   * runs: a held DNS answer that concerns no application is accepted, one to an application's question when what it
   * tells is in the sets; the query of a device is noted. Invalid arguments throw.
   */
  /** `kind`: 0 answers in a queue, 1 answers in the queue of devices above their share, 2 logged queries. From now on
   * the descriptor is read by receive() alone. Returns three Uint32 that are kept up to date: packets dealt with,
   * packets read since the feed was last empty, and 1 if the datagram that receive() gave last was dealt with. */
  export function open(fd: number, kind: number): ArrayBuffer;
  /** Before os.close of the descriptor. */
  export function close(fd: number): void;
  /** As recvfrom with MSG_DONTWAIT and MSG_TRUNC, for the next datagram that the script has to read; 0 also when
   * there may be more. What the script has to decide comes before what was dealt with; `isUrgent`: only that. */
  export function receive(
    fd: number,
    buffer: ArrayBuffer,
    address: ArrayBuffer,
    isUrgent: boolean,
  ): number;
  /** Null: nothing is judged. `names`: of profile/glance-names, copied. `led`: 4096 bytes, read at each packet.
   * `gateways`: hardware addresses, 6 bytes each, copied. `lessons`: of ruleset/host-lessons, copied. */
  export function judge(
    names: ArrayBuffer | null,
    led: ArrayBuffer | null,
    gateways: ArrayBuffer | null,
    lessons: ArrayBuffer | null,
  ): void;
  /** Packets on these sockets add elements in this generation of the tables (kernel/element-packets); -1: those of a
   * family do not. Generation 0: none do. */
  export function teaches(generation: number, fd4: number, fd6: number): void;
  /** Whether the host program has added the element of this packet (ruleset/element-packet) for an answer that the
   * script has not read yet: then it must not be deleted. null: whether there is one. */
  export function isRecent(packet: ArrayBuffer | null): boolean;
  /** A packet, offsets of its addresses, their width, offset of its ports, its protocol; a message, from, to. */
  export type Exchange = [
    packet: ArrayBuffer,
    source: number,
    destination: number,
    width: number,
    ports: number,
    protocol: number,
    message: ArrayBuffer,
    from: number,
    to: number,
  ];
  /** Notes a query that passed at `at`, monotonic milliseconds. */
  export function note(...args: [...Exchange, mac: ArrayBuffer | null, at: number]): void;
  /** When the query of this answer passed, or null; fills `mac`, with zeros if there is none. */
  export function find(...args: [...Exchange, now: number, mac: ArrayBuffer]): number | null;
  /** Drops the queries that are no longer open. */
  export function expire(now: number): void;
  /** For the fuzzer and tests: 0: nobody's; the number of an application, from 1; 255: the script has to decide. */
  export function whose(
    packet: ArrayBuffer,
    offset: number,
    length: number,
    isAnswer: boolean,
  ): number;
  /** For the fuzzer and tests: the packets that would teach what the answer tells, one behind the other; empty: the
   * script has to decide, or it tells no address. `mac`: of the device, 6 bytes. */
  export function lesson(
    packet: ArrayBuffer,
    offset: number,
    length: number,
    isOwn: boolean,
    mac: ArrayBuffer | null,
  ): ArrayBuffer;
}

declare module 'whp:generation' {
  /** The generation number of nf_tables: each transaction of any program makes it one greater. 0: unknown. */
  export function read(): number;
  /** Reads it at this interval. Returns a descriptor whose read handler is called
   * when the number has changed, first time included, or cannot be read; or -errno. One at a time. */
  export function open(milliseconds: number): number;
  export function close(): void;
}

declare module 'whp:probe' {
  /**
   * Sends an echo request (wire/echo) through a raw socket to `address`, after `first` milliseconds and then at each
   * `interval`, with the sequence numbers after `sequence`, while each is answered within `timeout`; and reads what
   * arrives there. Returns a descriptor whose read handler is called when a reply is missing, when a request cannot be
   * sent, or after 16 requests; or -errno. Invalid arguments throw.
   */
  export function start(
    fd: number,
    packet: ArrayBuffer,
    address: ArrayBuffer,
    sequence: number,
    first: number,
    interval: number,
    timeout: number,
  ): number;
  /** Ends it, and closes that descriptor. Returns how many requests were sent; `numbers`: 48 Float64 for sequence
   * number, when it was sent, and when it was answered (0: not), monotonic milliseconds. */
  export function stop(fd: number, numbers: ArrayBuffer): number;
}

declare module 'whp:nft' {
  /**
   * The part of nft's language that ruleset/render and ruleset/transaction write. `encode`: the messages that nft would
   * send, or why it is none ("line 3: word: not understood"). `load` sends them: '' when the kernel has made all changes,
   * else why it has made none.
   */
  export function encode(text: string): ArrayBuffer | string;
  export function load(text: string): string;
  /** As `load`. Returns a descriptor: the tables with `flags owner` stand until it is closed, and nobody else can change
   * them. Or why the kernel has made no change. */
  export function own(text: string): number | string;
  /**
   * The elements that a message of a set's dump has (NFT_MSG_NEWSETELEM): its bytes behind the header. Four values for each
   * element: its key, one character a byte; the milliseconds left, or -1: it does not expire; the packets and bytes of its
   * counter, or -1. Elements without a key are left out. Invalid arguments throw.
   */
  export function elements(message: ArrayBuffer, at: number, size: number): (string | number)[];
  /**
   * The chains of the table of family inet with this name, or those of all other tables: a line for each with its name, its
   * handle, and the number of its rules and of jumps to it; before them the table, of others.
   */
  export function chains(table: string, isOf: boolean): string;
  /** Number of elements of such a message. */
  export function count(message: ArrayBuffer, at: number, size: number): number;
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
