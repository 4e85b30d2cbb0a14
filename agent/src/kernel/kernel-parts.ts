// kernel/kernel-parts: which parts of the kernel are there, found out by asking for something of each
// that changes nothing. For preflight/kernel-parts.

import { putConntrackCount } from '../netlink/conntrack-request.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { putGreTry } from '../netlink/link.ts';
import { putLogUnbind } from '../netlink/nflog.ts';
import type { Writer } from '../netlink/writer.ts';
import { runProgram } from '../os/process.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import { EINVAL } from './conntrack.ts';
import { transact } from './netlink-request.ts';
import {
  closeNetlink,
  type NetlinkSocket,
  openNetlink,
  request,
  takeSequence,
} from './netlink-socket.ts';
import { NOT_SUPPORTED, type RoutingSocket } from './routing.ts';

/** A log group that nobody has: to give it back is an error of another number than the part's own. */
const NO_GROUP = 65535;
/** Checked by the kernel, never loaded. */
const QUEUE_RULE = 'table inet whp_try { chain one { queue flags bypass to 0; }; }\n';

/** Those of `parts` that are missing, with what the kernel said. Who may not ask is told nothing. Asking
 * for a kind of device loads its module where it is there, so only what is needed is asked for. */
export function readLacking(
  paths: RoutingSocket,
  parts: readonly KernelPart[],
): Map<KernelPart, string> {
  const lacking = new Map<KernelPart, string>();
  for (const [part, kind] of [
    ['gre', 'gre'],
    ['gre6', 'ip6gre'],
  ] as const) {
    if (!parts.includes(part)) continue;
    const errno = tried(paths.socket, (w, seq) => putGreTry(w, seq, kind));
    if (NOT_SUPPORTED.includes(errno)) lacking.set(part, `link of kind ${kind}: errno ${errno}`);
  }
  const opened = openNetlink(NETLINK_NETFILTER);
  if (!opened.ok) return lacking;
  const socket = opened.value;
  if (tried(socket, (w, seq) => putLogUnbind(w, seq, NO_GROUP)) === EINVAL)
    lacking.set('announce', 'nobody answers for nflog');
  if (tried(socket, putConntrackCount) === EINVAL)
    lacking.set('connections', 'nobody answers for conntrack');
  closeNetlink(socket);
  return lacking;
}

/** Why packets cannot be held, or null: nft has to say, since it knows the expression's revisions. */
export async function lacksQueue(): Promise<string | null> {
  const { status, stderr } = await runProgram(['nft', '-c', '-f', '-'], { input: QUEUE_RULE });
  const isMissing = status !== 0 && /No such file|not supported/.test(stderr);
  return isMissing ? 'the kernel has no nft queue' : null;
}

function tried(socket: NetlinkSocket, put: (w: Writer, seq: number) => void): number {
  const seq = takeSequence(socket);
  put(request(socket), seq);
  return transact(socket, seq, seq).errno;
}
