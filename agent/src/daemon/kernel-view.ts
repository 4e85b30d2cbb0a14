// daemon/kernel-view: reads sets and connections of the kernel for answers/.
import type { Ledger, LiveFlow } from '../account/ledger.ts';
import type { KernelView } from '../answers/flows.ts';
import type { FlowEntry } from '../answers/now.ts';
import { listWhole } from '../kernel/conntrack.ts';
import { isNoSubsystem, type KernelError, type KernelResult } from '../netlink/kernel-error.ts';
import { errorText } from '../os/errno.ts';
import { markOf } from '../policy/marks.ts';
import { weakerHere } from '../router/installer.ts';
import { ledgerOf } from '../runtime/accounting.ts';
import type { Agent } from '../runtime/agent.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';

/** `connections`: the open connections, or why they are not known. */
export function kernelView(
  { kernel: { sets } }: Agent,
  connections: Checked<readonly FlowEntry[]>,
): KernelView {
  return {
    readSet: (set, most, wanted) => inWords(sets.read(set, most, wanted), errorText),
    countSet: sets.count,
    connections: () => connections,
  };
}

function inWords<T>(result: KernelResult<T>, words: (error: KernelError) => string): Checked<T> {
  return result.ok ? result : invalid(words(result.error));
}

function listingText(error: KernelError): string {
  if (isNoSubsystem(error)) return weakerHere('connections', 'nobody answers for conntrack');
  return errorText(error);
}

/** With more flows, reading the kernel's list takes longer than an answer may: the ledger answers. */
const MANY_FLOWS = 100;

/** With more than MANY_FLOWS, the ledger's flows as of its last dump; otherwise null, and the kernel is asked. */
export function manyFlows(agent: Agent): readonly LiveFlow[] | null {
  const ledger = largeLedger(agent);
  return ledger === null ? null : Array.from(ledger.live.values());
}

/** The ledger if it has more than MANY_FLOWS. */
export function largeLedger({ accounting }: Agent): Ledger | null {
  const ledger = ledgerOf(accounting);
  return ledger.ok && ledger.value.live.size > MANY_FLOWS ? ledger.value : null;
}

/** The kernel's connections with marks of the apps: in one turn if the ledger knows that there are few, otherwise
 * (before its first dump) one slice a turn of the event loop. */
export async function openNow({
  kernel,
  policy,
  accounting: { flows },
}: Agent): Promise<Checked<readonly FlowEntry[]>> {
  const { conntrack } = kernel;
  const { mask } = policy.globals;
  // One list for each slot: the kernel filters by mark, and a router has thousands of other flows.
  const wanted = policy.apps.map(({ slot }) => ({ mark: markOf(mask, slot), mask }));
  if (flows?.ok !== true || flows.value.readAt < 0) {
    return inWords(await listWhole(conntrack.listToAnswer, wanted), listingText);
  }
  const found: FlowEntry[] = [];
  for (const { mark } of wanted) {
    const read = conntrack.read(mark, mask);
    if (!read.ok) return invalid(listingText(read.error));
    found.push(...read.value);
  }
  return ok(found);
}
