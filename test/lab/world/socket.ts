// Sockets for the world's programs on the host's raw system calls: what TCP (stream.ts) is made of,
// UDP with a callback, and the adversary's shortcuts. Every socket carries the ground truth tag in its TOS byte from before
// its first packet. The world is little-endian (x86_64), so integers for the kernel are, too.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { type Endpoint, TAG, type Tag, v6Bytes, v6Text } from './plan.ts';

// Linux constants that are the same on every architecture the world runs on.
const AF_INET = 2;
const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const MSG_DONTWAIT = 0x40;
export const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_RAW = 255;
const IP_TOS = 1;
const IPV6_TCLASS = 67;
const IPV6_V6ONLY = 26;
export const EAGAIN = -11;

/** Drained per wake-up: enough to keep up, little enough not to starve the others. */
export const BURST = 64;

export function int32(value: number): ArrayBuffer {
  const bytes = new ArrayBuffer(4);
  new DataView(bytes).setInt32(0, value, true);
  return bytes;
}

/** Bytes of struct sockaddr_in6, the longer of the two. */
export const SOCKADDR = 28;

function isV6(address: string): boolean {
  return address.includes(':');
}

/** Any address of the family of `address`. */
export function anyLike(address: string): Endpoint {
  return { address: isV6(address) ? '::' : '0.0.0.0', port: 0 };
}

/** Written once for those that are talked to over and over. The kernel only reads it. */
const written = new WeakMap<Endpoint, ArrayBuffer>();

/** struct sockaddr_in, or struct sockaddr_in6 for an IPv6 address. */
export function sockaddr(endpoint: Endpoint): ArrayBuffer {
  let bytes = written.get(endpoint);
  if (bytes === undefined) {
    bytes = writeSockaddr(endpoint);
    written.set(endpoint, bytes);
  }
  return bytes;
}

function writeSockaddr(endpoint: Endpoint): ArrayBuffer {
  if (isV6(endpoint.address)) {
    const long = new Uint8Array(SOCKADDR);
    long[0] = AF_INET6;
    long.set([endpoint.port >> 8, endpoint.port & 0xff], 2);
    long.set(v6Bytes(endpoint.address), 8);
    return long.buffer;
  }
  const bytes = new Uint8Array(16);
  bytes[0] = AF_INET;
  bytes.set([endpoint.port >> 8, endpoint.port & 0xff], 2);
  bytes.set(endpoint.address.split('.').map(Number), 4);
  return bytes.buffer;
}

export function endpointOf(address: ArrayBuffer): Endpoint {
  const bytes = new Uint8Array(address);
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (bytes[0] === AF_INET6) return { address: v6Text(bytes.subarray(8, 24)), port };
  return { address: bytes.subarray(4, 8).join('.'), port };
}

/** Throws `operation object: errno` for a negative result, passes any other on. */
export function check(result: number, operation: string): number {
  if (result < 0) throw new Error(`${operation}: errno ${-result}`);
  return result;
}

export function setTag(fd: number, tag: Tag): void {
  const name = new ArrayBuffer(SOCKADDR);
  check(sys.getsockname(fd, name), 'getsockname');
  const v6 = new Uint8Array(name)[0] === AF_INET6;
  const [level, option] = v6 ? [IPPROTO_IPV6, IPV6_TCLASS] : [IPPROTO_IP, IP_TOS];
  check(sys.setsockopt(fd, level, option, int32(TAG[tag])), `IP_TOS ${tag}`);
}

export function localOf(fd: number): Endpoint {
  const address = new ArrayBuffer(SOCKADDR);
  check(sys.getsockname(fd, address), 'getsockname');
  return endpointOf(address);
}

/** A socket with its tag, of the family of `local` and bound to it when it is given (IPv4 without);
 * the caller closes it. */
export function openInet(type: number, tag: Tag, local: Endpoint | undefined): number {
  const v6 = local !== undefined && isV6(local.address);
  const fd = check(sys.socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0), 'socket');
  if (v6) check(sys.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(1)), 'IPV6_V6ONLY');
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

/** One for all: nothing here waits between a system call and the copy of what it read. */
export const scratch = new ArrayBuffer(65536);

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
  const from = new ArrayBuffer(SOCKADDR);
  let open = true;
  os.setReadHandler(fd, () => {
    for (let i = 0; i < BURST && open; i += 1) {
      const count = sys.recvfrom(fd, scratch, 0, scratch.byteLength, MSG_DONTWAIT, from);
      if (count === EAGAIN) return;
      if (count >= 0) onMessage(new Uint8Array(scratch.slice(0, count)), endpointOf(from));
    }
  });
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

/** Sends `query` and spins, without a look at the event loop, until something comes back; calls
 * `then` in the same instant, or not at all after `ms`. Answers the port it asked from. */
export function askAndPounce(
  to: Endpoint,
  query: Uint8Array,
  ms: number,
  then: () => void,
): number {
  const fd = openInet(SOCK_DGRAM, 'neutral', { address: '0.0.0.0', port: 0 });
  const from = new ArrayBuffer(16);
  const { port } = localOf(fd);
  sys.sendto(fd, query.buffer as ArrayBuffer, 0, query.length, 0, sockaddr(to));
  const end = sys.monotonic() + ms;
  try {
    while (sys.monotonic() < end) {
      if (sys.recvfrom(fd, scratch, 0, 512, MSG_DONTWAIT, from) < 0) continue;
      then();
      break;
    }
    return port;
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

/** A raw socket for whole IPv4 packets, header included. */
export function openForge(): { send(packet: Uint8Array): number } {
  const fd = check(sys.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_RAW), 'socket raw');
  return {
    send: (packet) =>
      sys.sendto(
        fd,
        packet.buffer as ArrayBuffer,
        packet.byteOffset,
        packet.length,
        MSG_DONTWAIT,
        sockaddr({ address: packet.subarray(16, 20).join('.'), port: 0 }),
      ),
  };
}
