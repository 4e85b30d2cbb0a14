// os/unix-socket: the control socket (AF_UNIX): one JSON value a line, in both directions. daemon/serve answers the
// requests. Clients are limited in number, in line length and in unsent bytes, so a `whp monitor` that does not read
// costs a bounded amount of memory.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { AF_UNIX, MSG_DONTWAIT } from '../netlink/constants.ts';
import { unixAddress } from '../netlink/endian.ts';
import { errnoText } from './errno.ts';
import { S_IFMT } from './file.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** File type bits, and a socket (inode(7)). */
const S_IFSOCK = 0o140000;

export interface LineLimits {
  /** Connections at a time; one more is closed at once. */
  readonly clients: number;
  /** Bytes of one line; a longer one ends the connection. */
  readonly line: number;
  /** Unsent bytes; more end the connection. */
  readonly queue: number;
}

export const DEFAULT_LIMITS: LineLimits = { clients: 8, line: 65536, queue: 1 << 20 };

/** One end of a connection; only the functions of this file change it. */
export interface Line {
  readonly fd: number;
  readonly limits: LineLimits;
  readonly events: LineEvents;
  open: boolean;
  /** Closes when `queue` is empty. */
  ending: boolean;
  readonly queue: Uint8Array<ArrayBuffer>[];
  /** Unsent bytes of `queue`. */
  queued: number;
  /** Bytes of queue[0] that were sent. */
  sent: number;
  /** The first `length` bytes are a received line that is not complete. */
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

export interface LineEvents {
  readonly onValue: (value: unknown, line: Line) => void;
  /** Called once, with the reason: "end", "line too long", "not JSON", "too slow" or errnoText. */
  readonly onClose?: (reason: string, line: Line) => void;
}

export interface LineServer {
  readonly clients: () => number;
  /** Closes the listener and every connection, and removes the socket file. */
  readonly close: () => void;
}

export type Listening =
  | { readonly ok: true; readonly server: LineServer }
  | { readonly ok: false; readonly errno: number };

/** Listens on `path` with mode 0600: only the owner can connect. A socket file without a listener is replaced.
 * Errors: EADDRINUSE another process listens, ENOTSOCK another kind of file is there. */
export function listenLines(
  path: string,
  events: LineEvents,
  limits: LineLimits = DEFAULT_LIMITS,
): Listening {
  const address = unixAddress(path);
  if (address === undefined) return { ok: false, errno: sys.EINVAL };
  const fd = sys.socket(AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0);
  if (fd < 0) return { ok: false, errno: -fd };
  const errno = bindListener(fd, path, address, limits.clients);
  if (errno !== 0) {
    os.close(fd);
    return { ok: false, errno };
  }
  const open = new Set<Line>();
  os.setReadHandler(fd, () => {
    const client = sys.accept(fd);
    if (client < 0) return;
    if (open.size >= limits.clients) {
      os.close(client);
      return;
    }
    const line = startLine(client, limits, {
      onValue: events.onValue,
      onClose: (reason, gone) => {
        open.delete(gone);
        events.onClose?.(reason, gone);
      },
    });
    open.add(line);
  });
  const close = (): void => {
    os.setReadHandler(fd, null);
    os.close(fd);
    os.remove(path);
    for (const line of [...open]) closeLine(line);
  };
  return { ok: true, server: { clients: () => open.size, close } };
}

function bindListener(fd: number, path: string, address: ArrayBuffer, backlog: number): number {
  const mask = sys.umask(0o177);
  let bound = sys.bind(fd, address);
  if (bound === -sys.EADDRINUSE && !isSocket(path)) bound = -sys.ENOTSOCK;
  if (bound === -sys.EADDRINUSE && !answers(address)) {
    os.remove(path);
    bound = sys.bind(fd, address);
  }
  sys.umask(mask);
  if (bound < 0) return -bound;
  const listening = sys.listen(fd, backlog);
  return listening < 0 ? -listening : 0;
}

/** Does not follow a link: only a socket itself may be removed. */
function isSocket(path: string): boolean {
  const [stat] = os.lstat(path);
  return stat !== null && (stat.mode & S_IFMT) === S_IFSOCK;
}

/** Whether somebody listens on the socket at `path`. */
export function isAnswered(path: string): boolean {
  const address = unixAddress(path);
  return address !== undefined && answers(address);
}

function answers(address: ArrayBuffer): boolean {
  const fd = sys.socket(AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const connected = sys.connect(fd, address);
  os.close(fd);
  return connected >= 0 || connected === -sys.EAGAIN;
}

export type Connected =
  | { readonly ok: true; readonly line: Line }
  | { readonly ok: false; readonly errno: number };

/** Connects to a listener. Errors: ENOENT or ECONNREFUSED no daemon; EACCES; EAGAIN the backlog is full. */
export function connectLines(
  path: string,
  events: LineEvents,
  limits: LineLimits = { ...DEFAULT_LIMITS, line: 64 << 20 },
): Connected {
  const address = unixAddress(path);
  if (address === undefined) return { ok: false, errno: sys.EINVAL };
  const fd = sys.socket(AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0);
  if (fd < 0) return { ok: false, errno: -fd };
  const connected = sys.connect(fd, address);
  if (connected < 0) {
    os.close(fd);
    return { ok: false, errno: -connected };
  }
  return { ok: true, line: startLine(fd, limits, events) };
}

function startLine(fd: number, limits: LineLimits, events: LineEvents): Line {
  const line: Line = {
    fd,
    limits,
    events,
    open: true,
    ending: false,
    queue: [],
    queued: 0,
    sent: 0,
    bytes: new Uint8Array(4096),
    length: 0,
  };
  os.setReadHandler(fd, () => receive(line));
  return line;
}

/** Queues one value. False: the connection is closed, or was just closed as too slow. */
export function sendValue(line: Line, value: unknown): boolean {
  return sendBytes(line, encodeUtf8(`${JSON.stringify(value)}\n`));
}

/** Queues bytes unchanged; result as sendValue. */
export function sendBytes(line: Line, bytes: Uint8Array<ArrayBuffer>): boolean {
  if (!line.open || line.ending) return false;
  if (bytes.length === 0) return true;
  // A single value may have any size: the limit is for clients that do not read.
  if (line.queue.length > 0 && line.queued + bytes.length > line.limits.queue) {
    shut(line, 'too slow');
    return false;
  }
  line.queue.push(bytes);
  line.queued += bytes.length;
  flush(line);
  return line.open;
}

/** Sends what is queued, then closes. */
export function endLine(line: Line): void {
  line.ending = true;
  flush(line);
}

/** Closes at once. */
export function closeLine(line: Line): void {
  shut(line, 'end');
}

function shut(line: Line, reason: string): void {
  if (!line.open) return;
  line.open = false;
  os.setReadHandler(line.fd, null);
  os.setWriteHandler(line.fd, null);
  os.close(line.fd);
  line.events.onClose?.(reason, line);
}

/** Sends as much of the queue as the socket takes; the rest when it is writable again. */
function flush(line: Line): void {
  const { fd, queue } = line;
  while (line.open && queue.length > 0) {
    const head = queue[0]!;
    const put = sys.send(fd, head.buffer, line.sent, head.length - line.sent, MSG_DONTWAIT);
    if (put === -sys.EAGAIN) {
      os.setWriteHandler(fd, () => flush(line));
      return;
    }
    if (put < 0) {
      shut(line, errnoText(-put));
      return;
    }
    line.sent += put;
    line.queued -= put;
    if (line.sent < head.length) continue;
    queue.shift();
    line.sent = 0;
  }
  if (!line.open) return;
  os.setWriteHandler(fd, null);
  if (line.ending) shut(line, 'end');
}

/** Receives bytes and delivers the complete lines among them; empty lines are skipped. */
function receive(line: Line): void {
  if (line.length === line.bytes.length) {
    const grown = new Uint8Array(line.bytes.length * 2);
    grown.set(line.bytes);
    line.bytes = grown;
  }
  const { fd, bytes, length } = line;
  const got = sys.recv(fd, bytes.buffer, length, bytes.length - length, MSG_DONTWAIT);
  if (got === -sys.EAGAIN || got === -sys.EINTR) return;
  if (got <= 0) {
    shut(line, got === 0 ? 'end' : errnoText(-got));
    return;
  }
  const end = length + got;
  let start = 0;
  for (let i = bytes.indexOf(10, length); i >= 0 && i < end && line.open; ) {
    if (i > start) deliver(line, decodeUtf8(bytes, start, i));
    start = i + 1;
    i = bytes.indexOf(10, start);
  }
  bytes.copyWithin(0, start, end);
  line.length = end - start;
  if (line.length > line.limits.line) shut(line, 'line too long');
}

function deliver(line: Line, text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    shut(line, 'not JSON');
    return;
  }
  line.events.onValue(value, line);
}
