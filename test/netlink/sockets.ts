// Functions of a netlink socket that only the tests need.
import * as sys from 'whp:socket';
import type { NetlinkSocket } from '../../agent/src/kernel/netlink-socket.ts';
import { SOL_NETLINK } from '../../agent/src/netlink/constants.ts';
import { NETLINK_DROP_MEMBERSHIP } from './nft-constants.ts';

/** Leaves a multicast group. Returns 0 or the positive errno. */
export function leaveGroup({ fd }: NetlinkSocket, group: number): number {
  const value = new Int32Array([group]).buffer;
  const done = sys.setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, value);
  return done < 0 ? -done : 0;
}

/** Bytes the kernel books for the receive queue (SO_RCVBUF as getsockopt tells it). */
export function receiveQueueSize({ fd }: NetlinkSocket): number {
  return optionOf(fd, sys.SO_RCVBUF);
}

/** Bytes one send() may carry: netlink_sendmsg() refuses len > sk_sndbuf - 32 (EMSGSIZE). */
export function sendLimit({ fd }: NetlinkSocket): number {
  return optionOf(fd, sys.SO_SNDBUF) - 32;
}

function optionOf(fd: number, option: number): number {
  const value = new Int32Array(1);
  const size = sys.getsockopt(fd, sys.SOL_SOCKET, option, value.buffer);
  if (size < 0) throw new Error(`getsockopt ${option}: errno ${-size}`);
  return value[0]!;
}
