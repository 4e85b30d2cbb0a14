// answers/device-names: names of the home's devices: the owner's (`config device`), else DHCP's. Pure.
import type { Directory, Selector } from '../policy/build-devices.ts';
import { type Host, hostName } from '../syntax/dhcp-hosts.ts';
import { cidrHas, parseAddress, parseCidr } from '../wire/address.ts';
import { canonicalMac } from '../wire/mac.ts';

/** A device as far as it is known. */
export interface KnownDevice {
  readonly mac: string | null;
  readonly addresses: Iterable<string>;
}

/** What a word names: a device or a group of devices. */
export interface NamedDevices {
  readonly name: string | null;
  readonly macs: readonly string[];
  readonly addresses: readonly string[];
  readonly isGroup?: true;
}

export interface DeviceNames {
  /** Name of the device with this address or MAC; null: it has none, or is not known. */
  nameOf(addressOrMac: string): string | null;
  /** MAC of an address, from DHCP or the neighbour table; null: not known. */
  macOf(address: string): string | null;
  /** MACs and single addresses in each section of a device. */
  readonly owned: readonly Pick<NamedDevices, 'macs' | 'addresses'>[];
  /** Names of the groups that have the device. */
  groupsOf(device: KnownDevice): readonly string[];
  /** The devices that `word` names: a device or group section, a DHCP name (".lan" is optional) or a MAC. */
  named(word: string): NamedDevices | null;
}

export interface NameSources {
  readonly directory?: Directory | undefined;
  readonly hosts: readonly Host[];
  /** The neighbour table: MAC by address. */
  neighbours(): ReadonlyMap<string, string>;
}

type Section = readonly [name: string, selector: Selector];

/** What the names are looked up in. */
interface Home extends Pick<NameSources, 'hosts'> {
  /** Of devices, without groups. */
  readonly sections: readonly Section[];
  /** DHCP's names by MAC. */
  readonly hostNames: ReadonlyMap<string, readonly string[]>;
  /** The place of the first section with a MAC or a host name, and of those with blocks. */
  readonly places: ReadonlyMap<string, number>;
  readonly withBlocks: readonly number[];
  /** The neighbour table. */
  readonly table: () => ReadonlyMap<string, string>;
  /** Names found before, by address or MAC. */
  readonly known: Map<string, string | null>;
}

/** The neighbour table is read once, and only if a question needs it. */
export function deviceNames({ directory, hosts, neighbours }: NameSources): DeviceNames {
  let met: ReadonlyMap<string, string> | null = null;
  const table = (): ReadonlyMap<string, string> => {
    met ??= neighbours();
    return met;
  };
  const sections = [...(directory ?? [])];
  const groups = sections.filter(([, one]) => one.isGroup === true);
  const alone = sections.filter(([, one]) => one.isGroup !== true);
  const found = { ...placesOf(alone), hostNames: hostNamesByMac(hosts) };
  const home: Home = { sections: alone, hosts, table, known: new Map(), ...found };
  return {
    nameOf: (word) => nameOf(home, word),
    macOf: (address) => macOf(home, address),
    owned: alone.map(([, { macs, blocks }]) => ({ macs, addresses: blocks.filter(isAlone) })),
    groupsOf: (device) => groups.filter(([, one]) => isIn(home, one, device)).map(([name]) => name),
    named: (word) => named(home, directory?.get(word), word),
  };
}

/** Hundreds of devices are looked up in hundreds of sections. */
function placesOf(sections: readonly Section[]): Pick<Home, 'places' | 'withBlocks'> {
  const places = new Map<string, number>();
  const withBlocks: number[] = [];
  sections.forEach(([, { macs, hosts, blocks }], at) => {
    for (const word of [...macs, ...hosts]) if (!places.has(word)) places.set(word, at);
    if (blocks.length > 0) withBlocks.push(at);
  });
  return { places, withBlocks };
}

function hostNamesByMac(hosts: readonly Host[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { mac, name } of hosts) {
    if (name === null) continue;
    const its = names.get(mac) ?? [];
    names.set(mac, its);
    its.push(name);
  }
  return names;
}

function macOf({ hosts, table }: Home, address: string): string | null {
  return hosts.find((one) => one.address === address)?.mac ?? table().get(address) ?? null;
}

function hostNamesOf({ hostNames }: Home, mac: string | null): readonly string[] {
  return hostNames.get(mac ?? '') ?? [];
}

/** The first section that has the device. */
function sectionOf(home: Home, one: KnownDevice): Section | undefined {
  const words = one.mac === null ? [] : [one.mac, ...hostNamesOf(home, one.mac)];
  const alone = words.map((word) => home.places.get(word) ?? Number.POSITIVE_INFINITY);
  const block = home.withBlocks.find((at) => isIn(home, home.sections[at]![1], one));
  return home.sections[Math.min(...alone, block ?? Number.POSITIVE_INFINITY)];
}

function isIn(home: Home, { macs, blocks, hosts }: Selector, one: KnownDevice): boolean {
  return (
    (one.mac !== null && macs.includes(one.mac)) ||
    hostNamesOf(home, one.mac).some((name) => hosts.includes(name)) ||
    Array.from(one.addresses).some((address) => blocks.some((block) => has(block, address)))
  );
}

function nameOf(home: Home, word: string): string | null {
  const before = home.known.get(word);
  if (before !== undefined) return before;
  const itself = canonicalMac(word);
  const mac = itself ?? macOf(home, word);
  const device = { mac, addresses: itself === null ? [word] : [] };
  const section = sectionOf(home, device);
  const name = section?.[0] ?? hostNamesOf(home, mac)[0] ?? null;
  home.known.set(word, name);
  return name;
}

/** `selector`: of the section `word`, if there is one. */
function named(home: Home, selector: Selector | undefined, word: string): NamedDevices | null {
  const { hosts, table } = home;
  const text = word.replace(/\.lan$/, '');
  const local = text.includes('.') ? null : hostName(text);
  const mac = canonicalMac(word);
  const names = selector?.hosts ?? (local === null ? [] : [local]);
  const own = selector?.macs ?? (mac === null ? [] : [mac]);
  const blocks = selector?.blocks ?? [];
  const found = hosts.filter(({ name }) => name !== null && names.includes(name));
  if (selector === undefined && mac === null && found.length === 0) return null;
  const macs = new Set([...own, ...found.map((one) => one.mac)]);
  const all = [...hosts, ...Array.from(table(), ([address, mac]) => ({ mac, address }))];
  const addresses = all.flatMap((one) => {
    const { address } = one;
    if (address === null) return [];
    return macs.has(one.mac) || blocks.some((block) => has(block, address)) ? [address] : [];
  });
  return {
    name: mac === null ? word : nameOf(home, mac),
    macs: [...macs],
    ...(selector?.isGroup === true ? { isGroup: true } : {}),
    addresses: [...new Set([...addresses, ...blocks.filter(isAlone)])],
  };
}

/** Whether the block is one address. */
function isAlone(block: string): boolean {
  return !block.includes('/');
}

/** Whether `address` is in the CIDR block `block`. */
export function has(block: string, address: string): boolean {
  const cidr = parseCidr(block);
  const bytes = parseAddress(address);
  if (cidr === null || bytes === null || cidr.bytes.length !== bytes.length) return false;
  return cidrHas(cidr, bytes, 0);
}
