// router/resolvers: finds the programs that answer DNS on this router, and the resolvers that its DHCP
// announces, for preflight/resolvers. Results are cached: finding the owner of a socket means a walk through
// all processes.

import * as os from 'qjs:os';
import { ENOENT } from 'whp:socket';
import { pause } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { listNames, readText, stampOf } from '../os/file.ts';
import { readDhcpDns, unreadDhcp } from '../preflight/dhcp-dns.ts';
import { type Listener, readListeners } from '../preflight/listeners.ts';
import type { ResolversSeen } from '../preflight/seen.ts';
import { ok } from '../syntax/result.ts';
import { DNS_PORT, DOT_PORT } from '../wire/ports.ts';

const TABLES = ['/proc/net/udp', '/proc/net/udp6', '/proc/net/tcp', '/proc/net/tcp6'];
const DHCP = '/etc/config/dhcp';
/** Process names of resolvers (the kernel keeps 15 characters), and their configuration files. */
const PROGRAMS = [
  ['dnsmasq', DHCP],
  ['AdGuardHome', '/etc/config/adguardhome', '/etc/config/AdGuardHome'],
  ['smartdns', '/etc/config/smartdns'],
  ['unbound', '/etc/config/unbound'],
  ['named', '/etc/bind/named.conf'],
  ['mosdns', '/etc/config/mosdns'],
  ['dnscrypt-proxy', '/etc/config/dnscrypt-proxy2'],
  ['https-dns-proxy', '/etc/config/https-dns-proxy'],
  ['stubby', '/etc/config/stubby'],
  ['sing-box', '/etc/config/homeproxy', '/etc/config/sing-box'],
  ['clash', '/etc/config/openclash'],
] as const;

/** `ports`: further ports besides those of DNS. */
export async function readResolvers(ports: readonly number[]): Promise<ResolversSeen> {
  return { answering: await answering([DNS_PORT, DOT_PORT, ...ports]), dhcp: dhcp() };
}

const known = {
  sockets: '',
  answering: [] as ResolversSeen['answering'],
  stamp: '',
  dhcp: ok(null) as ResolversSeen['dhcp'],
};

async function answering(ports: readonly number[]): Promise<ResolversSeen['answering']> {
  const sockets = TABLES.flatMap((path) => {
    const read = readText(path);
    return read.ok ? readListeners(read.text, ports) : [];
  });
  const text = JSON.stringify(sockets);
  if (text !== known.sockets) {
    known.answering = sockets.length === 0 ? [] : await named(sockets);
    known.sockets = text;
  }
  return known.answering;
}

async function named(sockets: readonly Listener[]): Promise<ResolversSeen['answering']> {
  const running = await processes();
  await pause();
  const owners = ownersOf(new Set(sockets.map(({ inode }) => inode)), running);
  return sockets.map(({ port, inode }) => ({ port, who: owners.get(inode) ?? guess(running) }));
}

/** Processes read between two pauses: a slow router needs a millisecond for each. */
const AT_ONCE = 10;

/** Names by process number; resolvers first, so that ownersOf seldom has to read other processes. */
async function processes(): Promise<[pid: string, name: string][]> {
  const read = listNames('/proc');
  if (!read.ok) return [];
  const all: [string, string][] = [];
  for (const pid of read.names.filter((name) => /^\d+$/.test(name))) {
    all.push([pid, nameOf(pid)]);
    if (all.length % AT_ONCE === 0) await pause();
  }
  const isResolver = ([, name]: [string, string]): boolean =>
    PROGRAMS.some(([one]) => one === name);
  return [...all.filter(isResolver), ...all.filter((one) => !isResolver(one))];
}

function nameOf(pid: string): string {
  const read = readText(`/proc/${pid}/comm`);
  return read.ok ? read.text.trim() : '';
}

/**
 * Process names by the inodes of the sockets that they have open. The agent's jail has fewer rights, so the
 * open files of a process in another jail are not readable.
 */
function ownersOf(
  inodes: ReadonlySet<number>,
  running: readonly (readonly [string, string])[],
): Map<number, string> {
  const owners = new Map<number, string>();
  for (const [pid, name] of running) {
    if (owners.size === inodes.size) break;
    const open = listNames(`/proc/${pid}/fd`);
    for (const fd of open.ok ? open.names : []) {
      const [target] = os.readlink(`/proc/${pid}/fd/${fd}`);
      const inode = Number(/^socket:\[(\d+)\]$/.exec(target ?? '')?.[1] ?? -1);
      if (inodes.has(inode)) owners.set(inode, name);
    }
  }
  return owners;
}

/** The name of a running resolver, else of an installed one. */
function guess(running: readonly (readonly [string, string])[]): string {
  const names = PROGRAMS.map(([name]) => name).filter((name) =>
    running.some(([, one]) => one === name),
  );
  if (names.length > 0) return `${names.join(' or ')} (running)`;
  const installed = PROGRAMS.filter(([, ...files]) => files.some((file) => isThere(file)));
  return installed.length === 0
    ? 'a program that is not known'
    : `${installed.map(([name]) => name).join(' or ')} (installed)`;
}

function isThere(path: string): boolean {
  return os.stat(path)[0] !== null;
}

function dhcp(): ResolversSeen['dhcp'] {
  const stamp = stampOf(DHCP);
  if (stamp !== known.stamp) {
    known.stamp = stamp;
    known.dhcp = readDhcp();
  }
  return known.dhcp;
}

function readDhcp(): ResolversSeen['dhcp'] {
  const read = readText(DHCP);
  if (read.ok) return readDhcpDns(read.text);
  return read.errno === ENOENT ? ok(null) : unreadDhcp(errnoText(read.errno));
}
