// kernel/bound-socket: opens a socket whose packets leave by one device, and that receives from no other.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';

/** A non-blocking socket bound to `device`; or -errno. */
export function openBound(domain: number, type: number, protocol: number, device: string): number {
  const fd = sys.socket(domain, type | sys.SOCK_NONBLOCK, protocol);
  if (fd < 0) return fd;
  const name = Uint8Array.from(`${device}\0`, (one) => one.charCodeAt(0));
  return checked(fd, sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_BINDTODEVICE, name.buffer));
}

/** `fd`, or -errno `result` of a call for it: then it is closed. */
export function checked(fd: number, result: number): number {
  if (result >= 0) return fd;
  os.close(fd);
  return result;
}
