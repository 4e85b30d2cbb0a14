// os/file: whole small files: configuration and profiles in, state out. A file that is written
// is either the old one or the new one, whatever happens in between; what somebody else has put in its
// place (a link, a pipe, a file of another user) is neither followed nor written into.
import * as os from 'qjs:os';
import { EEXIST, EINTR, EINVAL, EOVERFLOW } from 'whp:socket';
import { fsync, mode as modeOf, O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, user } from 'whp:system';
import { randomBytes } from './random.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** The kind of a file, an ordinary one, and whether everybody may write (inode(7)). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IWOTH = 0o2;

export type FileRead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly errno: number };

/** The text of the file at `path`, at most `limit` bytes (more: EOVERFLOW). Works on /proc too. What is
 * no file (a pipe could make the agent wait for ever, and would read as an empty one) is EINVAL. */
export function readText(path: string, limit = 4 << 20): FileRead {
  const fd = os.open(path, os.O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return { ok: false, errno: -fd };
  if ((modeOf(fd) & S_IFMT) !== S_IFREG) {
    os.close(fd);
    return { ok: false, errno: EINVAL };
  }
  let bytes = new Uint8Array(4096);
  let length = 0;
  let errno = 0;
  for (;;) {
    if (length === bytes.length) {
      if (length >= limit) {
        errno = EOVERFLOW;
        break;
      }
      const grown = new Uint8Array(Math.min(bytes.length * 2, limit));
      grown.set(bytes);
      bytes = grown;
    }
    const got = os.read(fd, bytes.buffer, length, bytes.length - length);
    if (got === -EINTR) continue;
    if (got < 0) errno = -got;
    if (got <= 0) break;
    length += got;
  }
  os.close(fd);
  return errno === 0 ? { ok: true, text: decodeUtf8(bytes, 0, length) } : { ok: false, errno };
}

/** A text that differs when the file at `path` was written, exchanged or removed. */
export function stampOf(path: string): string {
  const [stat] = os.stat(path);
  return stat === null ? '-' : `${stat.mtime} ${stat.size} ${stat.ino}`;
}

/** Whether `path` is a file of at most `limit` bytes: one that is read in a moment, and no pipe. */
export function isSmallFile(path: string, limit: number): boolean {
  const [stat] = os.stat(path);
  return stat !== null && (stat.mode & S_IFMT) === S_IFREG && stat.size <= limit;
}

/** Writes `text` to `path` by way of a new file beside it and a rename; mode 0600, whatever the mode
 * before. Returns 0 or the positive errno; on an error the old file stands. EEXIST: what stands there
 * is not an ordinary file of this user, and stays. `isLasting`: it has to outlive a power cut, so the
 * flash has it before the old one goes. */
export function writeText(path: string, text: string, isLasting = true): number {
  if (!isReplaceable(path)) return EEXIST;
  const next = besideOf(path);
  // What a power cut has left behind.
  os.remove(next);
  const flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const fd = os.open(next, flags, 0o600);
  if (fd < 0) return -fd;
  let errno = writeAll(fd, encodeUtf8(text));
  const synced = errno === 0 && isLasting ? fsync(fd) : 0;
  errno ||= synced < 0 ? -synced : 0;
  const closed = os.close(fd);
  errno ||= closed < 0 ? -closed : 0;
  if (errno === 0) {
    const renamed = os.rename(next, path);
    errno = renamed < 0 ? -renamed : 0;
  }
  if (errno !== 0) os.remove(next);
  return errno;
}

/** Nothing is there, or an ordinary file of this user. */
function isReplaceable(path: string): boolean {
  const [stat] = os.lstat(path);
  return stat === null || ((stat.mode & S_IFMT) === S_IFREG && stat.uid === user());
}

/** Where the new file is written. In a folder in which others may make files nobody can know its name;
 * elsewhere it has one name, so that no more than one can be left behind. */
function besideOf(path: string): string {
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '.';
  const [stat] = os.stat(folder);
  if (stat === null || (stat.mode & S_IWOTH) === 0) return `${path}.new`;
  const random = Array.from(randomBytes(6), (byte) => byte.toString(16).padStart(2, '0'));
  return `${path}.${random.join('')}`;
}

/** 0 or the positive errno. */
function writeAll(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  for (let at = 0; at < bytes.length; ) {
    const put = os.write(fd, bytes.buffer, at, bytes.length - at);
    if (put > 0) at += put;
    else if (put !== -EINTR) return -put;
  }
  return 0;
}

/** Removes the file at `path`; one that is not there is no error. */
export function removeFile(path: string): void {
  os.remove(path);
}

/** Names in the folder at `path`, sorted; or the positive errno. */
export function listNames(path: string): string[] | number {
  const [names, errno] = os.readdir(path);
  if (errno !== 0) return errno;
  return names.filter((name) => name !== '.' && name !== '..').sort();
}
