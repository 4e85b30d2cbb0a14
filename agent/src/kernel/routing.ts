// kernel/routing: links, addresses, routes and ip rules. Reads dumps, converts the agent's own objects to pieces of
// reconcile/desired, and runs path operations one by one. Objects of other programs (other name, protocol number or
// table) are never changed.

import { EINVAL, ENODEV } from 'whp:socket';
import {
  type KernelAddress,
  putAddressAdd,
  putAddressDelete,
  putAddressDump,
  readAddress,
} from '../netlink/address.ts';
import { NETLINK_ROUTE } from '../netlink/constants.ts';
import {
  done,
  failed,
  isNotFound,
  type KernelError,
  type KernelResult,
  refused,
} from '../netlink/kernel-error.ts';
import { type KernelLink, readLink } from '../netlink/kernel-link.ts';
import { putGreCreate, putLinkDelete, putLinkDump, putLinkQuery } from '../netlink/link.ts';
import type { Decoded, Message, MessageReader } from '../netlink/message.ts';
import { putNeighbourDump, readNeighbour } from '../netlink/neighbour.ts';
import {
  isPlain,
  putRouteDelete,
  putRouteDump,
  putRouteQuery,
  putRouteReplace,
  readRoute,
} from '../netlink/route.ts';
import type { RouteEvent } from '../netlink/rt-event.ts';
import { putRuleAdd, putRuleDelete, putRuleDump, readRule } from '../netlink/rule.ts';
import type { Writer } from '../netlink/writer.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import { describe, type PathPiece, PROTOCOL } from '../reconcile/desired.ts';
import type { PathOperation } from '../reconcile/diff.ts';
import { FAMILIES, familyIn, parseAddress } from '../wire/address.ts';
import { readLacking } from './kernel-parts.ts';
import { dump, transact } from './netlink-request.ts';
import { type NetlinkSocket, openNetlink, request, takeSequence } from './netlink-socket.ts';
import { type All, type Numbers, piecesOf, type Realized } from './own-pieces.ts';
import { openWatch } from './route-monitor.ts';
import type { PutDump } from './sliced-dump.ts';

/** Devices, addresses, routes and rules. */
export interface Routing {
  /** All devices. */
  links(): KernelResult<readonly KernelLink[]>;
  /** The addresses of all devices. */
  addresses(): KernelResult<readonly KernelAddress[]>;
  /** From address to MAC, as in the neighbour table; empty if it cannot be read. */
  neighbours(): ReadonlyMap<string, string>;
  /** Those of the devices `names` that exist, with the number of packets received. */
  counted(names: readonly string[]): readonly KernelLink[];
  /** Devices, addresses, routes and rules, and as pieces those that are the agent's by `numbers`. */
  realized(numbers: readonly Numbers[]): KernelResult<Realized>;
  /** MTU of the device of the route to `address`, bytes; null: no route. */
  pathMtu(address: string, links: readonly KernelLink[]): number | null;
  /** Runs one operation. Deleting an object that does not exist is no error. */
  apply(operation: PathOperation): KernelError | null;
  /** Notifies of changes by other programs (kernel/route-monitor); null: notifications were lost. */
  watch(onEvent: (event: RouteEvent | null) => void): KernelResult<{ close(): void }>;
  /** Those of `parts` that the kernel does not have (kernel/kernel-parts). */
  lacking(parts: readonly KernelPart[]): ReadonlyMap<KernelPart, KernelError>;
}

export function openRouting(): KernelResult<Routing> {
  const opened = openNetlink(NETLINK_ROUTE);
  if (!opened.ok) return opened;
  const socket = opened.value;
  return done({
    links: () => collect(socket, 'links', putLinkDump, readLink),
    addresses: () => readAddresses(socket),
    neighbours: () => readNeighbours(socket),
    counted: (names) => readCounted(socket, names),
    realized: (numbers) => readRealized(socket, numbers),
    pathMtu: (address, links) => pathMtu(socket, address, links),
    apply: (operation) => applyOperation(socket, operation),
    watch: (onEvent) => openWatch(socket.port, onEvent),
    lacking: (parts) => readLacking(socket, parts),
  });
}

function readNeighbours(socket: NetlinkSocket): ReadonlyMap<string, string> {
  const found = collect(socket, 'neighbours', putNeighbourDump, readNeighbour);
  const known = found.ok ? found.value : [];
  return new Map(known.flatMap(({ address, mac }) => (mac === null ? [] : [[address, mac]])));
}

function readCounted(socket: NetlinkSocket, names: readonly string[]): KernelLink[] {
  return names.flatMap((name) => {
    const put: PutDump = (w, seq) => putLinkQuery(w, seq, name, true);
    const one = collect(socket, `link ${name}`, put, readLink);
    return one.ok ? one.value : [];
  });
}

function readAddresses(socket: NetlinkSocket): KernelResult<KernelAddress[]> {
  return ofFamilies((family) =>
    collect(socket, 'addresses', (w, seq) => putAddressDump(w, seq, family), readAddress),
  );
}

function readRealized(socket: NetlinkSocket, numbers: readonly Numbers[]): KernelResult<Realized> {
  const links = collect(socket, 'links', putLinkDump, readLink);
  if (!links.ok) return links;
  const routes = ofFamilies((family) =>
    collect(socket, 'routes', (w, seq) => putRouteDump(w, seq, family), readRoute, isPlain),
  );
  if (!routes.ok) return routes;
  const rules = ofFamilies((family) =>
    collect(socket, 'rules', (w, seq) => putRuleDump(w, seq, family), readRule),
  );
  if (!rules.ok) return rules;
  const addresses = readAddresses(socket);
  if (!addresses.ok) return addresses;
  const all: All = { rules: rules.value, routes: routes.value };
  return done({
    pieces: piecesOf(links.value, addresses.value, all, numbers),
    links: links.value,
    addresses: addresses.value,
    all,
  });
}

function ofFamilies<T>(read: (family: 4 | 6) => KernelResult<T[]>): KernelResult<T[]> {
  const found: T[] = [];
  for (const family of FAMILIES) {
    const some = read(family);
    if (!some.ok) return some;
    found.push(...some.value);
  }
  return done(found);
}

/** Runs a dump and decodes the answers. Malformed messages and those that `isUnwanted` selects are left out. */
function collect<T>(
  socket: NetlinkSocket,
  object: string,
  put: PutDump,
  readOne: (r: MessageReader, m: Message) => Decoded<T>,
  isUnwanted?: (r: MessageReader, m: Message) => boolean,
): KernelResult<T[]> {
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
  return errno === 0 ? done(found) : failed(refused('read', object, errno));
}

function pathMtu(
  socket: NetlinkSocket,
  address: string,
  links: readonly KernelLink[],
): number | null {
  const destination = parseAddress(address);
  if (destination === null) return null;
  const put: PutDump = (w, seq) => putRouteQuery(w, seq, destination);
  const routes = collect(socket, `route to ${address}`, put, readRoute);
  if (!routes.ok) return null;
  return links.find(({ index }) => index === routes.value[0]?.link)?.mtu ?? null;
}

function applyOperation(socket: NetlinkSocket, operation: PathOperation): KernelError | null {
  const { op, piece } = operation;
  const name = deviceOf(piece);
  // A rule or a prohibit route needs no device.
  const links = name === null ? done([]) : collect(socket, 'links', putLinkDump, readLink);
  if (!links.ok) return links.error;
  const link = links.value.find((one) => one.name === name)?.index ?? 0;
  const isNew = op === 'add' && piece.kind === 'link';
  if (link === 0 && name !== null && !isNew)
    return op === 'add' ? refused(op, describe(piece), ENODEV) : null;
  const seq = takeSequence(socket);
  if (!putPiece(request(socket), seq, operation, link)) return refused(op, describe(piece), EINVAL);
  const { errno } = transact(socket, seq, seq);
  if (errno === 0 || (op === 'delete' && isNotFound({ errno }))) return null;
  return refused(op, describe(piece), errno);
}

/** The device that a piece is, or that it belongs to. */
function deviceOf(piece: PathPiece): string | null {
  if (piece.kind === 'rule') return null;
  return piece.kind === 'link' ? piece.name : piece.link;
}

/** `link`: index of the device. False: an address is malformed, and nothing is written. */
function putPiece(w: Writer, seq: number, { op, piece }: PathOperation, link: number): boolean {
  const isAdd = op === 'add';
  switch (piece.kind) {
    case 'link':
      if (isAdd) return putGreCreate(w, seq, { ...piece, ttl: 64, pathMtu: true });
      putLinkDelete(w, seq, link);
      return true;
    case 'address': {
      const { address, peer } = piece;
      const put = isAdd ? putAddressAdd : putAddressDelete;
      return put(w, seq, { link, address, peer, prefix: familyIn(peer) === 6 ? 128 : 32 });
    }
    case 'route':
      (isAdd ? putRouteReplace : putRouteDelete)(w, seq, { ...piece, link, protocol: PROTOCOL });
      return true;
    case 'rule':
      (isAdd ? putRuleAdd : putRuleDelete)(w, seq, { ...piece, protocol: PROTOCOL });
      return true;
  }
}
