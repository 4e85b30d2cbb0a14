// daemon/kernel-view: what the kernel holds now, as the answers ask for it. Before: daemon/serve. After: answers/.
import type { KernelView } from '../answers/flows.ts';
import type { FlowEntry } from '../answers/now.ts';
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
    readSet: (set, most, wanted) =>
      typeof sets === 'string' ? sets : readSet(sets, set, most, wanted),
    countSet: (set) => (typeof sets === 'string' ? 0 : countSet(sets, set)),
    connections: () => connections,
  };
}

/** The kernel's list of the connections that carry our marks, read in turns of the event loop. */
export function openNow({ effects, policy }: Agent): Promise<readonly FlowEntry[] | string> {
  const { mask } = policy.globals;
  // One list a slot: the kernel filters by mark, and a router has thousands of other flows.
  const wanted = policy.apps.map(({ slot }) => ({ mark: markOf(mask, slot), mask }));
  return listConnections(effects.lists, wanted);
}
