// router/dhcp-files: reads the lease files and static hosts of OpenWrt's DHCP servers. The agent checks the
// stamps of the files at its ticks and reads a file only after a change.
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
  unreadSetup,
} from '../syntax/dhcp-hosts.ts';
import { parseLeases } from '../syntax/dhcp-leases.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';

const DHCP = '/etc/config/dhcp';
/** Bytes of a lease file: a thousand devices need a tenth of it. */
const LARGEST_LEASES = 1 << 20;

/** The last parsed configuration: the file is large and rarely changes. */
let known: { readonly stamp: string; readonly setup: DhcpSetup } | null = null;

function dhcpSetup(): DhcpSetup {
  const stamp = stampOf(DHCP);
  if (known?.stamp === stamp) return known.setup;
  const read = readText(DHCP);
  const before = known?.setup ?? UNREAD;
  const setup =
    read.ok || read.errno === ENOENT
      ? parseDhcp(read.ok ? read.text : '', DHCP, before)
      : unreadSetup(errnoText(read.errno), DHCP, before);
  known = { stamp, setup };
  return setup;
}

/** Devices from leases and static entries. A missing file has none. */
export function readHosts(): readonly Host[] {
  return readKnownHosts().hosts;
}

/** As readHosts, with the files that the devices are from. */
export function readKnownHosts(): KnownHosts {
  const { leaseFiles, hosts: fixed, notes } = dhcpSetup();
  const hosts: Host[] = [];
  for (const path of leasesRead.keys()) if (!leaseFiles.includes(path)) leasesRead.delete(path);
  const leases = leaseFiles.map((path): LeaseFile => {
    const read = freshLeases(path);
    if (!read.ok) return { path, devices: null, trouble: read.what };
    hosts.push(...(read.value ?? []));
    return { path, devices: read.value?.length ?? null, trouble: null };
  });
  return { hosts: [...hosts, ...fixed], leases, fixed: fixed.length, notes };
}

/** Value null: the file is missing. */
type Leases = Checked<readonly Host[] | null>;

/** Lease files as last read. */
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
  if (stat === null) return errno === ENOENT ? ok(null) : invalid(errnoText(errno));
  // A read from a pipe would not end.
  if (!isSmallFile(path, LARGEST_LEASES))
    return invalid(`no file of at most ${LARGEST_LEASES} bytes`);
  const read = readText(path, LARGEST_LEASES);
  return read.ok ? ok(parseLeases(read.text)) : invalid(errnoText(read.errno));
}

/** A text that changes when any of the files changes, or when the list of lease files changes. */
export function hostsStamp(): string {
  const { leaseFiles } = dhcpSetup();
  return [DHCP, ...leaseFiles].map(stampOf).join(' ');
}
