// policy/build-proxies: checks the proxy sections, each alone and against the others. build leaves disabled
// proxies out of the policy.

import {
  lengthText,
  type OptionReader,
  type OptionSpec,
  readBoolean,
  readInteger,
  readSection,
  type SectionPlace,
} from '../syntax/options.ts';
import type { Problem } from '../syntax/result.ts';
import { canonicalAddress, familyIn } from '../wire/address.ts';
import type { Proxy as CloudProxy } from './policy.ts';

export interface BuiltProxy {
  readonly name: string;
  readonly enabled: boolean;
  readonly proxy: CloudProxy;
}

export const PROXY_OPTIONS: OptionSpec = {
  options: ['enabled', 'address', 'key', 'local', 'remote', 'local6', 'remote6', 'mtu'],
  lists: [],
};

/** All proxy sections, disabled ones included, since an app may name them. */
export function buildProxies(sections: readonly SectionPlace[], problems: Problem[]): BuiltProxy[] {
  const built: BuiltProxy[] = [];
  for (const placed of sections) {
    const read = readSection(placed, PROXY_OPTIONS, problems);
    const name = placed.section.name ?? '';
    // The tunnel device is `whp-<name>`; IFNAMSIZ allows 15 characters.
    if (!/^[A-Za-z0-9_]{1,10}$/.test(name)) {
      const shape = 'a proxy needs a name of 1 to 10 letters, digits or _';
      read.complain(null, `${shape}${lengthText(name, 10)}`);
    }
    const enabled = readBoolean(read, 'enabled', true);
    const proxy = readProxy(read, name, enabled);
    for (const other of enabled ? built : []) {
      if (other.enabled) checkAgainst(read, proxy, other.proxy);
    }
    built.push({ name, enabled, proxy });
  }
  return built;
}

function readProxy(read: OptionReader, name: string, enabled: boolean): CloudProxy {
  const address = readAddress(read, 'address', enabled, "the proxy's public IP address");
  const inner = 'an address of a network that nothing else here uses, such as 10.254.1.1';
  const local = readAddress(read, 'local', enabled, inner);
  const remote = readAddress(read, 'remote', enabled, inner);
  if (local !== '' && local === remote) read.complain('remote', 'is the same as local; change one');
  if (local !== '' && remote !== '' && familyIn(local) !== familyIn(remote)) {
    read.complain('remote', 'local and remote are of different families; use IPv4 for both');
  }
  const inner6 = readInner6(read);
  const hasKey = read.option('key') !== null;
  const hasMtu = read.option('mtu') !== null;
  return {
    name,
    address,
    key: hasKey ? readInteger(read, 'key', 0, 0xffffffff, 0) : null,
    local,
    remote,
    ...(inner6 === null ? {} : { inner6 }),
    // IPv6 needs 1280 (RFC 8200 section 5). Over Ethernet, GRE leaves 1476, or 1472 with a key.
    mtu: hasMtu ? readInteger(read, 'mtu', 1280, 65535, 1472) : null,
  };
}

/** Inner IPv6 addresses: both or none. */
function readInner6(read: OptionReader): { local: string; remote: string } | null {
  const example = 'an IPv6 address of a network that nothing else here uses, such as fd00:d5::1';
  const given = read.option('local6') !== null || read.option('remote6') !== null;
  const local = readAddress(read, 'local6', given, example);
  const remote = readAddress(read, 'remote6', given, example);
  if (local !== '' && familyIn(local) === 4)
    read.complain('local6', `is no IPv6; write ${example}`);
  if (remote !== '' && familyIn(remote) === 4) {
    read.complain('remote6', `is no IPv6; write ${example}`);
  }
  if (local !== '' && local === remote) {
    read.complain('remote6', 'is the same as local6; change one');
  }
  return given ? { local, remote } : null;
}

function readAddress(read: OptionReader, name: string, required: boolean, fix: string): string {
  const value = read.option(name);
  if (value === null) {
    if (required) read.complain(name, `is missing; write ${fix}`);
    return '';
  }
  const address = canonicalAddress(value);
  if (address === null) read.complain(name, `"${value}" is no IP address; write ${fix}`);
  return address ?? '';
}

function checkAgainst(read: OptionReader, proxy: CloudProxy, other: CloudProxy): void {
  if (proxy.address !== '' && proxy.address === other.address && proxy.key === other.key) {
    read.complain('key', `proxy ${other.name} has the same address and key; give each its own key`);
  }
  if (proxy.local !== '' && proxy.local === other.local) {
    read.complain('local', `proxy ${other.name} uses ${other.local} too; give each its own`);
  }
}
