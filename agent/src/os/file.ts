// os/file: reads and writes whole small files: configuration, profiles, state. A write is atomic: the file is either
// the old or the new one. If another user has put a link, a pipe or a file in its place, that is neither followed
// nor written to.
import * as os from 'qjs:os';
import { EEXIST, EINTR, EINVAL, EOVERFLOW } from 'whp:socket';
import { fsync, mode as modeOf, O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, user } from 'whp:system';
import { randomBytes } from './random.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** File type bits, a regular file, and write permission for others (inode(7)). */
export const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IWOTH = 0o2;

export type FileRead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly errno: number };

/** Content of the file at `path`, at most `limit` bytes (more: EOVERFLOW). Works on /proc too. EINVAL: not a
 * regular file (a pipe could block the agent forever, or read as empty). */
export function readText(path: string, limit = 4 << 20): FileRead {
  const fd = os.open(path, os.O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return { ok: false, errno: -fd };
  if ((modeOf(fd) & S_IFMT) !== S_IFREG) {
    os.close(fd);
    return { ok: false, errno: EINVAL };
  }
  // One byte of room beyond the limit, to tell a file of this size from a larger one.
  const most = limit + 1;
  let bytes = new Uint8Array(Math.min(4096, most));
  let length = 0;
  let errno = 0;
  for (;;) {
    if (length === bytes.length) {
      if (length === most) {
        errno = EOVERFLOW;
        break;
      }
      const grown = new Uint8Array(Math.min(bytes.length * 2, most));
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

/** A text that changes when the file at `path` is written, replaced or removed. */
export function stampOf(path: string): string {
  const [stat] = os.stat(path);
  return stat === null ? '-' : `${stat.mtime} ${stat.size} ${stat.ino}`;
}

/** Whether both paths lead to one file: a link, or a path from another folder. */
export function isSameFile(a: string, b: string): boolean {
  const [one] = os.stat(a);
  const [two] = os.stat(b);
  return one !== null && two !== null && one.dev === two.dev && one.ino === two.ino;
}

/** Whether `path` is a regular file of at most `limit` bytes, which can be read without blocking for long. */
export function isSmallFile(path: string, limit: number): boolean {
  const [stat] = os.stat(path);
  return stat !== null && (stat.mode & S_IFMT) === S_IFREG && stat.size <= limit;
}

/** Writes `text` to a new file beside `path` and renames it, with mode 0600. Returns 0 or the positive errno; on
 * an error the old file remains. EEXIST: `path` is not a regular file of this user and is not changed.
 * `isLasting`: fsync before the rename, so that the file survives a power cut. */
export function writeText(path: string, text: string, isLasting = true): number {
  if (!isReplaceable(path)) return EEXIST;
  const next = besideOf(path);
  // Left by a power cut.
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

/** Nothing exists at `path`, or a regular file of this user. */
function isReplaceable(path: string): boolean {
  const [stat] = os.lstat(path);
  return stat === null || ((stat.mode & S_IFMT) === S_IFREG && stat.uid === user());
}

/** Path of the new file: unpredictable in a folder where others may create files. Elsewhere it is always the same,
 * so that at most one file can be left behind. */
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

/** Removes the file at `path`; no error if it is missing. */
export function removeFile(path: string): void {
  os.remove(path);
}

export type NamesRead =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly errno: number };

/** Names in the folder at `path`, sorted. */
export function listNames(path: string): NamesRead {
  const [names, errno] = os.readdir(path);
  if (errno !== 0) return { ok: false, errno };
  return { ok: true, names: names.filter((name) => name !== '.' && name !== '..').sort() };
}
