// kernel/probes: sends ICMP echo requests through the tunnel devices and receives the replies. A raw socket bound
// to the device tests this tunnel and needs only a Linux that answers on its own address. A ping socket would need
// ping_group_range, a GRE keepalive rp_filter off at the proxy.

import * as os from 'qjs:os';
import * as host from 'whp:probe';
import * as sys from 'whp:socket';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostInt, inetAddress } from '../netlink/endian.ts';
import { type KernelError, refused } from '../netlink/kernel-error.ts';
import { randomBytes } from '../os/random.ts';
import type { Proxy as CloudProxy } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import type { SteadyPlan, SteadyProbe } from '../tunnel/health.ts';
import { familyIn, familyOf, parseAddress } from '../wire/address.ts';
import { type EchoTag, echoRequest, readEchoReply } from '../wire/echo.ts';
import { checked, openBound } from './bound-socket.ts';

/** linux/in.h, linux/icmp.h, linux/icmpv6.h: the same on every architecture. */
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMPV6_FILTER = 1;
/** A zero bit lets the ICMP type pass. */
const ALL_BUT_ECHO_REPLY = ~1;

/** Called for each echo reply, with the name of the proxy and the sequence number of the request. */
export type OnReply = (proxy: string, sequence: number) => void;

export interface Probes {
  /** Sends an echo request to the inner address of the proxy. */
  send(proxy: CloudProxy, sequence: number): KernelError | null;
  /** Reads the replies that have arrived; called before a probe is counted as lost. */
  drain(): void;
  /** Leaves the probes to the host program, after one was sent. False: it does not take them. */
  leave(proxy: CloudProxy, plan: SteadyPlan): boolean;
  /** Takes them back, with those that it has sent. */
  takeBack(proxy: string): SteadyProbe[];
  /** Closes the sockets of proxies that are not in `proxies`. */
  retain(proxies: readonly CloudProxy[]): void;
}

interface Prober {
  readonly fd: number;
  /** The host program's, while it sends the probes; -1: it does not. */
  timer: number;
  readonly family: 4 | 6;
  /** The inner addresses of the proxy when the socket was opened. */
  readonly local: string;
  readonly remote: string;
}

/** One socket for each proxy, and one receive buffer for all. */
interface Probing {
  readonly tag: EchoTag;
  readonly probers: Map<string, Prober>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly onAnswer: OnReply;
  readonly onDoubt: () => void;
}

/** `onDoubt`: the host program has a probe that is not answered, or more than it can keep. */
export function openProbes(onAnswer: OnReply, onDoubt: () => void): Probes {
  const seed = randomBytes(10);
  const probing: Probing = {
    tag: { identifier: (seed[0]! << 8) | seed[1]!, token: seed.slice(2) },
    probers: new Map(),
    bytes: new Uint8Array(512),
    onAnswer,
    onDoubt,
  };
  return {
    send: (proxy, sequence) => sendProbe(probing, proxy, sequence),
    leave: (proxy, plan) => leave(probing, proxy, plan),
    takeBack: (name) => takeBack(probing.probers.get(name)),
    drain: () => {
      for (const [name, prober] of probing.probers) drainOne(probing, name, prober);
    },
    retain: (proxies) => {
      for (const name of Array.from(probing.probers.keys())) {
        if (!proxies.some((proxy) => proxy.name === name)) close(probing, name);
      }
    },
  };
}

function sendProbe(probing: Probing, proxy: CloudProxy, sequence: number): KernelError | null {
  let sent = attempt(probing, proxy, sequence);
  if (sent < 0 && probing.probers.has(proxy.name)) {
    // The device may have been deleted and created again with the same name.
    close(probing, proxy.name);
    sent = attempt(probing, proxy, sequence);
  }
  if (sent >= 0) return null;
  close(probing, proxy.name);
  return refused('send', `probe by ${tunnelDevice(proxy.name)}`, -sent);
}

/** Returns the bytes sent, or -errno. */
function attempt(probing: Probing, proxy: CloudProxy, sequence: number): number {
  const { probers, tag } = probing;
  const known = probers.get(proxy.name);
  const isSame = known?.local === proxy.local && known.remote === proxy.remote;
  if (known !== undefined && !isSame) close(probing, proxy.name);
  const fd = probers.get(proxy.name)?.fd ?? open(probing, proxy);
  if (fd < 0) return fd;
  const to = parseAddress(proxy.remote)!;
  const { buffer, length } = echoRequest(familyOf(to), tag, sequence);
  return sys.sendto(fd, buffer as ArrayBuffer, 0, length, MSG_DONTWAIT, inetAddress(to));
}

/** Returns the file descriptor, or -errno. */
function open(probing: Probing, { name, local, remote }: CloudProxy): number {
  const family = familyIn(remote);
  const fd = openRaw(family, tunnelDevice(name));
  if (fd < 0) return fd;
  const prober: Prober = { fd, family, local, remote, timer: -1 };
  probing.probers.set(name, prober);
  os.setReadHandler(fd, () => drainOne(probing, name, prober));
  return fd;
}

function close({ probers }: Probing, name: string): void {
  const prober = probers.get(name);
  if (prober === undefined) return;
  takeBack(prober);
  os.setReadHandler(prober.fd, null);
  os.close(prober.fd);
  probers.delete(name);
}

function leave(probing: Probing, { name, remote }: CloudProxy, plan: SteadyPlan): boolean {
  const prober = probing.probers.get(name);
  if (prober === undefined || prober.remote !== remote) return false;
  const { fd, family } = prober;
  const { sequence, first, interval, timeout } = plan;
  const packet = echoRequest(family, probing.tag, 0).buffer as ArrayBuffer;
  const to = inetAddress(parseAddress(remote)!);
  prober.timer = host.start(fd, packet, to, sequence, first, interval, timeout);
  if (prober.timer >= 0) os.setReadHandler(prober.timer, probing.onDoubt);
  return prober.timer >= 0;
}

const numbers = new Float64Array(48);

function takeBack(prober: Prober | undefined): SteadyProbe[] {
  if (prober === undefined || prober.timer < 0) return [];
  os.setReadHandler(prober.timer, null);
  prober.timer = -1;
  const count = host.stop(prober.fd, numbers.buffer);
  return Array.from({ length: count }, (_, i): SteadyProbe => {
    const [sequence, at, answered] = numbers.subarray(i * 3, i * 3 + 3) as unknown as number[];
    return { sequence: sequence!, at: at!, answered: answered === 0 ? null : answered! };
  });
}

function drainOne({ bytes, tag, onAnswer }: Probing, name: string, prober: Prober): void {
  for (;;) {
    const size = sys.recv(prober.fd, bytes.buffer, 0, bytes.length, MSG_DONTWAIT);
    if (size < 0) return;
    const sequence = readEchoReply(prober.family, bytes, size, tag);
    if (sequence !== null) onAnswer(name, sequence);
  }
}

/** Opens a raw socket that receives echo replies from one device only. Returns the file descriptor, or -errno. */
export function openRaw(family: 4 | 6, device: string): number {
  const [domain, protocol] =
    family === 4 ? [sys.AF_INET, IPPROTO_ICMP] : [sys.AF_INET6, IPPROTO_ICMPV6];
  const fd = openBound(domain, sys.SOCK_RAW, protocol, device);
  if (fd < 0) return fd;
  const filtered =
    family === 4
      ? sys.setsockopt(fd, SOL_RAW, ICMP_FILTER, hostInt(ALL_BUT_ECHO_REPLY))
      : sys.setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, onlyType(129));
  return checked(fd, filtered);
}

/** struct icmp6_filter: 256 bits in words of host byte order; a zero bit lets the type pass. */
function onlyType(type: number): ArrayBuffer {
  const words = new Uint32Array(8).fill(0xffffffff);
  words[type >> 5] = (words[type >> 5]! & ~(1 << (type & 31))) >>> 0;
  return words.buffer;
}
