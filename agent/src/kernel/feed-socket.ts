// kernel/feed-socket: opens the netlink socket of a feed. Each socket is bound to one NFQUEUE queue or one NFLOG
// group.
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

/** Bytes of a message with the longest packet (64 KiB). */
export const WHOLE_PACKET = 0x11000;
/** Most datagrams read in one turn. */
export const DRAIN = 16;
/** Receive buffer of the socket in the kernel, bytes: bursts of some hundred small packets. */
const QUEUE_BYTES = 1 << 19;

export interface OpenFeed {
  readonly counters: NetlinkCounters;
  close(): void;
}

/** `put` writes the bind request for `what`, which names the queue or group in an error. */
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
