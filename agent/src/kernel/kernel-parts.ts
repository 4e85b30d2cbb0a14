// kernel/kernel-parts: finds out which parts of the kernel are missing, by requests that change nothing.
// preflight/kernel-parts judges the result.

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

/** A log group without a listener: unbinding it is another error than that of a missing module. */
const NO_GROUP = 65535;
/** nft -c checks it in the kernel and does not load it. */
const QUEUE_RULE = 'table inet whp_try { chain one { queue flags bypass to 0; }; }\n';

/** Returns those of `parts` that are missing. A part is not missing if it cannot be asked for (no permission).
 * Asking for a link kind loads its module if there is one, so only the needed parts are asked for. */
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

/** Why packets cannot be queued, or null. nft is asked because it knows the revisions of the expression. */
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
