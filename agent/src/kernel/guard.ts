// kernel/guard: loads the guard's table (netlink/nft-guard). The table is owned by a netlink socket of its own, so
// the kernel deletes it when the socket is closed, however this process ends.
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { done, failed, type KernelResult, refused } from '../netlink/kernel-error.ts';
import { type Guard, putGuard } from '../netlink/nft-guard.ts';
import { transact } from './netlink-request.ts';
import { closeNetlink, openNetlink, request, takeSequence } from './netlink-socket.ts';

/** Send buffer, bytes: two rules for each lan device and one for each proxy, some 250 bytes each. */
const REQUEST = 16384;

export interface RaisedGuard {
  lower(): void;
}

/** Errno 95 (122 on MIPS) or 22: the kernel is older than 5.12 and has no owned tables. */
export function raiseGuard(guard: Guard): KernelResult<RaisedGuard> {
  const opened = openNetlink(NETLINK_NETFILTER, { request: REQUEST });
  if (!opened.ok) return opened;
  const socket = opened.value;
  const batch = putGuard(request(socket), takeSequence(socket), guard);
  const { errno } = transact(socket, batch.first, batch.last, batch.acknowledged);
  if (errno === 0) return done({ lower: () => closeNetlink(socket) });
  closeNetlink(socket);
  return failed(refused('add', `table inet ${guard.table}`, errno));
}
