// policy/hosts: what the router's DHCP server knows of the devices: dnsmasq's leases and the
// static hosts of /etc/config/dhcp. build resolves device names and addresses to MACs with it.
import { canonicalAddress } from '../wire/address.ts';
import { canonicalMac, isDeviceMac } from './mac.ts';
import { parseUci } from './uci.ts';

/** One device as DHCP knows it. */
export interface Host {
  readonly mac: string;
  /** Canonical text, or null: none is known. */
  readonly address: string | null;
  /** As the device or the owner calls it, lower case; null: it gave none. */
  readonly name: string | null;
}

/** More than any home has; the file is written by what devices send. */
const MOST_HOSTS = 1024;

/** A host name as dnsmasq lets it through (RFC 1123 labels), lower case, without a domain. */
export function hostName(text: string): string | null {
  const name = text.toLowerCase().split('.')[0]!;
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(name) ? name : null;
}

/**
 * Lines `EXPIRY MAC ADDRESS NAME CLIENT-ID` of /tmp/dhcp.leases; `*` is "no name". What is no such
 * line (the DUID of DHCPv6 and its leases, which name no MAC) is left out.
 */
export function parseLeases(text: string): Host[] {
  const hosts: Host[] = [];
  for (const line of text.split('\n')) {
    const [expiry = '', mac = '', address = '', name = ''] = line.trim().split(/\s+/);
    if (!/^\d+$/.test(expiry) || hosts.length >= MOST_HOSTS) continue;
    // A hardware type other than Ethernet stands in front: 06-aa:bb:...
    const known = canonicalMac(mac.replace(/^01-/, ''));
    const at = canonicalAddress(address);
    if (known === null || !isDeviceMac(known) || at === null) continue;
    hosts.push({ mac: known, address: at, name: hostName(name) });
  }
  return hosts;
}

/** Sections `host` of /etc/config/dhcp; a file that cannot be read as UCI gives none. */
export function parseStaticHosts(text: string): Host[] {
  const read = parseUci(text, 'dhcp');
  if (!read.ok) return [];
  const hosts: Host[] = [];
  for (const section of read.value.sections) {
    if (section.type !== 'host') continue;
    const all = (option: string): string[] =>
      section.values.filter(({ name }) => name === option).map(({ value }) => value);
    const address = canonicalAddress(all('ip').at(-1) ?? '');
    const name = hostName(all('name').at(-1) ?? '');
    for (const text of all('mac').flatMap((value) => value.split(/\s+/))) {
      const mac = canonicalMac(text);
      if (mac !== null && isDeviceMac(mac)) hosts.push({ mac, address, name });
    }
  }
  return hosts.slice(0, MOST_HOSTS);
}
