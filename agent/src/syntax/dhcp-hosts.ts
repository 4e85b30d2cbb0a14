// syntax/dhcp-hosts: what the router's DHCP servers know of the devices, by /etc/config/dhcp: its static
// hosts, and the files in which dnsmasq and odhcpd keep their leases (leases reads those). build
// resolves device names and addresses to MACs with it.
import { canonicalAddress } from '../wire/address.ts';
import { canonicalMac, isDeviceMac, macOfDuid } from '../wire/mac.ts';
import { OFF, ON } from './options.ts';
import type { Problem } from './result.ts';
import { parseUci, type UciPackage, type UciSection, type UciValue } from './uci.ts';

/** One device as DHCP knows it. */
export interface Host {
  readonly mac: string;
  /** Canonical text, or null: none is known. */
  readonly address: string | null;
  /** As the device or the owner calls it, lower case; null: it gave none. */
  readonly name: string | null;
}

/** What /etc/config/dhcp says. */
export interface DhcpSetup {
  /** The lease files of every server that runs, each once. */
  readonly leaseFiles: readonly string[];
  /** Static hosts. */
  readonly hosts: readonly Host[];
  /** What of it cannot be used, and leases that are in no file. */
  readonly notes: readonly Problem[];
}

/** What was found in a lease file. */
export interface LeaseFile {
  readonly path: string;
  /** Devices in it, or null: it is not there, or cannot be read. */
  readonly devices: number | null;
  /** Why it cannot be read, or null. */
  readonly trouble: string | null;
}

/** What was found in all these files. */
export interface KnownHosts {
  readonly hosts: readonly Host[];
  readonly leases: readonly LeaseFile[];
  /** Static hosts among them. */
  readonly fixed: number;
  readonly notes: readonly Problem[];
}

/** More than any home has; a lease file is written by what devices send. */
export const MOST_HOSTS = 1024;
const MOST_NOTES = 20;
/** Each is looked at every five seconds. */
const MOST_FILES = 16;

/** Where dnsmasq keeps leases unless told otherwise. */
const DNSMASQ_LEASES = '/tmp/dhcp.leases';
/** Before the file could be read: the usual places, odhcpd's by OpenWrt's presets. */
export const UNREAD: DhcpSetup = {
  leaseFiles: [DNSMASQ_LEASES, '/tmp/hosts/odhcpd', '/tmp/odhcpd.leases'],
  hosts: [],
  notes: [],
};

/** A host name as dnsmasq lets it through (RFC 1123 labels), lower case, without a domain. */
export function hostName(text: string): string | null {
  const name = text.toLowerCase().split('.')[0]!;
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name) ? name : null;
}

/** Reads `text`; while it cannot be read as UCI, `before` goes on to count. */
export function parseDhcp(text: string, file: string, before: DhcpSetup = UNREAD): DhcpSetup {
  const read = parseUci(text, file);
  if (read.ok) return setupOf(read.value);
  const meanwhile = 'until then lease files and static hosts are as known before';
  const notes = read.problems.map(({ where, what }) => ({ where, what: `${what}; ${meanwhile}` }));
  return { ...before, notes: notes.slice(0, MOST_NOTES) };
}

function setupOf({ file, sections }: UciPackage): DhcpSetup {
  const notes: Problem[] = [];
  /** With the section that has it. */
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
  // No server is configured: it may run all the same.
  if (!counts.has('dnsmasq') && files.size === 0) files.set(DNSMASQ_LEASES, '');
  const most = { hosts: hosts.slice(0, MOST_HOSTS), notes: notes.slice(0, MOST_NOTES) };
  return { leaseFiles: [...files.keys()].slice(0, MOST_FILES), ...most };
}

type Complain = (line: number, option: string, what: string) => void;

function allOf({ values }: UciSection, option: string): UciValue[] {
  return values.filter(({ name }) => name === option);
}

/** The file of a server's section; null: it is none, or keeps none. */
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

/** One for each MAC and address; an address may be "ignore", and what is no address is none. */
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
  // odhcpd may tell two of a device's identities apart: DUID%IAID.
  for (const text of words('duid')) {
    const mac = macOfDuid(text.split('%')[0]!);
    if (mac !== null && isDeviceMac(mac)) macs.add(mac);
  }
  const places = addresses.length === 0 ? [null] : addresses;
  return [...macs].flatMap((mac) => places.map((address) => ({ mac, address, name })));
}
