// os/random: unpredictable bytes, from /dev/urandom.
import * as os from 'qjs:os';

/** `size` random bytes, at most 256. Without /dev/urandom they are from the engine's generator. */
export function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const fd = os.open('/dev/urandom', os.O_RDONLY);
  const got = fd < 0 ? 0 : os.read(fd, bytes.buffer, 0, size);
  if (fd >= 0) os.close(fd);
  for (let i = Math.max(0, got); i < size; i++) bytes[i] = Math.floor(Math.random() * 256);
  return bytes;
}
