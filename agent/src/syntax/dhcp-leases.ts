// syntax/dhcp-leases: parses the lease files of dnsmasq and odhcpd. Devices control parts of the content, so every
// field is checked and a line without a device is skipped.
import { canonicalAddress } from '../wire/address.ts';
import { canonicalMac, isDeviceMac, macOfDuid } from '../wire/mac.ts';
import { type Host, hostName, MOST_HOSTS } from './dhcp-hosts.ts';

/** The devices of a lease file of either program, at most MOST_HOSTS. */
export function parseLeases(text: string): Host[] {
  const hosts: Host[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    hosts.push(...(words[0] === '#' ? ofOdhcpd(words) : ofDnsmasq(words)));
    if (hosts.length >= MOST_HOSTS) break;
  }
  return hosts.slice(0, MOST_HOSTS);
}

/**
 * `EXPIRY MAC ADDRESS NAME CLIENT-ID` (dnsmasq, lease.c: lease_update_file); for IPv6 `EXPIRY IAID ADDRESS NAME
 * DUID`, with T before the IAID of a temporary address. `*` means none; `duid DUID` is the server's own and not a
 * lease.
 */
function ofDnsmasq([expiry = '', id = '', address = '', name = '', client = '']: string[]): Host[] {
  const at = canonicalAddress(address);
  if (!/^\d+$/.test(expiry) || at === null) return [];
  // A hardware type other than Ethernet is a prefix: 06-aa:bb:...
  const mac = at.includes(':') ? macOfDuid(client) : canonicalMac(id.replace(/^01-/, ''));
  return mac === null || !isDeviceMac(mac) ? [] : [{ mac, address: at, name: hostName(name) }];
}

/**
 * `# DEVICE MAC ipv4 NAME EXPIRY ID 32 ADDRESS/32` (odhcpd, statefiles.c); for IPv6 `# DEVICE DUID IAID NAME EXPIRY
 * ID LENGTH ADDRESS/128...`, or delegated prefixes. `-` means no name; `broken\x20` precedes an invalid name. Old
 * versions do not escape spaces in a name.
 */
function ofOdhcpd([, , id = '', iaid = '', name = '', expiry = '', ...rest]: string[]): Host[] {
  const mac = iaid === 'ipv4' ? canonicalMac(id) : macOfDuid(id);
  if (mac === null || !isDeviceMac(mac)) return [];
  const known = /^-?\d+$/.test(expiry) ? hostName(name) : null;
  return rest.flatMap((text) => {
    const [, address = ''] = /^(.+)\/(?:32|128)$/.exec(text) ?? [];
    const at = canonicalAddress(address);
    return at === null ? [] : [{ mac, address: at, name: known }];
  });
}
