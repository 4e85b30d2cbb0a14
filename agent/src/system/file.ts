// system/file: whole small files: configuration and profiles in, state out. A file that is written
// is either the old one or the new one, whatever happens in between.
import * as os from 'qjs:os';
import { EINTR, EOVERFLOW } from 'whp:socket';
import { decodeUtf8, encodeUtf8 } from './text.ts';

/** The kind of a file, and an ordinary one (inode(7)). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

export type FileRead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly errno: number };

/** The text of the file at `path`, at most `limit` bytes (more: EOVERFLOW). Works on /proc too. */
export function readText(path: string, limit = 4 << 20): FileRead {
  const fd = os.open(path, os.O_RDONLY);
  if (fd < 0) return { ok: false, errno: -fd };
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

/** Whether `path` is a file of at most `limit` bytes: one that is read in a moment, and no pipe. */
export function isSmallFile(path: string, limit: number): boolean {
  const [stat] = os.stat(path);
  return stat !== null && (stat.mode & S_IFMT) === S_IFREG && stat.size <= limit;
}

/** Writes `text` to `path` by way of `path.new` and a rename; mode 0600 unless told otherwise.
 * Returns 0 or the positive errno; on an error the old file stands. */
export function writeText(path: string, text: string, mode = 0o600): number {
  const next = `${path}.new`;
  const fd = os.open(next, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode);
  if (fd < 0) return -fd;
  const bytes = encodeUtf8(text);
  let errno = 0;
  for (let at = 0; at < bytes.length && errno === 0; ) {
    const put = os.write(fd, bytes.buffer, at, bytes.length - at);
    if (put > 0) at += put;
    else if (put !== -EINTR) errno = -put;
  }
  const closed = os.close(fd);
  errno ||= closed < 0 ? -closed : 0;
  if (errno === 0) {
    const renamed = os.rename(next, path);
    errno = renamed < 0 ? -renamed : 0;
  }
  if (errno !== 0) os.remove(next);
  return errno;
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
