// policy/build-devices: checks the device and group sections, and resolves the devices of an app to MACs and
// address blocks by means of the DHCP leases and static hosts.

import { type Host, hostName } from '../syntax/dhcp-hosts.ts';
import {
  type OptionReader,
  type OptionSpec,
  readSection,
  type SectionPlace,
} from '../syntax/options.ts';
import type { Problem } from '../syntax/result.ts';
import { cidrHas, formatCidr, parseAddress, parseCidr } from '../wire/address.ts';
import { canonicalMac, isDeviceMac } from '../wire/mac.ts';

/** A device matches if any one of these matches. */
export interface Selector {
  readonly macs: readonly string[];
  /** CIDR blocks of either family. */
  readonly blocks: readonly string[];
  /** DHCP host names, lower case. */
  readonly hosts: readonly string[];
  /** A group section; absent: a device section. */
  readonly isGroup?: true;
  /** The device sections in a list of devices. */
  readonly sections?: readonly string[];
}

/** Devices and groups by the name of their section. */
export type Directory = ReadonlyMap<string, Selector>;

export const DEVICE_OPTIONS: OptionSpec = { options: [], lists: ['mac', 'address', 'name'] };
export const GROUP_OPTIONS: OptionSpec = { options: [], lists: ['device'] };

/** The devices, and the groups made of them. A group must not contain a group. */
export function buildDirectory(
  devices: readonly SectionPlace[],
  groups: readonly SectionPlace[],
  problems: Problem[],
): Directory {
  const directory = new Map<string, Selector>();
  for (const placed of devices) {
    const read = readSection(placed, DEVICE_OPTIONS, problems);
    const name = sectionName(read, placed, 'device');
    const macs = read.list('mac', macProblem).map((text) => canonicalMac(text)!);
    const blocks = read.list('address', blockProblem).map(normalBlock);
    const hosts = read.list('name', hostProblem).map((text) => hostName(text)!);
    const failed = ['mac', 'address', 'name'].some((option) => read.failed(option));
    if (macs.length + blocks.length + hosts.length === 0 && !failed) {
      read.complain(null, "says nothing of the device; write: list mac 'AA:BB:CC:DD:EE:FF'");
    }
    directory.set(name, { macs, blocks, hosts });
  }
  const alone = new Map(directory);
  for (const placed of groups) {
    const read = readSection(placed, GROUP_OPTIONS, problems);
    const name = sectionName(read, placed, 'group');
    const members = readDevices(read, alone);
    if (members === null && !read.failed('device')) {
      read.complain('device', "is missing; write: list device 'NAME' for each of its devices");
    }
    directory.set(name, { ...(members ?? NOBODY), isGroup: true });
  }
  return directory;
}

const NOBODY: Selector = { macs: [], blocks: [], hosts: [] };

function sectionName(read: OptionReader, placed: SectionPlace, type: string): string {
  const { name } = placed.section;
  if (name === null) read.complain(null, `needs a name; write: config ${type} 'NAME'`);
  return name ?? '';
}

/**
 * Reads `list device` (or `list`) of an app or a group: MACs, addresses, blocks or section names. Null: the
 * list has no valid value.
 */
export function readDevices(
  read: OptionReader,
  directory: Directory,
  list = 'device',
): Selector | null {
  const words = read.list(list, (text) => deviceProblem(text, directory));
  if (words.length === 0) return null;
  const chosen = words.map((text): Selector => {
    const mac = canonicalMac(text);
    if (mac !== null) return { ...NOBODY, macs: [mac] };
    if (parseCidr(text) !== null) return { ...NOBODY, blocks: [normalBlock(text)] };
    return { sections: [text], ...directory.get(text)! };
  });
  const all = (kind: 'macs' | 'blocks' | 'hosts' | 'sections'): string[] => [
    ...new Set(chosen.flatMap((one) => one[kind] ?? [])),
  ];
  const sections = all('sections');
  const named = sections.length > 0 ? { sections } : {};
  return { macs: all('macs'), blocks: all('blocks'), hosts: all('hosts'), ...named };
}

function deviceProblem(text: string, directory: Directory): string | null {
  if (canonicalMac(text) !== null) return macProblem(text);
  if (parseCidr(text) !== null || directory.has(text)) return null;
  const known = [...directory.keys()].join(', ') || 'there are none';
  return `"${text}" is no MAC, no address, no block such as 192.168.1.32/28, and no device or group section (${known})`;
}

function macProblem(text: string): string | null {
  const mac = canonicalMac(text);
  if (mac === null) return `"${text}" is no MAC; write it as AA:BB:CC:DD:EE:FF`;
  return isDeviceMac(mac) ? null : `"${text}" is no address of a single device`;
}

function blockProblem(text: string): string | null {
  return parseCidr(text) === null
    ? `"${text}" is neither an address nor a block such as 192.168.1.32/28`
    : null;
}

function normalBlock(text: string): string {
  return formatCidr(parseCidr(text)!);
}

function hostProblem(text: string): string | null {
  return hostName(text) === null ? `"${text}" is no host name such as living-room-tv` : null;
}

/**
 * The MACs that a selector selects now: its own, those of its host names, and those of DHCP hosts with one of
 * its addresses, since a device selected by its IPv4 address also uses IPv6.
 */
export function resolveMacs(selector: Selector, hosts: readonly Host[]): string[] {
  const blocks = selector.blocks.map((text) => parseCidr(text)!);
  const names = new Set(selector.hosts);
  const isMeant = ({ name, address }: Host): boolean => {
    if (name !== null && names.has(name)) return true;
    if (blocks.length === 0) return false;
    const bytes = address === null ? null : parseAddress(address);
    if (bytes === null) return false;
    return blocks.some((block) => block.bytes.length === bytes.length && cidrHas(block, bytes, 0));
  };
  // A section that names MACs alone is asked for in each limited app.
  const isSearched = blocks.length + names.size > 0;
  const found = isSearched ? hosts.filter(isMeant).map(({ mac }) => mac) : [];
  return [...new Set([...selector.macs, ...found])].sort();
}
