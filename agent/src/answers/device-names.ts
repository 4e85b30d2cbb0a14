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

/** What the names are looked up in. */
interface Home extends Pick<NameSources, 'hosts'> {
  readonly sections: readonly (readonly [name: string, selector: Selector])[];
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
  const home: Home = { sections: [...(directory ?? [])], hosts, table, known: new Map() };
  return {
    nameOf: (word) => nameOf(home, word),
    macOf: (address) => macOf(home, address),
    owned: owned(home).map(([, { macs, blocks }]) => ({ macs, addresses: blocks.filter(isAlone) })),
    groupsOf: (device) =>
      home.sections
        .filter(([, one]) => one.isGroup === true && isIn(home, one, device))
        .map(([name]) => name),
    named: (word) => named(home, directory?.get(word), word),
  };
}

/** The device sections, without groups. */
function owned({ sections }: Home): Home['sections'] {
  return sections.filter(([, one]) => one.isGroup !== true);
}

function macOf({ hosts, table }: Home, address: string): string | null {
  return hosts.find((one) => one.address === address)?.mac ?? table().get(address) ?? null;
}

function hostNamesOf({ hosts }: Home, mac: string | null): readonly string[] {
  return hosts.flatMap((one) => (one.mac === mac && one.name !== null ? [one.name] : []));
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
  const section = owned(home).find(([, one]) => isIn(home, one, device));
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
