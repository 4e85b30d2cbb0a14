// The routing part of the fake kernel: devices, addresses, routes and rules in memory.
import type { KernelAddress } from '../../agent/src/netlink/address.ts';
import { FR_ACT_TO_TBL, RTN_PROHIBIT, RTN_UNICAST } from '../../agent/src/netlink/constants.ts';
import type { KernelLink } from '../../agent/src/netlink/kernel-link.ts';
import type { KernelRoute } from '../../agent/src/netlink/route.ts';
import type { KernelRule } from '../../agent/src/netlink/rule.ts';
import { type PathPiece, PROTOCOL } from '../../agent/src/reconcile/desired.ts';
import type { PathOperation } from '../../agent/src/reconcile/diff.ts';

/** Errnos of x86. */
const ENOENT = 2;
const ESRCH = 3;
const EEXIST = 17;
const ENODEV = 19;
const EOPNOTSUPP = 95;

export interface FakeRouting {
  links: KernelLink[];
  addresses: KernelAddress[];
  routes: KernelRoute[];
  rules: KernelRule[];
  readonly neighbours: Map<string, string>;
  /** False: the kernel has no GRE. */
  hasGre: boolean;
  indexes: number;
}

export function createRouting(): FakeRouting {
  return {
    links: [],
    addresses: [],
    routes: [],
    rules: [],
    neighbours: new Map(),
    hasGre: true,
    indexes: 0,
  };
}

const LINK = {
  mtu: 1500,
  flags: 1,
  kind: '',
  gre: null,
  master: 0,
  parent: 0,
  vlan: null,
  filters: false,
  vrfTable: 0,
  received: 0,
} as const;

export function addLink(
  routing: FakeRouting,
  name: string,
  change: Partial<KernelLink> = {},
): void {
  routing.indexes += 1;
  routing.links.push({ ...LINK, index: routing.indexes, name, ...change });
}

const NO_ROUTE = {
  destination: null,
  gateway: null,
  source: null,
  cloned: false,
} as const;

const NO_RULE = {
  action: FR_ACT_TO_TBL,
  selector: {},
  isInverted: false,
  target: 0,
  suppressed: -1,
} as const;

/** Runs one operation. Returns 0 or the errno. */
export function applyPath(routing: FakeRouting, { op, piece }: PathOperation): number {
  const device = piece.kind === 'address' || piece.kind === 'route' ? piece.link : null;
  const link = routing.links.find(({ name }) => name === device)?.index ?? 0;
  if (device !== null && link === 0) return op === 'add' ? ENODEV : 0;
  return op === 'add' ? addPiece(routing, piece, link) : deletePiece(routing, piece, link);
}

function addPiece(routing: FakeRouting, piece: PathPiece, link: number): number {
  switch (piece.kind) {
    case 'link': {
      const { name, local, remote, key, mtu } = piece;
      if (routing.links.some((one) => one.name === name)) return EEXIST;
      if (!routing.hasGre) return EOPNOTSUPP;
      const gre = { local, remote, key, ttl: 64, pathMtu: true };
      addLink(routing, name, { mtu, kind: 'gre', gre });
      return 0;
    }
    case 'address': {
      const { address, peer } = piece;
      if (routing.addresses.some((one) => one.address === address && one.link === link))
        return EEXIST;
      const family = address.includes(':') ? 6 : 4;
      const prefix = family === 6 ? 128 : 32;
      routing.addresses.push({ link, address, peer, prefix, family, scope: 0 });
      return 0;
    }
    case 'route': {
      const { family, table, metric } = piece;
      const same = (one: KernelRoute): boolean =>
        one.family === family && one.table === table && one.metric === metric;
      routing.routes = routing.routes.filter((one) => !same(one));
      routing.routes.push({
        ...NO_ROUTE,
        family,
        table,
        metric,
        link,
        type: piece.link === null ? RTN_PROHIBIT : RTN_UNICAST,
        protocol: PROTOCOL,
      });
      return 0;
    }
    case 'rule': {
      if (routing.rules.some((one) => isRule(one, piece))) return EEXIST;
      const { family, preference, mark, mask, table } = piece;
      routing.rules.push({ ...NO_RULE, family, preference, mark, mask, table, protocol: PROTOCOL });
      return 0;
    }
  }
}

function deletePiece(routing: FakeRouting, piece: PathPiece, link: number): number {
  switch (piece.kind) {
    case 'link': {
      const found = routing.links.find(({ name }) => name === piece.name);
      if (found === undefined) return ENODEV;
      dropLink(routing, found.name);
      return 0;
    }
    case 'address':
      return drop(
        routing,
        'addresses',
        (one) => one.address === piece.address && one.link === link,
      );
    case 'route':
      return drop(
        routing,
        'routes',
        (one) =>
          one.family === piece.family && one.table === piece.table && one.metric === piece.metric,
        ESRCH,
      );
    case 'rule':
      return drop(routing, 'rules', (one) => isRule(one, piece));
  }
}

/** Deletes a device with its addresses and routes. */
export function dropLink(routing: FakeRouting, name: string): void {
  const index = routing.links.find((one) => one.name === name)?.index;
  routing.links = routing.links.filter((one) => one.name !== name);
  routing.addresses = routing.addresses.filter(({ link }) => link !== index);
  routing.routes = routing.routes.filter(({ link }) => link !== index || link === 0);
}

function isRule(one: KernelRule, piece: PathPiece & { kind: 'rule' }): boolean {
  return (
    one.family === piece.family &&
    one.preference === piece.preference &&
    one.mark === piece.mark &&
    one.mask === piece.mask &&
    one.table === piece.table
  );
}

function drop<K extends 'addresses' | 'routes' | 'rules'>(
  routing: FakeRouting,
  kind: K,
  isOne: (one: FakeRouting[K][number]) => boolean,
  missing = ENOENT,
): number {
  const list = routing[kind] as FakeRouting[K][number][];
  const at = list.findIndex(isOne);
  if (at < 0) return missing;
  list.splice(at, 1);
  return 0;
}

/** The agent's devices, addresses, routes and rules, one line each, in the words of `ip`. */
export function routingText({ links, addresses, routes, rules }: FakeRouting): string[] {
  const nameOf = (index: number): string => links.find((one) => one.index === index)?.name ?? '';
  const ours = links.filter(({ name }) => name.startsWith('whp-'));
  return [
    ...ours.map(({ name, mtu }) => `link ${name} mtu ${mtu}`),
    ...addresses
      .filter(({ link }) => nameOf(link).startsWith('whp-'))
      .map(({ address, peer, link }) => `address ${address} peer ${peer} dev ${nameOf(link)}`),
    ...routes
      .filter(({ protocol }) => protocol === PROTOCOL)
      .map(({ family, type, link, table, metric }) => {
        const way = type === RTN_PROHIBIT ? 'prohibit default' : `default dev ${nameOf(link)}`;
        return `route v${family} ${way} table ${table} metric ${metric}`;
      }),
    ...rules
      .filter(({ protocol }) => protocol === PROTOCOL)
      .map(({ family, preference, mark, mask, table }) => {
        const bits = `0x${mark.toString(16)}/0x${mask.toString(16)}`;
        return `rule v${family} ${preference}: from all fwmark ${bits} lookup ${table}`;
      }),
  ].sort();
}

/** Deletes the IPv4 rule with this preference, as another program would. Returns it; null: there is none. */
export function dropRule(routing: FakeRouting, preference: number): KernelRule | null {
  const found = routing.rules.find((one) => one.family === 4 && one.preference === preference);
  routing.rules = routing.rules.filter((one) => one !== found);
  return found ?? null;
}
