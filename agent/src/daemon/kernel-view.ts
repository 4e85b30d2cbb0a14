// daemon/kernel-view: what the kernel holds now, as the answers ask for it. Before: daemon/serve. After: answers/.
import type { LiveFlow } from '../account/ledger.ts';
import type { KernelView } from '../answers/flows.ts';
import type { FlowEntry } from '../answers/now.ts';
import { readConnections } from '../kernel/conntrack.ts';
import { listConnections } from '../kernel/conntrack-dump.ts';
import { countSet, readSet } from '../kernel/sets.ts';
import { markOf } from '../policy/marks.ts';
import type { Agent } from '../runtime/agent.ts';

/** `connections`: what is open, or why that is not known. */
export function kernelView(
  { effects: { sets } }: Agent,
  connections: readonly FlowEntry[] | string,
): KernelView {
  return {
    readSet: (set, most, wanted) => readSet(sets, set, most, wanted),
    countSet: (set) => countSet(sets, set),
    connections: () => connections,
  };
}

/** Above this the kernel's list takes longer to read than an answer may: the ledger's is taken. */
const MANY_FLOWS = 100;

/** The ledger's flows, as of its last list, when there are many; else null, and the kernel is asked. */
export function manyFlows({ flows }: Agent): readonly LiveFlow[] | null {
  if (!flows.ok || flows.value.ledger.live.size <= MANY_FLOWS) return null;
  return Array.from(flows.value.ledger.live.values());
}

/** The kernel's list of the connections that carry our marks: at once where the ledger has few, and read in turns
 * of the event loop where it has no list yet. */
export async function openNow({
  effects,
  policy,
  flows,
}: Agent): Promise<readonly FlowEntry[] | string> {
  const { connections, listsToAnswer } = effects;
  const { mask } = policy.globals;
  // One list a slot: the kernel filters by mark, and a router has thousands of other flows.
  const wanted = policy.apps.map(({ slot }) => ({ mark: markOf(mask, slot), mask }));
  if (!flows.ok || flows.value.readAt < 0) return listConnections(listsToAnswer, wanted);
  const found: FlowEntry[] = [];
  for (const { mark } of wanted) {
    const read = readConnections(connections, mark, mask);
    if (typeof read === 'string') return read;
    found.push(...read);
  }
  return found;
}
