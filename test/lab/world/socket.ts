// Sockets for the world's programs: UDP with a callback, TCP with promises, UNIX datagrams, on the
// host's raw system calls. Every socket carries the ground truth tag in its TOS byte from before
// its first packet. The world is little-endian (x86_64), so integers for the kernel are, too.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { type Endpoint, TAG, type Tag } from './plan.ts';

// Linux constants that are the same on every architecture the world runs on.
const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_PEERNAME = 28;
const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IP_TOS = 1;
const EAGAIN = -11;
const EINPROGRESS = -115;

/** Drained per wake-up: enough to keep up, little enough not to starve the others. */
const BURST = 64;

function int32(value: number): ArrayBuffer {
  const bytes = new ArrayBuffer(4);
  new DataView(bytes).setInt32(0, value, true);
  return bytes;
}

/** struct sockaddr_in. */
export function sockaddr(endpoint: Endpoint): ArrayBuffer {
  const bytes = new Uint8Array(16);
  bytes[0] = AF_INET;
  bytes.set([endpoint.port >> 8, endpoint.port & 0xff], 2);
  bytes.set(endpoint.address.split('.').map(Number), 4);
  return bytes.buffer;
}

function unixAddress(path: string): ArrayBuffer {
  const bytes = new Uint8Array(3 + path.length);
  bytes[0] = AF_UNIX;
  for (let i = 0; i < path.length; i += 1) bytes[2 + i] = path.charCodeAt(i);
  return bytes.buffer;
}

function endpointOf(address: ArrayBuffer): Endpoint {
  const bytes = new Uint8Array(address);
  return { address: bytes.subarray(4, 8).join('.'), port: (bytes[2]! << 8) | bytes[3]! };
}

/** Throws `operation object: errno` for a negative result, passes any other on. */
export function check(result: number, operation: string): number {
  if (result < 0) throw new Error(`${operation}: errno ${-result}`);
  return result;
}

export function setTag(fd: number, tag: Tag): void {
  check(sys.setsockopt(fd, IPPROTO_IP, IP_TOS, int32(TAG[tag])), `IP_TOS ${tag}`);
}

export function localOf(fd: number): Endpoint {
  const address = new ArrayBuffer(16);
  check(sys.getsockname(fd, address), 'getsockname');
  return endpointOf(address);
}

/** Who is at the other end (SO_PEERNAME is getpeername as an option). */
function remoteOf(fd: number): Endpoint {
  const address = new ArrayBuffer(16);
  check(sys.getsockopt(fd, SOL_SOCKET, SO_PEERNAME, address), 'SO_PEERNAME');
  return endpointOf(address);
}

function openInet(type: number, tag: Tag, local: Endpoint | undefined): number {
  const fd = check(sys.socket(AF_INET, type | SOCK_NONBLOCK, 0), 'socket');
  setTag(fd, tag);
  if (local) {
    check(sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, int32(1)), 'SO_REUSEADDR');
    const result = sys.bind(fd, sockaddr(local));
    if (result < 0) {
      os.close(fd);
      throw new Error(`bind ${local.address}:${local.port}: errno ${-result}`);
    }
  }
  return fd;
}

const scratch = new ArrayBuffer(65536);

export interface Datagrams {
  readonly fd: number;
  readonly port: number;
  /** Sends one packet; answers the kernel's result (negative: -errno). */
  send(to: Endpoint, bytes: Uint8Array): number;
  close(): void;
}

/** A UDP socket. `local` port 0 or no `local`: a random port of the kernel's choice. */
export function openDatagrams(
  tag: Tag,
  local: Endpoint | undefined,
  onMessage: (bytes: Uint8Array, from: Endpoint) => void,
): Datagrams {
  const fd = openInet(SOCK_DGRAM, tag, local ?? { address: '0.0.0.0', port: 0 });
  const from = new ArrayBuffer(16);
  os.setReadHandler(fd, () => {
    for (let i = 0; i < BURST; i += 1) {
      const count = sys.recvfrom(fd, scratch, 0, scratch.byteLength, MSG_DONTWAIT, from);
      if (count === EAGAIN) return;
      if (count >= 0) onMessage(new Uint8Array(scratch.slice(0, count)), endpointOf(from));
    }
  });
  let open = true;
  return {
    fd,
    port: localOf(fd).port,
    send: (to, bytes) =>
      sys.sendto(
        fd,
        bytes.buffer as ArrayBuffer,
        bytes.byteOffset,
        bytes.length,
        MSG_DONTWAIT,
        sockaddr(to),
      ),
    close: () => {
      if (!open) return;
      open = false;
      os.setReadHandler(fd, null);
      os.close(fd);
    },
  };
}

export interface Notices {
  send(path: string, text: string): void;
  close(): void;
}

/** A UNIX datagram socket at `path`: how programs of one machine talk past the network. */
export function openNotices(
  path: string,
  onNotice: (text: string, reply: (text: string) => void) => void,
): Notices {
  os.remove(path);
  const fd = check(sys.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), 'socket unix');
  check(sys.bind(fd, unixAddress(path)), `bind ${path}`);
  const send = (to: string, text: string): void => {
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i) & 0x7f;
    sys.sendto(fd, bytes.buffer, 0, bytes.length, MSG_DONTWAIT, unixAddress(to));
  };
  os.setReadHandler(fd, () => {
    for (let i = 0; i < BURST; i += 1) {
      const from = new ArrayBuffer(110);
      const count = sys.recvfrom(fd, scratch, 0, scratch.byteLength, MSG_DONTWAIT, from);
      if (count < 0) return;
      const text = String.fromCharCode(...new Uint8Array(scratch, 0, count));
      const raw = new Uint8Array(from).subarray(2);
      const end = raw.indexOf(0);
      const sender = String.fromCharCode(...raw.subarray(0, end < 0 ? raw.length : end));
      onNotice(text, (reply) => send(sender, reply));
    }
  });
  return {
    send,
    close: () => {
      os.setReadHandler(fd, null);
      os.close(fd);
    },
  };
}

export interface Stream {
  readonly fd: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Resolves when the kernel has taken all bytes; rejects after `timeoutMs` without progress. */
  write(bytes: Uint8Array, timeoutMs?: number): Promise<void>;
  /** Resolves with the next bytes, an empty array at the end of the stream. */
  read(timeoutMs?: number): Promise<Uint8Array>;
  close(): void;
}

type SetHandler = (fd: number, act: (() => void) | null) => void;

/** Tries again whenever the descriptor is ready, until `attempt` gives a result or throws; rejects
 * after `timeoutMs` without either. */
function whenReady<T>(
  fd: number,
  setHandler: SetHandler,
  attempt: () => T | undefined,
  what: string,
  timeoutMs: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      setHandler(fd, null);
      os.clearTimeout(timer);
      settle();
    };
    const timer = os.setTimeout(
      () => finish(() => reject(new Error(`${what}: nothing for ${timeoutMs} ms`))),
      timeoutMs,
    );
    setHandler(fd, () => {
      try {
        const result = attempt();
        if (result !== undefined) finish(() => resolve(result));
      } catch (error) {
        finish(() => reject(error));
      }
    });
  });
}

async function writeAll(fd: number, bytes: Uint8Array, what: string, ms: number): Promise<void> {
  const buffer = bytes.buffer as ArrayBuffer;
  let at = 0;
  /** Bytes the kernel took, undefined when it has no room. */
  const push = (): number | undefined => {
    const [from, count] = [bytes.byteOffset + at, bytes.length - at];
    const result = sys.send(fd, buffer, from, count, MSG_DONTWAIT);
    return result === EAGAIN ? undefined : check(result, what);
  };
  while (at < bytes.length) {
    at += push() ?? (await whenReady(fd, os.setWriteHandler, push, what, ms));
  }
}

/** The owner closes only when no read or write is under way. */
function streamOn(fd: number, local: Endpoint, remote: Endpoint): Stream {
  let open = true;
  const where = `${remote.address}:${remote.port}`;
  const pull = (): Uint8Array | undefined => {
    const count = sys.recv(fd, scratch, 0, scratch.byteLength, MSG_DONTWAIT);
    if (count === EAGAIN) return undefined;
    return new Uint8Array(scratch.slice(0, check(count, `recv ${where}`)));
  };
  return {
    fd,
    local,
    remote,
    write: (bytes, timeoutMs = 10_000) => writeAll(fd, bytes, `send ${where}`, timeoutMs),
    read: (timeoutMs = 10_000) =>
      whenReady(fd, os.setReadHandler, pull, `recv ${where}`, timeoutMs),
    close: () => {
      if (!open) return;
      open = false;
      os.close(fd);
    },
  };
}

/** Connects by TCP. `onPort` is told the local port before the SYN leaves. */
export function connectStream(
  to: Endpoint,
  tag: Tag,
  onPort: (port: number) => void,
  timeoutMs = 10_000,
): Promise<Stream> {
  const fd = openInet(SOCK_STREAM, tag, { address: '0.0.0.0', port: 0 });
  onPort(localOf(fd).port);
  const started = sys.connect(fd, sockaddr(to));
  if (started < 0 && started !== EINPROGRESS) {
    os.close(fd);
    return Promise.reject(new Error(`connect ${to.address}:${to.port}: errno ${-started}`));
  }
  return connected(fd, to, timeoutMs);
}

/** Waits for the end of a connect that is under way. */
function connected(fd: number, to: Endpoint, timeoutMs: number): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const finish = (problem: string | undefined): void => {
      os.clearTimeout(timer);
      os.setWriteHandler(fd, null);
      if (problem === undefined) {
        resolve(streamOn(fd, localOf(fd), to));
        return;
      }
      os.close(fd);
      reject(new Error(`connect ${to.address}:${to.port}: ${problem}`));
    };
    const timer = os.setTimeout(() => finish(`no answer in ${timeoutMs} ms`), timeoutMs);
    os.setWriteHandler(fd, () => {
      const error = int32(0);
      sys.getsockopt(fd, SOL_SOCKET, SO_ERROR, error);
      const errno = new DataView(error).getInt32(0, true);
      finish(errno === 0 ? undefined : `errno ${errno}`);
    });
  });
}

/** Listens by TCP; `tagFor` says by the address that was called what the answers are. */
export function listenStreams(
  local: Endpoint,
  tagFor: (called: string) => Tag,
  onStream: (stream: Stream) => void,
): { close(): void } {
  const fd = openInet(SOCK_STREAM, 'neutral', local);
  check(sys.listen(fd, 64), `listen ${local.address}:${local.port}`);
  os.setReadHandler(fd, () => {
    for (let i = 0; i < BURST; i += 1) {
      const accepted = sys.accept(fd);
      if (accepted < 0) return;
      const called = localOf(accepted);
      setTag(accepted, tagFor(called.address));
      onStream(streamOn(accepted, called, remoteOf(accepted)));
    }
  });
  return {
    close: () => {
      os.setReadHandler(fd, null);
      os.close(fd);
    },
  };
}

/** Starts a TCP connection without waiting and without a look at its fate: everything that can be
 * done before is done when this returns, so that calling the result sends the SYN at once. */
export function armStream(to: Endpoint, tag: Tag): { port: number; fire(): Promise<Stream> } {
  const fd = openInet(SOCK_STREAM, tag, { address: '0.0.0.0', port: 0 });
  const address = sockaddr(to);
  const fire = (): Promise<Stream> => {
    sys.connect(fd, address);
    return connected(fd, to, 10_000);
  };
  return { port: localOf(fd).port, fire };
}

/** Sends `query` and spins, without a look at the event loop, until something comes back; calls
 * `then` in the same instant. Answers whether something came within `ms`. */
export function askAndPounce(
  to: Endpoint,
  query: Uint8Array,
  ms: number,
  then: () => void,
): { port: number; answered: boolean } {
  const fd = openInet(SOCK_DGRAM, 'neutral', { address: '0.0.0.0', port: 0 });
  const from = new ArrayBuffer(16);
  const { port } = localOf(fd);
  sys.sendto(fd, query.buffer as ArrayBuffer, 0, query.length, 0, sockaddr(to));
  const end = sys.monotonic() + ms;
  try {
    while (sys.monotonic() < end) {
      if (sys.recvfrom(fd, scratch, 0, 512, MSG_DONTWAIT, from) < 0) continue;
      then();
      return { port, answered: true };
    }
    return { port, answered: false };
  } finally {
    os.close(fd);
  }
}

/** One raw ICMP message; the kernel writes the IP header, the caller everything else. */
export function sendIcmp(to: string, message: Uint8Array): void {
  const fd = check(sys.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), 'socket icmp');
  const result = sys.sendto(
    fd,
    message.buffer as ArrayBuffer,
    0,
    message.length,
    0,
    sockaddr({ address: to, port: 0 }),
  );
  os.close(fd);
  check(result, `icmp to ${to}`);
}
