// daemon/kernel-view: what the kernel holds now, as the answers ask for it. Before: daemon/serve. After: answers/.
import type { LiveFlow } from '../account/ledger.ts';
import type { KernelView } from '../answers/flows.ts';
import { readConnections } from '../kernel/conntrack.ts';
import { countSet, readSet } from '../kernel/sets.ts';
import type { Agent } from '../runtime/agent.ts';

/** `live`: connections that are known already, instead of the kernel's list. */
export function kernelView(agent: Agent, live: readonly LiveFlow[] | null = null): KernelView {
  const { sets, connections } = agent.effects;
  const { mask } = agent.policy.globals;
  return {
    readSet: (set, most, wanted) =>
      typeof sets === 'string' ? sets : readSet(sets, set, most, wanted),
    countSet: (set) => (typeof sets === 'string' ? 0 : countSet(sets, set)),
    connections: () => {
      if (live !== null) return live;
      if (typeof connections === 'string') return connections;
      // One dump a slot: the kernel filters by mark, and a router has thousands of other flows.
      const found = agent.policy.apps.map(({ slot }) =>
        readConnections(connections, slot * (mask & -mask), mask),
      );
      return found.find((one) => typeof one === 'string') ?? found.flat().filter(notText);
    },
  };
}

function notText<T>(value: T | string): value is T {
  return typeof value !== 'string';
}
