// preflight/dhcp-dns: reads from /etc/config/dhcp the port of dnsmasq and the resolvers announced to devices
// (DHCP option 6, DHCPv6 option 23, router advertisements). Pure; resolvers.ts judges the result.

import { ON } from '../syntax/options.ts';
import { fail, type Result } from '../syntax/result.ts';
import { parseUci, type UciSection, type UciValue } from '../syntax/uci.ts';
import { canonicalAddress } from '../wire/address.ts';
import { DNS_PORT } from '../wire/ports.ts';

/** A resolver that DHCP or router advertisements announce to devices. */
export interface Announced {
  readonly address: string;
  /** "dhcp.lan.dhcp_option (/etc/config/dhcp:12)". */
  readonly where: string;
  /** The command that removes the entry, and the program to restart afterwards. */
  readonly remove: string;
  readonly program: 'dnsmasq' | 'odhcpd';
  /** netifd interface of the section; null: the section has none. */
  readonly interface: string | null;
}

export interface DhcpDns {
  readonly announced: readonly Announced[];
  /** The DNS port of each dnsmasq section (0: no DNS), with the path of the section. */
  readonly ports: readonly { readonly path: string; readonly port: number }[];
  /** Some section serves addresses. */
  readonly serves: boolean;
}

const FILE = '/etc/config/dhcp';
const OPTIONS = ['dhcp_option', 'dhcp_option_force'];
/** dnsmasq replaces these by its own address (its manual, dhcp-option). */
const OWN = ['0.0.0.0', '::', 'fd00::', 'fe80::'];

const MEANWHILE = 'until then it is not known which resolver the devices are told';

/** For a file that cannot be read. `why`: the error in words. */
export function unreadDhcp(why: string): Result<never> {
  return fail(FILE, `cannot be read: ${why}; make it a file that root can read; ${MEANWHILE}`);
}

/** The problem of a file that is no UCI is at its line. */
export function readDhcpDns(text: string): Result<DhcpDns> {
  const read = parseUci(text, FILE);
  if (!read.ok) {
    const problems = read.problems.map(({ where, what }) => ({
      where,
      what: `${what}; ${MEANWHILE}`,
    }));
    return { ok: false, problems };
  }
  const counts = new Map<string, number>();
  const sections = read.value.sections.map((section) => {
    const at = counts.get(section.type) ?? 0;
    counts.set(section.type, at + 1);
    return { section, path: `dhcp.${section.name ?? `@${section.type}[${at}]`}` };
  });
  const value = {
    announced: sections.flatMap(({ section, path }) => announcedOf(section, path)),
    ports: sections
      .filter(({ section }) => section.type === 'dnsmasq')
      .map(({ section, path }) => ({ path, port: Number(last(section, 'port') ?? DNS_PORT) })),
    serves: sections.some(({ section }) => hands(section)),
  };
  return { ok: true, value };
}

function last({ values }: UciSection, option: string): string | undefined {
  return values.filter(({ name }) => name === option).at(-1)?.value;
}

/** A DHCP section of dnsmasq or odhcpd that is not disabled. */
function hands(section: UciSection): boolean {
  if (section.type !== 'dhcp' || ON.includes(last(section, 'ignore') ?? '0')) return false;
  return [last(section, 'dhcpv4') ?? 'server', last(section, 'dhcpv6')].includes('server');
}

function announcedOf(section: UciSection, path: string): Announced[] {
  const on = last(section, 'interface') ?? null;
  return section.values.flatMap((one) => {
    const program = OPTIONS.includes(one.name) ? 'dnsmasq' : 'odhcpd';
    const isOption = program === 'dnsmasq';
    if (!isOption && (section.type !== 'dhcp' || one.name !== 'dns')) return [];
    const addresses = isOption ? ofOption(one.value) : one.value.split(/\s+/);
    return addresses.flatMap((text) => {
      const address = canonicalAddress(text.replace(/^\[|\]$/g, ''));
      if (address === null || (isOption && OWN.includes(address))) return [];
      const where = `${path}.${one.name} (${FILE}:${one.line})`;
      return [{ address, where, remove: removal(one, path), program, interface: on }];
    });
  });
}

function removal({ keyword, name, value }: UciValue, path: string): string {
  return keyword === 'list'
    ? `uci del_list ${path}.${name}='${value}'`
    : `uci delete ${path}.${name}`;
}

/** Addresses of `6,A,B`, `option:dns-server,A` or `option6:23,[A]`; tags and vendors may precede. */
function ofOption(value: string): string[] {
  const words = value.split(',').map((word) => word.trim());
  const at = words.findIndex((word) => !/^(?:tag|encap|vendor|vi-encap|set):/.test(word));
  const isDns = ['6', 'option:6', 'option:dns-server', 'option6:23', 'option6:dns-server'];
  return at >= 0 && isDns.includes(words[at]!) ? words.slice(at + 1) : [];
}
