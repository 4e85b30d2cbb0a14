// ruleset/compile/sets: the named sets. Static sets hold the policy; learned sets hold what packets and the
// agent add, bounded by the caps of the profile.

import { MOST_PINNED6, MOST_PINS } from '../../policy/choices.ts';
import { mappedBlocks, nat64Prefixes } from '../../policy/nat64.ts';
import type { App, Policy } from '../../policy/policy.ts';
import type { ProfileRange } from '../../profile/profile.ts';
import { FAMILIES, type Family, familyIn } from '../../wire/address.ts';
import { PORTMAP_SLACK, SLACK } from '../elements.ts';
import type { Datatype, LearnedSet, NamedSet, Span, StaticSet } from '../model.ts';
import { bogonSet, GATES, gateName, macSet, RENEWED, setName, unusedSet } from '../names.ts';
import { commonSets, renewedMilliseconds, shareSets } from './device-share.ts';
import { dnsLimitSets } from './dns.ts';
import { elementSets } from './element-packets.ts';
import { addressElements, keptElements, rangeElements, withoutBlocks } from './ranges.ts';

/**
 * Destinations that are never proxied: not public (RFC 6890 registries, like wire/address isRoutable). The
 * documentation blocks are missing on purpose: test networks use them.
 */
export const BOGONS: { readonly [family in Family]: readonly string[] } = {
  4: [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '224.0.0.0/3',
  ],
  // Everything outside 2000::/3 except NAT64 (64:ff9b::/96, RFC 6052), and the ORCHID blocks inside. bogons6
  // adds the NAT64 form of the IPv4 list.
  6: [
    '::-64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff',
    '64:ff9b::1:0:0-1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    '2001:10::/28',
    '2001:20::/28',
    '4000::/2',
    '8000::/1',
  ],
};

export function compileSets(policy: Policy): NamedSet[] {
  const proxies = policy.proxies.map((proxy) => proxy.address);
  return [
    ...FAMILIES.map((family) => bogons(family, proxies, policy.globals.nat64 ?? [])),
    ...commonSets(),
    ...elementSets(),
    ...renewedSets(policy),
    ...(policy.globals.hold ? [] : FAMILIES.map(unused)),
    ...dnsLimitSets(),
    ...policy.apps.flatMap((app) =>
      FAMILIES.flatMap((family) => [
        ...staticSets(app, family),
        pinSet(app, family),
        ...learnedSets(app, family),
        ...namedSets(policy, app, family),
      ]),
    ),
    ...policy.apps.flatMap(macKeyedSets),
    ...policy.apps.flatMap(shareSets),
    ...policy.apps.flatMap(gateSets),
    ...policy.apps.flatMap(macs),
  ];
}

/** Proxies are included: a proxied packet to a proxy would route its GRE packet into the tunnel itself. */
function bogons(family: Family, proxies: readonly string[], nat64: readonly string[]): StaticSet {
  const name = bogonSet(family);
  const blocks = family === 4 ? BOGONS[4] : bogons6(proxies, nat64);
  const elements = keptElements(name, [...blocks, ...proxies], family);
  return { role: 'static', name, key: [address(family)], elements };
}

/** Only where dnsmasq fills sets (router/dnsmasq). */
function unused(family: Family): LearnedSet {
  const shape = { key: [address(family)], size: 65535, timeout: 1000, dynamic: false };
  return { role: 'learned', name: unusedSet(family), ...shape };
}

/** A NAT64 prefix may be private: addresses behind it are judged by their IPv4 address. */
function bogons6(proxies: readonly string[], nat64: readonly string[]): string[] {
  const mapped = mappedBlocks([...BOGONS[4], ...proxies], nat64Prefixes(nat64));
  return [...withoutBlocks(BOGONS[6], nat64, 6), ...mapped];
}

function staticSets(app: App, family: Family): StaticSet[] {
  const { ranges } = app.profile;
  const key: Datatype[] = [address(family), 'protocol', 'port'];
  const of = (
    kind: 'range' | 'learn' | 'supernode',
    protocols: (range: ProfileRange) => Protocols,
  ) => ({
    role: 'static' as const,
    name: setName(app.name, kind, family),
    key,
    elements: rangeElements(ranges, { use: kind, family, protocols }),
  });
  const sets: StaticSet[] = [
    of('range', (range) => range.protocols),
    of('learn', (range) => range.learn),
    of('supernode', (range) => (range.role === 'supernode' ? range.protocols : [])),
  ];
  if ((app.except ?? []).length > 0) {
    const protocols = (range: ProfileRange): Protocols => range.protocols;
    const elements = rangeElements(app.except!, { use: 'except', family, protocols });
    sets.push({ role: 'static', name: setName(app.name, 'except', family), key, elements });
  }
  if (app.devices.length > 0) {
    sets.push({
      role: 'static',
      name: setName(app.name, 'device', family),
      key: [address(family)],
      elements: addressElements(app.devices, family),
    });
  }
  return sets;
}

/** Addresses pinned by the owner. No interval set, so that a reload can add or delete single elements. */
export function pinSet(app: App, family: Family): StaticSet {
  const pinned = app.pins?.addresses.filter((one) => familyIn(one) === family) ?? [];
  return {
    role: 'static',
    name: setName(app.name, 'pin', family),
    key: [address(family)],
    elements: pinned.map((one): Span[] => [[one, one]]),
    size: family === 4 ? MOST_PINS : MOST_PINNED6,
  };
}

/** MACs of the devices that the app is limited to. */
function macs(app: App): StaticSet[] {
  if (app.macs === undefined || app.macs.length === 0) return [];
  const elements = app.macs.map((mac): Span[] => [[mac, mac]]);
  return [{ role: 'static', name: macSet(app.name), key: ['ether'], elements }];
}

/**
 * Room beyond the cap of a profile for elements that the agent has deleted: they are expired, and count until the
 * kernel collects them, within a second.
 */
export const EXPIRED = 256;

type Protocols = readonly ('tcp' | 'udp')[];

function learnedSets(app: App, family: Family): LearnedSet[] {
  const { caps, endpoints, ports, peers, portmap, request } = app.profile;
  const device = address(family);
  const learned = (
    kind: 'addr' | 'udp' | 'tcp' | 'peer' | 'request' | 'portmap',
    shape: Pick<LearnedSet, 'key' | 'size' | 'timeout' | 'dynamic'>,
  ): LearnedSet => ({ role: 'learned', name: setName(app.name, kind, family), ...shape });
  const port = {
    key: [device, 'raw'] as const,
    size: caps.ports,
    timeout: ports.leaseSeconds * 1000,
    dynamic: true,
  };
  return [
    // The agent sets the timeout of each element; dnsmasq cannot, so the set has a default.
    learned('addr', {
      key: [device],
      size: caps.endpoints + EXPIRED,
      timeout: endpoints.ttlMaximumSeconds * 1000 + SLACK,
      dynamic: true,
    }),
    learned('udp', port),
    learned('tcp', port),
    learned('peer', {
      key: [device, device],
      size: caps.peers + EXPIRED,
      timeout: peers.leaseSeconds * 1000,
      dynamic: true,
    }),
    learned('request', {
      key: [device],
      size: caps.devices,
      timeout: request.windowMilliseconds,
      dynamic: true,
    }),
    learned('portmap', {
      key: [device],
      size: caps.devices,
      timeout: portmap.windowSeconds * 1000 + PORTMAP_SLACK,
      dynamic: true,
    }),
  ];
}

/** A MAC in sets that the agent writes by packets too (compile/element-packets). */
const MAC = ['mac32', 'mac16'] as const;

/** Ports, peers and queries of a device by its MAC. */
function macKeyedSets(app: App): LearnedSet[] {
  const { caps, ports, peers, portmap } = app.profile;
  const set = (
    kind: 'udpmac' | 'tcpmac' | 'peermac' | 'portmapmac',
    family: Family,
    mac: readonly Datatype[],
    of: readonly Datatype[],
    size: number,
    timeout: number,
  ): LearnedSet => ({
    role: 'learned',
    name: setName(app.name, kind, family),
    key: [...mac, ...of],
    size,
    timeout,
    dynamic: true,
  });
  return [
    set('udpmac', 4, ['ether'], ['raw'], caps.ports, ports.leaseSeconds * 1000),
    set('tcpmac', 4, ['ether'], ['raw'], caps.ports, ports.leaseSeconds * 1000),
    ...FAMILIES.map((family) =>
      set(
        'peermac',
        family,
        MAC,
        [address(family)],
        caps.peers + EXPIRED,
        peers.leaseSeconds * 1000,
      ),
    ),
    set('portmapmac', 4, MAC, [], caps.devices, portmap.windowSeconds * 1000 + PORTMAP_SLACK),
  ];
}

/** Concurrent flows of a busy home; a flow beyond them renews with every packet. */
const RENEWED_FLOWS = 2048;

function renewedSets(policy: Policy): LearnedSet[] {
  if (policy.apps.length === 0) return [];
  const timeout = renewedMilliseconds(policy);
  const shape = { key: ['flow'], size: RENEWED_FLOWS, timeout, dynamic: true } as const;
  return [{ role: 'learned', name: RENEWED, ...shape }];
}

function gateSets(app: App): LearnedSet[] {
  return GATES.map((gate) => ({
    role: 'learned',
    name: gateName(app.name, gate),
    key: ['family'],
    size: FAMILIES.length,
    timeout: null,
    dynamic: false,
  }));
}

/** Device and server pairs named by a ClientHello; only where ClientHellos are read. */
function namedSets(policy: Policy, app: App, family: Family): LearnedSet[] {
  if ((policy.resolverBypass?.hello ?? 'off') === 'off') return [];
  const key: Datatype[] = [address(family), address(family)];
  const size = app.profile.caps.endpoints + EXPIRED;
  const name = setName(app.name, 'hello', family);
  const timeout = app.profile.peers.leaseSeconds * 1000;
  return [{ role: 'learned', name, key, size, timeout, dynamic: true }];
}

function address(family: Family): Datatype {
  return family === 4 ? 'ipv4' : 'ipv6';
}
