// kernel/guard: raises and lowers the guard (netlink/nft-guard). It lives exactly as long as its
// socket: closing it takes the guard away, and so does the end of this program, whatever kind.
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { type Guard, putGuard } from '../netlink/nft-guard.ts';
import { transact } from './netlink-request.ts';
import { closeNetlink, type Opened, openNetlink, request, takeSequence } from './netlink-socket.ts';

/** Two rules for each device that faces the home and one for each proxy, some 250 bytes each. */
const REQUEST = 16384;

export interface StandingGuard {
  /** What it was made from, to tell whether a reload needs another. */
  readonly key: string;
  lower(): void;
}

/** Errno 95 (122 on MIPS) or 22: the kernel is older than 5.12. */
export function raiseGuard(guard: Guard): Opened<StandingGuard> {
  const opened = openNetlink(NETLINK_NETFILTER, { request: REQUEST });
  if (!opened.ok) return opened;
  const socket = opened.value;
  const batch = putGuard(request(socket), takeSequence(socket), guard);
  const { errno } = transact(socket, batch.first, batch.last, batch.acknowledged);
  if (errno !== 0) {
    closeNetlink(socket);
    return { ok: false, reason: `guard: errno ${errno}` };
  }
  const value = { key: JSON.stringify(guard), lower: () => closeNetlink(socket) };
  return { ok: true, value };
}
