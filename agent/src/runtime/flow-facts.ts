// runtime/flow-facts: app, proxy and evidence of a connection for the ledger.

import { createLines, flowLine } from '../account/flow-log.ts';
import { proxyOf } from '../account/proxy-of-flow.ts';
import { now, wallTime } from '../os/clock.ts';
import { log } from '../os/log.ts';
import { slotOf } from '../policy/marks.ts';
import { flowText } from '../wire/flow-text.ts';
import type { WatchedPolicy } from './accounting.ts';
import type { Agent } from './agent.ts';

const lines = createLines();

/** The policy in force, in the form that runtime/accounting needs. */
export function watchedPolicy(agent: Agent): WatchedPolicy {
  const { apps, globals } = agent.policy;
  return {
    mask: globals.mask,
    marks: apps.map(({ slot }) => slot * (globals.mask & -globals.mask)),
    facts(connection) {
      const slot = slotOf(globals.mask, connection.mark);
      const app = apps.find((one) => one.slot === slot);
      if (app === undefined) return null;
      const known = agent.state.evidence.flows.get(`${app.name} ${flowText(connection.original)}`);
      return {
        app: app.name,
        proxy: proxyOf(
          agent.policy.proxies,
          agent.failover.steering.choices.get(app.name)?.way,
          connection.reply.destination,
        ),
        evidence: known?.kind ?? 'unknown',
        detail: known?.detail ?? 'announced before this agent listened',
        // When its first packet was announced; the dump may be read much later.
        ...(known === undefined ? {} : { start: wallTime() - (now() - known.last) }),
      };
    },
    ended(flow) {
      if (!globals.logFlows) return;
      const line = flowLine(lines, flow, now());
      if (line !== null) log('notice', line);
    },
  };
}
