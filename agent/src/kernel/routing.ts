// kernel/routing: links, addresses, routes and ip rules of the tunnels, as the kernel has them and as
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
import { type KernelLink, readLink } from '../netlink/kernel-link.ts';
import { putGreCreate, putLinkDelete, putLinkDump, putLinkQuery } from '../netlink/link.ts';
import type { Decoded, Message, Reader } from '../netlink/message.ts';
import { putNeighbourDump, readNeighbour } from '../netlink/neighbour.ts';
import {
  isPlain,
  type KernelRoute,
  putRouteDelete,
  putRouteDump,
  putRouteQuery,
  putRouteReplace,
  readRoute,
} from '../netlink/route.ts';
import {
  asksOnlyForMark,
  type KernelRule,
  putRuleAdd,
  putRuleDelete,
  putRuleDump,
  readRule,
} from '../netlink/rule.ts';
import type { Writer } from '../netlink/writer.ts';
import { errnoText } from '../os/errno.ts';
import { FIRST_SLOT, LAST_TABLE_SLOT } from '../policy/marks.ts';
import { weakerWithout } from '../policy/missing-parts.ts';
import type { Globals } from '../policy/policy.ts';
import { type Desired, describe, type Piece, PROTOCOL } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { isLinkName } from '../ruleset/names.ts';
import { FAMILIES } from '../ruleset/terms.ts';
import { parseAddress } from '../wire/address.ts';
import { dump, transact } from './netlink-request.ts';
import {
  type NetlinkSocket,
  type Opened,
  openNetlink,
  request,
  takeSequence,
} from './netlink-socket.ts';

export interface Realized {
  /** What of ours stands, in reconcile's shape. */
  readonly pieces: Desired;
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  readonly all: All;
}

/** Rules and routes of everybody; of the table local no more than defaults, of main
 * none that the kernel makes for a network of the router's own. */
export interface All {
  readonly rules: readonly KernelRule[];
  readonly routes: readonly KernelRoute[];
}

export interface RoutingSocket {
  readonly socket: NetlinkSocket;
  /** Where our rules and tables stand; a reload may move them. */
  globals: Pick<Globals, 'preference' | 'table'>;
}

export function openRouting(globals: Pick<Globals, 'preference' | 'table'>): Opened<RoutingSocket> {
  const opened = openNetlink(NETLINK_ROUTE);
  return opened.ok ? { ok: true, value: { socket: opened.value, globals } } : opened;
}

/** The devices alone. A string is the error. */
export function readLinks({ socket }: RoutingSocket): readonly KernelLink[] | string {
  const links = collect(socket, putLinkDump, readLink);
  return typeof links === 'string' ? `read links: ${links}` : links;
}

/** Hardware addresses by address, as the neighbour table has them now; empty where it cannot be read. */
export function readNeighbours({ socket }: RoutingSocket): ReadonlyMap<string, string> {
  const found = collect(socket, putNeighbourDump, readNeighbour);
  const known = typeof found === 'string' ? [] : found;
  return new Map(known.flatMap(({ address, mac }) => (mac === null ? [] : [[address, mac]])));
}

/** Those of the devices `names` that are there, with what they have received. */
export function readCounted({ socket }: RoutingSocket, names: readonly string[]): KernelLink[] {
  return names.flatMap((name) => {
    const one = collect(socket, (w, seq) => putLinkQuery(w, seq, name, true), readLink);
    return typeof one === 'string' ? [] : one;
  });
}

/** The addresses of all devices. A string is the error. */
export function readAddresses({ socket }: RoutingSocket): readonly KernelAddress[] | string {
  const addresses: KernelAddress[] = [];
  for (const family of FAMILIES) {
    const found = collect(socket, (w, seq) => putAddressDump(w, seq, family), readAddress);
    if (typeof found === 'string') return `read addresses: ${found}`;
    addresses.push(...found);
  }
  return addresses;
}

/** Reads all four kinds. A string is the error, with the errno of the dump that failed. */
export function readRealized(paths: RoutingSocket): Realized | string {
  const { globals } = paths;
  const links = readLinks(paths);
  if (typeof links === 'string') return links;
  const all = readAll(paths);
  if (typeof all === 'string') return all;
  const addresses = readAddresses(paths);
  if (typeof addresses === 'string') return addresses;
  const pieces: Piece[] = links.filter(isOwnLink).map(linkPiece);
  const names = new Map(links.map((link) => [link.index, link.name]));
  for (const { link, address, peer } of addresses) {
    const name = names.get(link) ?? '';
    if (isLinkName(name) && peer !== null)
      pieces.push({ kind: 'address', link: name, address, peer });
  }
  const routes = all.routes.filter((one) => isOwnRoute(one, globals));
  const rules = all.rules.filter((one) => isOwnRule(one, globals));
  pieces.push(...routes.map((one) => routePiece(one, names)), ...rules.map(rulePiece));
  return { pieces, links, addresses, all };
}

/** The rules and routes alone. A string is the error. */
function readAll({ socket }: RoutingSocket): All | string {
  const routes: KernelRoute[] = [];
  const rules: KernelRule[] = [];
  for (const family of FAMILIES) {
    const table = collect(socket, (w, seq) => putRouteDump(w, seq, family), readRoute, isPlain);
    if (typeof table === 'string') return `read routes: ${table}`;
    routes.push(...table);
    const rule = collect(socket, (w, seq) => putRuleDump(w, seq, family), readRule);
    if (typeof rule === 'string') return `read rules: ${rule}`;
    rules.push(...rule);
  }
  return { rules, routes };
}

/** Runs one dump and decodes what it answers; a message that cannot be read is left out, and so is
 * one that nobody wants. */
function collect<T>(
  socket: NetlinkSocket,
  put: (w: Writer, seq: number) => void,
  readOne: (r: Reader, m: Message) => Decoded<T>,
  isUnwanted?: (r: Reader, m: Message) => boolean,
): T[] | string {
  let found: T[] = [];
  const errno = dump(
    socket,
    put,
    () => {
      found = [];
    },
    (message, reader) => {
      if (isUnwanted?.(reader, message)) return;
      const read = readOne(reader, message);
      if (read.ok) found.push(read.value);
    },
  );
  return errno === 0 ? found : `errno ${errno}`;
}

function isOwnLink(link: KernelLink): boolean {
  return isLinkName(link.name) && link.gre !== null;
}

function isOwnRoute(route: KernelRoute, globals: RoutingSocket['globals']): boolean {
  const slot = route.table - globals.table;
  return (
    route.protocol === PROTOCOL &&
    slot >= FIRST_SLOT &&
    slot <= LAST_TABLE_SLOT &&
    route.destination === null
  );
}

function isOwnRule(rule: KernelRule, globals: RoutingSocket['globals']): boolean {
  const slot = rule.preference - globals.preference;
  return (
    rule.protocol === PROTOCOL &&
    slot >= FIRST_SLOT &&
    slot <= LAST_TABLE_SLOT &&
    asksOnlyForMark(rule)
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
  paths: RoutingSocket,
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
export function applyOperation(paths: RoutingSocket, operation: Operation): string | null {
  const { op, piece } = operation;
  const name = deviceOf(piece);
  // A rule, or a route that prohibits, stands on none.
  const links = name === null ? [] : readLinks(paths);
  if (typeof links === 'string') return links;
  const link = links.find((one) => one.name === name)?.index ?? 0;
  const isNew = op === 'add' && piece.kind === 'link';
  if (link === 0 && name !== null && !isNew)
    return op === 'add' ? `add ${describe(piece)}: no such device` : null;
  const { socket } = paths;
  const seq = takeSequence(socket);
  if (!putPiece(request(socket), seq, operation, link))
    return `${op} ${describe(piece)}: an address is no address`;
  const { errno } = transact(socket, seq, seq);
  if (errno === 0 || (op === 'delete' && GONE.includes(errno))) return null;
  const what = `${op} ${describe(piece)}: ${errnoText(errno)}`;
  if (piece.kind !== 'link' || !NOT_SUPPORTED.includes(errno)) return what;
  return weakerWithout(piece.remote.includes(':') ? 'gre6' : 'gre', what);
}

/** EOPNOTSUPP on x86 and ARM, and on MIPS: the kernel has no such kind of device. */
export const NOT_SUPPORTED = [95, 122];

/** ENOENT, ESRCH, ENODEV on every architecture; EADDRNOTAVAIL on x86 and ARM, and on MIPS. */
const GONE = [2, 3, 19, 99, 125];

/** Name of the device that a piece is or stands on. */
function deviceOf(piece: Piece): string | null {
  if (piece.kind === 'rule') return null;
  return piece.kind === 'link' ? piece.name : piece.link;
}

/** `link`: its device's index. False, and nothing is written, if an address is none. */
function putPiece(w: Writer, seq: number, { op, piece }: Operation, link: number): boolean {
  const isAdd = op === 'add';
  switch (piece.kind) {
    case 'link':
      if (isAdd) return putGreCreate(w, seq, { ...piece, ttl: 64, pathMtu: true });
      putLinkDelete(w, seq, link);
      return true;
    case 'address': {
      const { address, peer } = piece;
      const put = isAdd ? putAddressAdd : putAddressDelete;
      return put(w, seq, { link, address, peer, prefix: peer.includes(':') ? 128 : 32 });
    }
    case 'route':
      (isAdd ? putRouteReplace : putRouteDelete)(w, seq, { ...piece, link, protocol: PROTOCOL });
      return true;
    case 'rule':
      (isAdd ? putRuleAdd : putRuleDelete)(w, seq, { ...piece, protocol: PROTOCOL });
      return true;
  }
}
