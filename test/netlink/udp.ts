// UDP over loopback for the probe programs: real packets through the hooks, without the event loop.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { parseAddress } from '../../agent/src/wire/address.ts';

/** struct sockaddr_in in this machine's order of the family, network order of the rest. */
export function inetAddress(address: string, port: number): ArrayBuffer {
  const buffer = new ArrayBuffer(16);
  new Uint16Array(buffer)[0] = sys.AF_INET;
  const bytes = new Uint8Array(buffer);
  bytes[2] = port >> 8;
  bytes[3] = port & 0xff;
  bytes.set(parseAddress(address)!, 4);
  return buffer;
}

/** A socket bound to 127.0.0.1:port (0 = any). */
export function openUdp(port: number): number {
  const fd = sys.socket(sys.AF_INET, sys.SOCK_DGRAM | sys.SOCK_NONBLOCK, 0);
  const bound = sys.bind(fd, inetAddress('127.0.0.1', port));
  if (fd < 0 || bound < 0) throw new Error(`udp socket on ${port}: errno ${-Math.min(fd, bound)}`);
  return fd;
}

export function sendUdp(fd: number, port: number, text: string): number {
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  return sys.sendto(fd, bytes.buffer, 0, bytes.length, 0, inetAddress('127.0.0.1', port));
}

/** The next datagram within `patience` milliseconds, or null. */
export function receiveUdp(fd: number, patience = 50): string | null {
  const bytes = new Uint8Array(2048);
  const until = sys.monotonic() + patience;
  do {
    const got = sys.recv(fd, bytes.buffer, 0, bytes.length, 0);
    if (got >= 0) return String.fromCharCode(...bytes.subarray(0, got));
    os.sleep(1);
  } while (sys.monotonic() < until);
  return null;
}
