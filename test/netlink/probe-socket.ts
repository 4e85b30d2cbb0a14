// Sockets and requests of the probe programs; errors are exceptions with a sentence.
import * as std from 'qjs:std';
import * as sys from 'whp:socket';
import { type Acknowledged, dump, transact } from '../../agent/src/kernel/netlink-request.ts';
import {
  type NetlinkOptions,
  type NetlinkSocket,
  openNetlink,
  request,
  takeSequence,
} from '../../agent/src/kernel/netlink-socket.ts';
import { countElements, eachElement } from '../../agent/src/kernel/set-elements.ts';
import {
  NETLINK_NETFILTER,
  NETLINK_ROUTE,
  NFPROTO_INET,
} from '../../agent/src/netlink/constants.ts';
import type { Decoded, Message, MessageReader } from '../../agent/src/netlink/message.ts';
import { putSetDump } from '../../agent/src/netlink/nft-element.ts';
import {
  putBatchBegin,
  putBatchEnd,
  putSetBatch,
  type SetBatch,
  type SetChange,
} from '../../agent/src/netlink/nft-set.ts';
import type { Writer } from '../../agent/src/netlink/writer.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { byteString } from '../../agent/src/wire/hex.ts';
import { type ReadElement, readElements } from '../fixtures/netlink-elements.ts';
import { Skip, same } from './claims.ts';

export const TABLE = 'whpt';
export const WHERE = { family: NFPROTO_INET, table: TABLE };

export function open(protocol: number, options: NetlinkOptions = {}): NetlinkSocket {
  const opened = openNetlink(protocol, options);
  if (!opened.ok) throw new Error(errorText(opened.error));
  return opened.value;
}

export const route = open(NETLINK_ROUTE);
export const netfilter = open(NETLINK_NETFILTER, { sendQueue: 1 << 20, receiveQueue: 1 << 20 });

/** One acknowledged request; returns 0 or the errno. */
export function ask(socket: NetlinkSocket, put: (w: Writer, seq: number) => unknown): number {
  const seq = takeSequence(socket);
  put(request(socket), seq);
  return transact(socket, seq, seq).errno;
}

/** `ask` that throws on an errno; an errno of `lacking` means that the kernel has no such part. */
export function must(
  socket: NetlinkSocket,
  what: string,
  put: (w: Writer, seq: number) => unknown,
  lacking: readonly number[] = [],
): void {
  const seq = takeSequence(socket);
  put(request(socket), seq);
  const { errno, refused } = transact(socket, seq, seq);
  if (errno === 0) return;
  const words = refused[0]?.text === undefined ? '' : ` (${refused[0].text})`;
  const text = `${what}: ${std.strerror(errno)}, errno ${errno}${words}`;
  throw lacking.includes(errno) && !scriptArgs.includes('--strict')
    ? new Skip(text)
    : new Error(text);
}

/** The errno of a kernel without the module. */
export const LACKING = [sys.EOPNOTSUPP, sys.ENOENT, sys.EAFNOSUPPORT, sys.EPROTONOSUPPORT];

/** Several nf_tables messages in one transaction: each `put` gets its own sequence number. */
export function nftBatch(puts: readonly ((w: Writer, seq: number) => void)[]): Acknowledged {
  const first = takeSequence(netfilter, puts.length + 2);
  const w = request(netfilter);
  putBatchBegin(w, first);
  puts.forEach((put, i) => {
    put(w, first + 1 + i);
    // Every message is acknowledged, so that an error names its message.
    const flags = w.message + (w.little ? 6 : 7);
    w.bytes[flags] = w.bytes[flags]! | 4;
  });
  putBatchEnd(w, first + puts.length + 1);
  return transact(netfilter, first, first + puts.length + 1, first + puts.length);
}

export function changeSets(changes: readonly SetChange[]): Acknowledged & { batch: SetBatch } {
  const w = request(netfilter);
  const batch = putSetBatch(w, netfilter.seq, WHERE, changes);
  takeSequence(netfilter, batch.last - batch.first + 1);
  return { ...transact(netfilter, batch.first, batch.last, batch.acknowledged), batch };
}

/** Runs a dump and decodes each answer. */
export function list<T>(
  socket: NetlinkSocket,
  put: (w: Writer, seq: number) => void,
  read: (r: MessageReader, m: Message) => Decoded<T>,
): T[] {
  const out: T[] = [];
  const reasons: string[] = [];
  const errno = dump(
    socket,
    put,
    () => {
      out.length = 0;
    },
    (m, r) => {
      const got = read(r, m);
      if (got.ok) out.push(got.value);
      else reasons.push(got.reason);
    },
  );
  if (errno !== 0) throw new Error(`dump: ${std.strerror(errno)}, errno ${errno}`);
  if (reasons.length > 0) throw new Error(reasons.join('; '));
  return out;
}

export function elementsOf(set: string): ReadElement[] {
  const lists = list(
    netfilter,
    (w, seq) => putSetDump(w, seq, WHERE, set),
    (r, m) => {
      const read = readElements(r, m);
      if (read.ok) sameAsHost(read.value.elements, m, r);
      return read;
    },
  );
  return lists.flatMap((part) => [...part.elements]);
}

/** What the host program reads of the same message. */
function sameAsHost(elements: readonly ReadElement[], m: Message, r: MessageReader): void {
  const found: string[] = [];
  eachElement(m, r, (key, left, counted) => found.push(JSON.stringify([key, left, counted])));
  const wanted = elements.map(({ key, expiration = null, counted = null }) =>
    JSON.stringify([byteString(key), expiration, counted]),
  );
  same(found, wanted, 'elements as the host program reads them');
  same(countElements(m, r), elements.length, 'their number');
}
