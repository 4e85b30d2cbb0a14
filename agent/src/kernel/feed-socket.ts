// kernel/feed-socket: the socket of a feed, which has one queue (NFQUEUE) or one group (NFLOG) for itself.
// After: held-feed, announced-feed.
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { failed, type KernelResult, refused } from '../netlink/kernel-error.ts';
import type { Writer } from '../netlink/writer.ts';
import { transact } from './netlink-request.ts';
import {
  closeNetlink,
  type NetlinkCounters,
  type NetlinkSocket,
  openNetlink,
  request,
  takeSequence,
} from './netlink-socket.ts';

/** Bytes of a message with the longest packet. */
export const WHOLE_PACKET = 0x11000;
/** Datagrams taken in one go. */
export const DRAIN = 16;
/** Bytes the kernel may queue for us on each socket: bursts of some hundred small packets. */
const QUEUE_BYTES = 1 << 19;

export interface Feed {
  readonly counters: NetlinkCounters;
  close(): void;
}

/** A socket that has one queue or log group, `what`. */
export function openFeed(
  options: { readonly silentOverrun?: boolean; readonly buffer?: number },
  what: string,
  put: (w: Writer, seq: number) => void,
): KernelResult<NetlinkSocket> {
  const room = { receiveQueue: QUEUE_BYTES, buffer: WHOLE_PACKET, ...options };
  const opened = openNetlink(NETLINK_NETFILTER, room);
  if (!opened.ok) return opened;
  const socket = opened.value;
  const seq = takeSequence(socket);
  put(request(socket), seq);
  const { errno } = transact(socket, seq, seq);
  if (errno === 0) return opened;
  closeNetlink(socket);
  return failed(refused('bind', what, errno));
}
