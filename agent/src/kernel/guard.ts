// kernel/guard: loads the guard's table (ruleset/guard). The table is owned by a netlink socket of its own, so the kernel
// deletes it when the socket is closed, however this process ends.
import * as os from 'qjs:os';
import { own } from 'whp:nft';
import { done, failed, type KernelResult } from '../netlink/kernel-error.ts';
import { type Guard, guardText } from '../ruleset/guard.ts';

export interface RaisedGuard {
  lower(): void;
}

/** Errors: a kernel older than 5.12, which has no owned tables; another agent's guard. */
export function raiseGuard(guard: Guard): KernelResult<RaisedGuard> {
  const owner = own(guardText(guard));
  if (typeof owner === 'number') return done({ lower: () => os.close(owner) });
  return failed({ operation: 'add', object: `table inet ${guard.table}`, errno: 0, detail: owner });
}
