// syntax/dhcp-hosts: reads /etc/config/dhcp: static hosts, and the paths of the lease files of dnsmasq and odhcpd
// (dhcp-leases reads those). policy/build resolves device names and addresses to MACs with the result.
import { canonicalAddress } from '../wire/address.ts';
import { canonicalMac, isDeviceMac, macOfDuid } from '../wire/mac.ts';
import { OFF, ON } from './options.ts';
import type { Problem } from './result.ts';
import { parseUci, type UciPackage, type UciSection, type UciValue } from './uci.ts';

/** One device known to DHCP. */
export interface Host {
  readonly mac: string;
  /** Canonical text; null: unknown. */
  readonly address: string | null;
  /** Name from the device or the static host, lower case; null: none. */
  readonly name: string | null;
}

/** The content of /etc/config/dhcp. */
export interface DhcpSetup {
  /** Lease files of all enabled servers, without repetition. */
  readonly leaseFiles: readonly string[];
  /** Static hosts. */
  readonly hosts: readonly Host[];
  /** Entries that cannot be used, and servers that write no lease file. */
  readonly notes: readonly Problem[];
}

/** One lease file. */
export interface LeaseFile {
  readonly path: string;
  /** Number of devices in it; null: missing or unreadable. */
  readonly devices: number | null;
  /** Why it cannot be read, or null. */
  readonly trouble: string | null;
}

/** Hosts of all these files. */
export interface KnownHosts {
  readonly hosts: readonly Host[];
  readonly leases: readonly LeaseFile[];
  /** How many of `hosts` are static. */
  readonly fixed: number;
  readonly notes: readonly Problem[];
}

/** More than any home has. Devices control how many leases a file has. */
export const MOST_HOSTS = 1024;
const MOST_NOTES = 20;
/** Each file is checked every five seconds. */
const MOST_FILES = 16;

/** Default lease file of dnsmasq. */
const DNSMASQ_LEASES = '/tmp/dhcp.leases';
/** Used until the file can be read: the default paths of dnsmasq, and of odhcpd on OpenWrt. */
export const UNREAD: DhcpSetup = {
  leaseFiles: [DNSMASQ_LEASES, '/tmp/hosts/odhcpd', '/tmp/odhcpd.leases'],
  hosts: [],
  notes: [],
};

/** A host name that dnsmasq accepts (RFC 1123 labels), lower case, without its domain; null: not one. */
export function hostName(text: string): string | null {
  const name = text.toLowerCase().split('.')[0]!;
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name) ? name : null;
}

const MEANWHILE = 'until then lease files and static hosts are as known before';

/** For a file that cannot be read: `before`, with a note. `why`: the error in words. */
export function unreadSetup(why: string, file: string, before: DhcpSetup): DhcpSetup {
  const what = `cannot be read: ${why}; make it a file that root can read; ${MEANWHILE}`;
  return { ...before, notes: [{ where: file, what }] };
}

/** Reads `text`. If it is not valid UCI, the result is `before` with the problems as notes. */
export function parseDhcp(text: string, file: string, before: DhcpSetup = UNREAD): DhcpSetup {
  const read = parseUci(text, file);
  if (read.ok) return setupOf(read.value);
  const notes = read.problems.map(({ where, what }) => ({ where, what: `${what}; ${MEANWHILE}` }));
  return { ...before, notes: notes.slice(0, MOST_NOTES) };
}

function setupOf({ file, sections }: UciPackage): DhcpSetup {
  const notes: Problem[] = [];
  /** By lease file: the section that writes it. */
  const files = new Map<string, string>();
  const hosts: Host[] = [];
  const counts = new Map<string, number>();
  for (const section of sections) {
    const count = counts.get(section.type) ?? 0;
    counts.set(section.type, count + 1);
    const path = `dhcp.${section.name ?? `@${section.type}[${count}]`}`;
    const complain: Complain = (line, option, what) =>
      notes.push({ where: `${path}${option} (${file}:${line})`, what });
    if (section.type === 'host') hosts.push(...staticHosts(section, complain));
    const at = leaseFile(section, complain);
    const other = at === null ? undefined : files.get(at);
    if (other !== undefined) {
      const fix = `uci set ${path}.leasefile=${at}.${count}; uci commit dhcp; service dnsmasq restart`;
      const what = `has its leases in ${at} as ${other}, and each overwrites the other's; ${fix}`;
      complain(section.line, '', what);
    } else if (at !== null) files.set(at, path);
  }
  // dnsmasq may run without a section.
  if (!counts.has('dnsmasq') && files.size === 0) files.set(DNSMASQ_LEASES, '');
  const most = { hosts: hosts.slice(0, MOST_HOSTS), notes: notes.slice(0, MOST_NOTES) };
  return { leaseFiles: [...files.keys()].slice(0, MOST_FILES), ...most };
}

type Complain = (line: number, option: string, what: string) => void;

function allOf({ values }: UciSection, option: string): UciValue[] {
  return values.filter(({ name }) => name === option);
}

/** Lease file of a server section; null: another section, or no file. */
function leaseFile(section: UciSection, complain: Complain): string | null {
  const said = allOf(section, 'leasefile').at(-1);
  if (said !== undefined && !said.value.startsWith('/')) {
    complain(
      said.line,
      '.leasefile',
      `"${said.value}" is no path from / on; its leases are not read`,
    );
    return null;
  }
  if (section.type === 'dnsmasq') {
    const isOff = allOf(section, 'disabled').some(({ value }) => ON.includes(value));
    return isOff ? null : (said?.value ?? DNSMASQ_LEASES);
  }
  if (section.type !== 'odhcpd') return null;
  if (said === undefined) {
    const fix =
      'uci set dhcp.odhcpd.leasefile=/tmp/hosts/odhcpd; uci commit dhcp; service odhcpd restart';
    const what = `odhcpd keeps its leases to itself (ubus), so names and addresses of its devices are not known to whp; ${fix}`;
    complain(section.line, '', what);
  }
  return said?.value ?? null;
}

/** One host for each pair of MAC and address. Values of `ip` that are no address, such as "ignore", are skipped. */
function staticHosts(section: UciSection, complain: Complain): Host[] {
  if (allOf(section, 'enable').some(({ value }) => OFF.includes(value))) return [];
  const words = (option: string): string[] =>
    allOf(section, option).flatMap(({ value }) => value.split(/\s+/));
  const addresses = words('ip').flatMap((text) => canonicalAddress(text) ?? []);
  const name = hostName(allOf(section, 'name').at(-1)?.value ?? '');
  const macs = new Set<string>();
  for (const { value, line } of allOf(section, 'mac')) {
    for (const text of value.split(/\s+/).filter((one) => one !== '')) {
      const mac = canonicalMac(text);
      if (mac !== null && isDeviceMac(mac)) macs.add(mac);
      else {
        const what = `"${text}" is no MAC of one device, and is not used by whp; write AA:BB:CC:DD:EE:FF`;
        complain(line, '.mac', what);
      }
    }
  }
  // odhcpd accepts DUID%IAID, to tell two identities of a device apart.
  for (const text of words('duid')) {
    const mac = macOfDuid(text.split('%')[0]!);
    if (mac !== null && isDeviceMac(mac)) macs.add(mac);
  }
  const places = addresses.length === 0 ? [null] : addresses;
  return [...macs].flatMap((mac) => places.map((address) => ({ mac, address, name })));
}
