// What /etc/config/dhcp says of resolvers: the port that dnsmasq answers on, and which resolvers the
// devices are told to ask (DHCP option 6, DHCPv6 option 23, router advertisements). Pure; resolvers.ts
// judges it.
import { ON } from '../syntax/options.ts';
import type { Result } from '../syntax/result.ts';
import { parseUci, type UciSection, type UciValue } from '../syntax/uci.ts';
import { canonicalAddress } from '../wire/address.ts';

/** A resolver that devices are told. */
export interface Announced {
  readonly address: string;
  /** "dhcp.lan.dhcp_option (/etc/config/dhcp:12)". */
  readonly where: string;
  /** What takes it out of the file, and which program reads it then. */
  readonly remove: string;
  readonly program: 'dnsmasq' | 'odhcpd';
  /** Whose devices are told it: netifd's name; null: the section does not say. */
  readonly interface: string | null;
}

export interface DhcpDns {
  readonly announced: readonly Announced[];
  /** dnsmasq's port of each of its sections, 0 for none; with the section's path. */
  readonly ports: readonly { readonly path: string; readonly port: number }[];
  /** Some section hands out addresses. */
  readonly serves: boolean;
}

const FILE = '/etc/config/dhcp';
const DNS = 53;
const OPTIONS = ['dhcp_option', 'dhcp_option_force'];
/** dnsmasq puts its own address in the place of these (its manual, dhcp-option). */
const OWN = ['0.0.0.0', '::', 'fd00::', 'fe80::'];

export function readDhcpDns(text: string): Result<DhcpDns> {
  const read = parseUci(text, FILE);
  if (!read.ok) return read;
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
      .map(({ section, path }) => ({ path, port: Number(last(section, 'port') ?? DNS) })),
    serves: sections.some(({ section }) => hands(section)),
  };
  return { ok: true, value };
}

function last({ values }: UciSection, option: string): string | undefined {
  return values.filter(({ name }) => name === option).at(-1)?.value;
}

/** A pool of dnsmasq or odhcpd that is not switched off. */
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

/** Addresses of `6,A,B`, `option:dns-server,A` or `option6:23,[A]`, tags and vendors before it. */
function ofOption(value: string): string[] {
  const words = value.split(',').map((word) => word.trim());
  const at = words.findIndex((word) => !/^(?:tag|encap|vendor|vi-encap|set):/.test(word));
  const isDns = ['6', 'option:6', 'option:dns-server', 'option6:23', 'option6:dns-server'];
  return at >= 0 && isDns.includes(words[at]!) ? words.slice(at + 1) : [];
}
