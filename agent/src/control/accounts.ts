// control/accounts: joins the ledger with what the agent knows: which app and proxy a connection is
// of, and why it is proxied. Also the ledger's flows as answers ask for them, so that an answer never
// has to wait for the kernel's whole list.
import type { LiveFlow } from '../account/ledger.ts';
import type { Daemon } from '../daemon.ts';
import { type Connection, tupleText } from '../netlink/conntrack.ts';
import { slotOf } from '../policy/marks.ts';
import type { WatchedPolicy } from '../system/flow-watch.ts';
import type { FlowAnswer } from './answers.ts';

/** The policy in force, as the watch of flows wants it. */
export function watchedPolicy(daemon: Daemon): WatchedPolicy {
  const { apps, globals } = daemon.policy;
  return {
    mask: globals.mask,
    marks: apps.map(({ slot }) => slot * (globals.mask & -globals.mask)),
    facts(connection) {
      const slot = slotOf(globals.mask, connection.mark);
      const app = apps.find((one) => one.slot === slot);
      if (app === undefined) return null;
      const known = daemon.state.evidence.flows.get(
        `${app.name} ${tupleText(connection.original)}`,
      );
      return {
        app: app.name,
        proxy: app.proxies[0] ?? 'none',
        evidence: known?.kind ?? 'unknown',
        detail: known?.detail ?? 'announced before this agent listened',
      };
    },
    ended() {},
  };
}

/** The live flows as connections, as of the last list. */
export function ledgerConnections(flows: Iterable<LiveFlow>): Connection[] {
  return Array.from(flows, ({ original, mark, up, down, packets }) => ({
    family: original.source.includes(':') ? 6 : 4,
    original,
    reply: original,
    status: 0,
    mark,
    id: 0,
    zone: 0,
    timeout: 0,
    packets: { original: packets, reply: 0 },
    bytes: { original: up, reply: down },
  }));
}

export function flowRow(flow: LiveFlow): FlowAnswer & { readonly start: number } {
  const { app, original, packets, up, down, evidence, detail, start } = flow;
  return { app, flow: tupleText(original), packets, bytes: up + down, evidence, detail, start };
}
