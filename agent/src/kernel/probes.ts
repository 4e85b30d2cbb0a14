// kernel/probes: echo requests through the tunnel devices and their answers. A raw ICMP socket
// bound to the device, because it needs nothing at the far end but a Linux that answers its own
// address, and goes through the very tunnel: encapsulated here, decapsulated there, and back. An
// unprivileged ping socket would need ping_group_range; a GRE keepalive, rp_filter off at the proxy.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostInt, inetAddress } from '../netlink/endian.ts';
import { errnoText } from '../os/errno.ts';
import type { Proxy as CloudProxy } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { familyOf, parseAddress } from '../wire/address.ts';
import { type EchoTag, echoRequest, readEchoReply } from '../wire/echo.ts';

/** linux/in.h, linux/icmp.h, linux/icmpv6.h: the same on every architecture. */
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMPV6_FILTER = 1;
/** Bits that let a type pass are zero. */
const ALL_BUT_ECHO_REPLY = ~1;

export interface Probes {
  /** Sends a probe to the proxy. A string says why it could not leave. */
  send(proxy: CloudProxy, sequence: number): string | null;
  /** Takes in what has arrived: before time is said to be over for a probe. */
  drain(): void;
  /** Closes the sockets of proxies that are not in the list. */
  retain(proxies: readonly CloudProxy[]): void;
}

interface Prober {
  readonly fd: number;
  readonly key: string;
}

export function openProbes(
  random: (size: number) => Uint8Array,
  onAnswer: (proxy: string, sequence: number) => void,
): Probes {
  const seed = random(10);
  const tag: EchoTag = { identifier: (seed[0]! << 8) | seed[1]!, token: seed.slice(2) };
  const probers = new Map<string, Prober>();
  const buffer = new ArrayBuffer(512);
  const bytes = new Uint8Array(buffer);

  const close = (name: string): void => {
    const prober = probers.get(name);
    if (prober === undefined) return;
    os.setReadHandler(prober.fd, null);
    os.close(prober.fd);
    probers.delete(name);
  };
  const receive = (name: string, fd: number, family: 4 | 6): void => {
    for (;;) {
      const size = sys.recv(fd, buffer, 0, buffer.byteLength, MSG_DONTWAIT);
      if (size < 0) return;
      const sequence = readEchoReply(family, bytes, size, tag);
      if (sequence !== null) onAnswer(name, sequence);
    }
  };
  const drains = new Map<string, () => void>();
  const open = (proxy: CloudProxy): number => {
    const family = proxy.remote.includes(':') ? 6 : 4;
    const fd = openRaw(family, tunnelDevice(proxy.name));
    if (fd < 0) return fd;
    const drain = (): void => receive(proxy.name, fd, family);
    probers.set(proxy.name, { fd, key: keyOf(proxy) });
    drains.set(proxy.name, drain);
    os.setReadHandler(fd, drain);
    return fd;
  };
  const attempt = (proxy: CloudProxy, sequence: number): number => {
    const known = probers.get(proxy.name);
    if (known !== undefined && known.key !== keyOf(proxy)) close(proxy.name);
    const fd = probers.get(proxy.name)?.fd ?? open(proxy);
    if (fd < 0) return fd;
    const to = parseAddress(proxy.remote)!;
    const request = echoRequest(familyOf(to), tag, sequence);
    return sys.sendto(
      fd,
      request.buffer as ArrayBuffer,
      0,
      request.length,
      MSG_DONTWAIT,
      inetAddress(to),
    );
  };
  return {
    send: (proxy, sequence) => {
      let sent = attempt(proxy, sequence);
      if (sent < 0 && probers.has(proxy.name)) {
        // The device may be another one of the same name by now.
        close(proxy.name);
        sent = attempt(proxy, sequence);
      }
      if (sent >= 0) return null;
      close(proxy.name);
      return `${tunnelDevice(proxy.name)}: ${errnoText(-sent)}`;
    },
    drain: () => {
      for (const [name, drain] of drains) if (probers.has(name)) drain();
    },
    retain: (proxies) => {
      for (const name of Array.from(probers.keys())) {
        if (!proxies.some((proxy) => proxy.name === name)) close(name);
      }
    },
  };
}

function keyOf(proxy: CloudProxy): string {
  return `${proxy.local} ${proxy.remote}`;
}

/** A raw socket that hears echo replies on one device only. Returns it or -errno. */
function openRaw(family: 4 | 6, device: string): number {
  const [domain, protocol] =
    family === 4 ? [sys.AF_INET, IPPROTO_ICMP] : [sys.AF_INET6, IPPROTO_ICMPV6];
  const fd = sys.socket(domain, sys.SOCK_RAW | sys.SOCK_NONBLOCK, protocol);
  if (fd < 0) return fd;
  const name = new Uint8Array(device.length + 1);
  for (let i = 0; i < device.length; i++) name[i] = device.charCodeAt(i);
  const bound = sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_BINDTODEVICE, name.buffer);
  const filtered =
    family === 4
      ? sys.setsockopt(fd, SOL_RAW, ICMP_FILTER, hostInt(ALL_BUT_ECHO_REPLY))
      : sys.setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, onlyType(129));
  const failed = Math.min(bound, filtered);
  if (failed >= 0) return fd;
  os.close(fd);
  return failed;
}

/** struct icmp6_filter: 256 bits in words of host order, a zero bit lets the type pass. */
function onlyType(type: number): ArrayBuffer {
  const words = new Uint32Array(8).fill(0xffffffff);
  words[type >> 5] = (words[type >> 5]! & ~(1 << (type & 31))) >>> 0;
  return words.buffer;
}
