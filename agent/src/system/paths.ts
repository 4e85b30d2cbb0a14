// system/paths: links, addresses, routes and ip rules of the tunnels, as the kernel has them and as
// reconcile/ wants them. Reads dumps into reconcile's shape, runs its operations one by one. What
// is not ours (another name, another protocol number, another table) is neither read nor touched.

import {
  type KernelAddress,
  putAddressAdd,
  putAddressDelete,
  putAddressDump,
  readAddress,
} from '../netlink/address.ts';
import { IFF_UP, NETLINK_ROUTE, RTN_PROHIBIT } from '../netlink/constants.ts';
import {
  type KernelLink,
  putGreCreate,
  putLinkDelete,
  putLinkDump,
  readLink,
} from '../netlink/link.ts';
import type { Decoded, Message, Reader } from '../netlink/message.ts';
import {
  type DefaultRoute,
  type KernelRoute,
  putRouteDelete,
  putRouteDump,
  putRouteQuery,
  putRouteReplace,
  readRoute,
} from '../netlink/route.ts';
import {
  type KernelRule,
  putRuleAdd,
  putRuleDelete,
  putRuleDump,
  readRule,
} from '../netlink/rule.ts';
import type { Writer } from '../netlink/writer.ts';
import { weakerWithout } from '../policy/lacking.ts';
import { FIRST_SLOT, LAST_TABLE_SLOT } from '../policy/marks.ts';
import type { Globals } from '../policy/policy.ts';
import { type Desired, describe, type Piece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { isLinkName } from '../tunnel/plan.ts';
import { parseAddress } from '../wire/address.ts';
import { dump, transact } from './netlink-request.ts';
import { type NetlinkSocket, openNetlink, request, takeSequence } from './netlink-socket.ts';

/** Who made a route or rule, as `ip route` and `ip rule` show it (proto 119): this program. */
export const PROTOCOL = 119;

/** RT_TABLE_MAIN and RT_TABLE_LOCAL. */
const MAIN = 254;
const LOCAL = 255;

export interface Realized {
  /** What of ours stands, in reconcile's shape. */
  readonly pieces: Desired;
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  /** Rules and routes of everybody; of the tables main and local no more than the defaults. */
  readonly all: { readonly rules: readonly KernelRule[]; readonly routes: readonly KernelRoute[] };
}

export interface Paths {
  readonly socket: NetlinkSocket;
  /** Where our rules and tables stand; a reload may move them. */
  globals: Pick<Globals, 'preference' | 'table'>;
}

export function openPaths(globals: Pick<Globals, 'preference' | 'table'>): Paths | string {
  const opened = openNetlink(NETLINK_ROUTE);
  return opened.ok ? { socket: opened.socket, globals } : opened.reason;
}

/** The devices alone. A string is the error. */
export function readLinks({ socket }: Paths): readonly KernelLink[] | string {
  const links = collect(socket, putLinkDump, readLink);
  return typeof links === 'string' ? `read links: ${links}` : links;
}

/** Reads all four kinds. A string is the error, with the errno of the dump that failed. */
export function readPaths(paths: Paths): Realized | string {
  const { socket, globals } = paths;
  const links = readLinks(paths);
  if (typeof links === 'string') return links;
  const addresses: KernelAddress[] = [];
  const pieces: Piece[] = links.filter(isOwnLink).map(linkPiece);
  const names = new Map(links.map((link) => [link.index, link.name]));
  const routes: Piece[] = [];
  const rules: Piece[] = [];
  const all = { rules: [] as KernelRule[], routes: [] as KernelRoute[] };
  for (const family of [4, 6] as const) {
    const found = collect(socket, (w, seq) => putAddressDump(w, seq, family), readAddress);
    if (typeof found === 'string') return `read addresses: ${found}`;
    addresses.push(...found);
    const table = collect(socket, (w, seq) => putRouteDump(w, seq, family), readRoute);
    if (typeof table === 'string') return `read routes: ${table}`;
    all.routes.push(...table.filter((one) => one.destination === null || one.table < MAIN));
    all.routes.push(...table.filter((one) => one.destination !== null && one.table > LOCAL));
    routes.push(
      ...table
        .filter((route) => isOwnRoute(route, globals))
        .map((route) => routePiece(route, names)),
    );
    const rule = collect(socket, (w, seq) => putRuleDump(w, seq, family), readRule);
    if (typeof rule === 'string') return `read rules: ${rule}`;
    all.rules.push(...rule);
    rules.push(...rule.filter((one) => isOwnRule(one, globals)).map(rulePiece));
  }
  for (const { link, address, peer } of addresses) {
    const name = names.get(link) ?? '';
    if (isLinkName(name) && peer !== null)
      pieces.push({ kind: 'address', link: name, address, peer });
  }
  return { pieces: [...pieces, ...routes, ...rules], links, addresses, all };
}

/** Runs one dump and decodes what it answers; a message that cannot be read is left out. */
function collect<T>(
  socket: NetlinkSocket,
  put: (w: Writer, seq: number) => void,
  readOne: (r: Reader, m: Message) => Decoded<T>,
): T[] | string {
  let found: T[] = [];
  const errno = dump(
    socket,
    put,
    () => {
      found = [];
    },
    (message, reader) => {
      const read = readOne(reader, message);
      if (read.ok) found.push(read.value);
    },
  );
  return errno === 0 ? found : `errno ${errno}`;
}

function isOwnLink(link: KernelLink): boolean {
  return isLinkName(link.name) && link.gre !== null;
}

function isOwnRoute(route: KernelRoute, globals: Paths['globals']): boolean {
  const slot = route.table - globals.table;
  return (
    route.protocol === PROTOCOL &&
    slot >= FIRST_SLOT &&
    slot <= LAST_TABLE_SLOT &&
    route.destination === null
  );
}

function isOwnRule(rule: KernelRule, globals: Paths['globals']): boolean {
  const slot = rule.preference - globals.preference;
  return (
    rule.protocol === PROTOCOL && slot >= FIRST_SLOT && slot <= LAST_TABLE_SLOT && rule.markOnly
  );
}

function linkPiece(link: KernelLink): Piece {
  const { local, remote, key } = link.gre!;
  // One that somebody has set down is none we want, whatever its parameters: it is made anew.
  const mtu = (link.flags & IFF_UP) === 0 ? 0 : link.mtu;
  return { kind: 'link', name: link.name, local, remote: remote ?? '', key, mtu };
}

function routePiece(route: KernelRoute, names: ReadonlyMap<number, string>): Piece {
  const link = route.type === RTN_PROHIBIT ? null : (names.get(route.link) ?? `#${route.link}`);
  return { kind: 'route', family: route.family, table: route.table, link, metric: route.metric };
}

function rulePiece(rule: KernelRule): Piece {
  const { family, preference, mark, mask, table } = rule;
  return { kind: 'rule', family, preference, mark, mask, table };
}

/** MTU of the device that packets to `address` leave by, bytes; null when there is no way there. */
export function pathMtu(
  paths: Paths,
  address: string,
  links: readonly KernelLink[],
): number | null {
  const destination = parseAddress(address);
  if (destination === null) return null;
  const routes = collect(paths.socket, (w, seq) => putRouteQuery(w, seq, destination), readRoute);
  if (typeof routes === 'string') return null;
  return links.find(({ index }) => index === routes[0]?.link)?.mtu ?? null;
}

/** Runs one operation. Returns what went wrong with its errno, or null. Deleting what is already
 * gone is no error (reconcile is idempotent). */
export function applyOperation(paths: Paths, operation: Operation): string | null {
  const { op, piece } = operation;
  const links = readLinks(paths);
  if (typeof links === 'string') return links;
  const { socket } = paths;
  const seq = takeSequence(socket);
  const w = request(socket);
  const written = op === 'add' ? putAdd(w, seq, piece, links) : putDelete(w, seq, piece, links);
  if (written === 'gone') return null;
  if (written !== true) return `${op} ${describe(piece)}: ${written || 'an address is no address'}`;
  const { errno } = transact(socket, seq, seq);
  if (errno === 0 || (op === 'delete' && GONE.includes(errno))) return null;
  const what = `${op} ${describe(piece)}: errno ${errno}`;
  if (piece.kind !== 'link' || !NOT_SUPPORTED.includes(errno)) return what;
  return weakerWithout(piece.remote.includes(':') ? 'gre6' : 'gre', what);
}

/** EOPNOTSUPP on x86 and ARM, and on MIPS: the kernel has no such kind of device. */
const NOT_SUPPORTED = [95, 122];

/** ENOENT, ESRCH, ENODEV on every architecture; EADDRNOTAVAIL on x86 and ARM, and on MIPS. */
const GONE = [2, 3, 19, 99, 125];

function putAdd(
  w: Writer,
  seq: number,
  piece: Piece,
  links: readonly KernelLink[],
): boolean | string {
  switch (piece.kind) {
    case 'link':
      return putGreCreate(w, seq, { ...piece, ttl: 64, pathMtu: true });
    case 'address': {
      const link = indexOf(links, piece.link);
      if (link === 0) return 'no such device';
      const { address, peer } = piece;
      return putAddressAdd(w, seq, { link, address, peer, prefix: peer.includes(':') ? 128 : 32 });
    }
    case 'route': {
      const link = piece.link === null ? 0 : indexOf(links, piece.link);
      if (link === 0 && piece.link !== null) return 'no such device';
      putRouteReplace(w, seq, kernelRoute(piece, link));
      return true;
    }
    case 'rule':
      putRuleAdd(w, seq, { ...piece, protocol: PROTOCOL });
      return true;
  }
}

function putDelete(
  w: Writer,
  seq: number,
  piece: Piece,
  links: readonly KernelLink[],
): boolean | 'gone' {
  switch (piece.kind) {
    case 'link': {
      const link = indexOf(links, piece.name);
      if (link === 0) return 'gone';
      putLinkDelete(w, seq, link);
      return true;
    }
    case 'address': {
      const link = indexOf(links, piece.link);
      if (link === 0) return 'gone';
      const { address, peer } = piece;
      return putAddressDelete(w, seq, {
        link,
        address,
        peer,
        prefix: peer.includes(':') ? 128 : 32,
      });
    }
    case 'route': {
      const link = piece.link === null ? 0 : indexOf(links, piece.link);
      if (link === 0 && piece.link !== null) return 'gone';
      putRouteDelete(w, seq, kernelRoute(piece, link));
      return true;
    }
    case 'rule':
      putRuleDelete(w, seq, { ...piece, protocol: PROTOCOL });
      return true;
  }
}

function kernelRoute(piece: Piece & { kind: 'route' }, link: number): DefaultRoute {
  const { family, table, metric } = piece;
  return { family, table, link, metric, protocol: PROTOCOL };
}

function indexOf(links: readonly KernelLink[], name: string): number {
  return links.find((link) => link.name === name)?.index ?? 0;
}
