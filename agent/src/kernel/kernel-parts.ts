// kernel/kernel-parts: which parts of the kernel are there, found out by asking for something of each
// that changes nothing. For preflight/kernel-parts.

import { putConntrackCount } from '../netlink/conntrack-request.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import {
  isNoSubsystem,
  isNotSupported,
  type KernelError,
  refused,
} from '../netlink/kernel-error.ts';
import { putGreTry } from '../netlink/link.ts';
import { putLogUnbind } from '../netlink/nflog.ts';
import type { Writer } from '../netlink/writer.ts';
import { runProgram } from '../os/process.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import { transact } from './netlink-request.ts';
import {
  closeNetlink,
  type NetlinkSocket,
  openNetlink,
  request,
  takeSequence,
} from './netlink-socket.ts';

/** A log group that nobody has: to give it back is an error of another number than the part's own. */
const NO_GROUP = 65535;
/** Checked by the kernel, never loaded. */
const QUEUE_RULE = 'table inet whp_try { chain one { queue flags bypass to 0; }; }\n';

/** Those of `parts` that are missing. Where a part cannot be asked for (no permission) it is not missing. To ask for
 * a kind of device loads its module where it exists, so only what is needed is asked for. */
export function readLacking(
  routing: NetlinkSocket,
  parts: readonly KernelPart[],
): Map<KernelPart, KernelError> {
  const lacking = new Map<KernelPart, KernelError>();
  for (const [part, kind] of [
    ['gre', 'gre'],
    ['gre6', 'ip6gre'],
  ] as const) {
    if (!parts.includes(part)) continue;
    const errno = tried(routing, (w, seq) => putGreTry(w, seq, kind));
    if (isNotSupported({ errno })) lacking.set(part, refused('add', `link of kind ${kind}`, errno));
  }
  const opened = openNetlink(NETLINK_NETFILTER);
  if (!opened.ok) return lacking;
  const socket = opened.value;
  for (const [part, put, what] of [
    ['announce', (w: Writer, seq: number) => putLogUnbind(w, seq, NO_GROUP), 'nflog'],
    ['connections', putConntrackCount, 'conntrack'],
  ] as const) {
    const error = refused('ask', what, tried(socket, put));
    if (isNoSubsystem(error)) lacking.set(part, { ...error, detail: `nobody answers for ${what}` });
  }
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
