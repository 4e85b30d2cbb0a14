// router/dhcp-files: the files in which OpenWrt's DHCP servers keep what they know of the devices. Looked
// at by the agent at its ticks, read when one has changed; policy/ makes sense of them.
import * as os from 'qjs:os';
import { ENOENT } from 'whp:socket';
import { errnoText } from '../os/errno.ts';
import { isSmallFile, readText, stampOf } from '../os/file.ts';
import {
  type DhcpSetup,
  type Host,
  type KnownHosts,
  type LeaseFile,
  parseDhcp,
  UNREAD,
} from '../syntax/dhcp-hosts.ts';
import { parseLeases } from '../syntax/dhcp-leases.ts';

const DHCP = '/etc/config/dhcp';
/** Bytes of a lease file: a thousand devices are a tenth of it. */
const LARGEST_LEASES = 1 << 20;

/** The configuration as it was last read: large, and changed once a year. */
let known: { readonly stamp: string; readonly setup: DhcpSetup } | null = null;

function dhcpSetup(): DhcpSetup {
  const stamp = stampOf(DHCP);
  if (known?.stamp === stamp) return known.setup;
  const read = readText(DHCP);
  const before = known?.setup ?? UNREAD;
  const setup =
    read.ok || read.errno === ENOENT
      ? parseDhcp(read.ok ? read.text : '', DHCP, before)
      : { ...before, notes: [{ where: DHCP, what: `cannot be read: ${errnoText(read.errno)}` }] };
  known = { stamp, setup };
  return setup;
}

/** Devices by lease and by static entry; a file that is not there has none. */
export function readHosts(): readonly Host[] {
  return readKnownHosts().hosts;
}

/** The same with the files that they are from. */
export function readKnownHosts(): KnownHosts {
  const { leaseFiles, hosts: fixed, notes } = dhcpSetup();
  const hosts: Host[] = [];
  for (const path of leasesRead.keys()) if (!leaseFiles.includes(path)) leasesRead.delete(path);
  const leases = leaseFiles.map((path): LeaseFile => {
    const read = freshLeases(path);
    if (typeof read === 'string') return { path, devices: null, trouble: read };
    hosts.push(...(read ?? []));
    return { path, devices: read?.length ?? null, trouble: null };
  });
  return { hosts: [...hosts, ...fixed], leases, fixed: fixed.length, notes };
}

/** Null: the file is not there. A string: why it cannot be read. */
type Leases = readonly Host[] | string | null;

/** Lease files as they were last read. */
const leasesRead = new Map<string, { readonly stamp: string; readonly leases: Leases }>();

function freshLeases(path: string): Leases {
  const stamp = stampOf(path);
  const before = leasesRead.get(path);
  if (before?.stamp === stamp) return before.leases;
  const leases = readLeases(path);
  leasesRead.set(path, { stamp, leases });
  return leases;
}

function readLeases(path: string): Leases {
  const [stat, errno] = os.stat(path);
  if (stat === null) return errno === ENOENT ? null : errnoText(errno);
  // A pipe would never end.
  if (!isSmallFile(path, LARGEST_LEASES)) return `no file of at most ${LARGEST_LEASES} bytes`;
  const read = readText(path, LARGEST_LEASES);
  return read.ok ? parseLeases(read.text) : errnoText(read.errno);
}

/** A text that differs after a change of any of the files, and when others have come to count. */
export function hostsStamp(): string {
  const { leaseFiles } = dhcpSetup();
  return [DHCP, ...leaseFiles].map(stampOf).join(' ');
}
