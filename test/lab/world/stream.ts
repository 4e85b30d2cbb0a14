// TCP for the world's programs, with promises: connect, listen, read, write.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import type { Endpoint, Tag } from './plan.ts';
import {
  anyLike,
  BURST,
  check,
  EAGAIN,
  endpointOf,
  int32,
  localOf,
  MSG_DONTWAIT,
  openInet,
  SOCKADDR,
  SOL_SOCKET,
  scratch,
  setTag,
  sockaddr,
} from './socket.ts';

const SOCK_STREAM = 1;
const SO_ERROR = 4;
const SO_PEERNAME = 28;
const EINPROGRESS = -115;

/** Who is at the other end (SO_PEERNAME is getpeername as an option, and wants its exact size). */
function remoteOf(fd: number): Endpoint {
  const address = new ArrayBuffer(localOf(fd).address.includes(':') ? SOCKADDR : 16);
  check(sys.getsockopt(fd, SOL_SOCKET, SO_PEERNAME, address), 'SO_PEERNAME');
  return endpointOf(address);
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
  const fd = openInet(SOCK_STREAM, tag, anyLike(to.address));
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
