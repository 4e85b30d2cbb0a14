// syntax/dhcp-leases: the files in which dnsmasq and odhcpd keep what they gave to whom. What devices send
// stands in them: every field is checked, and a line that names no device is left out.
import { canonicalAddress } from '../wire/address.ts';
import { canonicalMac, isDeviceMac, macOfDuid } from '../wire/mac.ts';
import { type Host, hostName, MOST_HOSTS } from './dhcp-hosts.ts';

/** The devices of a lease file of either program. */
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
 * `EXPIRY MAC ADDRESS NAME CLIENT-ID` (dnsmasq, lease.c: lease_update_file); of IPv6
 * `EXPIRY IAID ADDRESS NAME DUID`, the IAID with a T before it where the address is temporary. `*` is
 * "none"; the server's own `duid DUID` is no lease.
 */
function ofDnsmasq([expiry = '', id = '', address = '', name = '', client = '']: string[]): Host[] {
  const at = canonicalAddress(address);
  if (!/^\d+$/.test(expiry) || at === null) return [];
  // A hardware type other than Ethernet stands in front: 06-aa:bb:...
  const mac = at.includes(':') ? macOfDuid(client) : canonicalMac(id.replace(/^01-/, ''));
  return mac === null || !isDeviceMac(mac) ? [] : [{ mac, address: at, name: hostName(name) }];
}

/**
 * `# DEVICE MAC ipv4 NAME EXPIRY ID 32 ADDRESS/32` (odhcpd, statefiles.c); of IPv6
 * `# DEVICE DUID IAID NAME EXPIRY ID LENGTH ADDRESS/128...`, or prefixes that were delegated. `-` is "no
 * name"; `broken\x20` stands before a name that is none. Older ones wrote spaces of a name as they are.
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
