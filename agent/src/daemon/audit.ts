// daemon/audit: the agent's part of `whp audit`. Loads the audit's table (ruleset/audit), which counts flows in the
// kernel; at the end, learn/audit judges them by all evidence known then. One audit at a time; it belongs to the
// connection of its command. After a restart of the agent it waits for the command to connect again.

import { type AuditAnswer, outsideFlow } from '../answers/audit.ts';
import type { BypassAnswer } from '../answers/bypass.ts';
import { seconds } from '../answers/flows.ts';
import { newFlows } from '../answers/now.ts';
import { rowsOf } from '../answers/rows.ts';
import { judgeFlows, type LeftFlow } from '../learn/audit.ts';
import { type Grounds, peerText } from '../learn/late-flows.ts';
import { type Counted, knownCounts } from '../learn/outside.ts';
import { now, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { AUDIT_FLOWS, auditText } from '../ruleset/audit.ts';
import { AUDIT_TABLE, OFFLOAD_TABLE, outsideCounter } from '../ruleset/names.ts';
import { type Agent, inTurn } from '../runtime/agent.ts';
import {
  beginAudit,
  endAudit,
  interruptAudit,
  type RunningAudit,
  resumeAudit,
} from '../runtime/audit.ts';
import { knownGrounds } from '../runtime/live.ts';
import { refreshCounts } from '../runtime/meter.ts';
import { deleteTable, loadNft } from '../runtime/table.ts';
import type { ActionReply } from './actions.ts';
import { surroundings } from './surroundings.ts';

/** Most rows of an answer. */
const MOST_ROWS = 200;
/** How long the command of an earlier agent's audit may take to connect again, milliseconds. */
const PATIENCE = 60000;
function refuse(error: string): ActionReply {
  return { ok: false, error };
}

/** `operand`: begin, resume or end. `owner`: the connection of the command. */
export function audit(
  agent: Agent,
  owner: object,
  operand: string,
  bypass: () => readonly BypassAnswer[],
): Promise<ActionReply> {
  return inTurn(agent, async () => {
    const { running } = agent.audit;
    switch (operand) {
      case 'begin':
        return begin(agent, owner);
      case 'resume':
        if (running === null || running.owner !== null) return refuse('no audit is waited for');
        resumeAudit(running, owner);
        return { ok: true, answer: null };
      case 'end':
        if (running?.owner !== owner) return refuse('this is not the audit that runs');
        return end(agent, bypass());
      default:
        return refuse('begin, resume or end');
    }
  });
}

async function begin(agent: Agent, owner: object): Promise<ActionReply> {
  const { policy } = agent;
  const other = agent.audit.running;
  if (other !== null) {
    const whose = other.owner === null ? 'may come back' : 'ends with Ctrl-C where it was started';
    const age = seconds(now() - other.since);
    return refuse(`another audit runs, since ${age} s; it ${whose}`);
  }
  if (policy.apps.length === 0) return refuse('no app is enabled: there is nothing to judge by');
  const text = auditText(policy.globals, policy.proxies);
  const error = await loadNft(agent, () => text, null);
  if (error !== null) return refuse(errorText(error));
  beginAudit(agent.audit, running(agent, owner, text));
  noteChosen(agent);
  return { ok: true, answer: null };
}

/** Finds the table of an earlier agent's audit; its command may connect again. Call it at the start. */
export function findAudit(agent: Agent): void {
  const { policy } = agent;
  if (unkeptIn(agent) === null) return;
  beginAudit(agent.audit, running(agent, null, auditText(policy.globals, policy.proxies)));
}

function running(agent: Agent, owner: object | null, text: string): RunningAudit {
  const { state, kernel } = agent;
  refreshCounts(state.outside, kernel.tables);
  const counted = knownCounts(state.outside, outsideCounter);
  return { owner, since: now(), text, interrupted: false, chosen: new Set(), counted };
}

/** The connection `owner` was closed: its audit ends without a verdict. */
export function abandonAudit(agent: Agent, owner: object): void {
  if (agent.audit.running?.owner === owner) unattended(inTurn(agent, () => drop(agent)));
}

async function drop(agent: Agent): Promise<void> {
  endAudit(agent.audit);
  const error = await deleteTable(agent, AUDIT_TABLE);
  if (error !== null) log('error', errorText(error));
}

/** Call it with every tick. */
export function keepAudit(agent: Agent): void {
  const { policy } = agent;
  const { running } = agent.audit;
  if (running === null) return;
  if (running.owner === null && now() - running.since > PATIENCE) {
    unattended(inTurn(agent, () => drop(agent)));
    return;
  }
  noteChosen(agent);
  // The ruleset was flushed, or the devices of the configuration have changed.
  const text = auditText(policy.globals, policy.proxies);
  if (unkeptIn(agent) !== null && text === running.text) return;
  interruptAudit(running, text);
  unattended(inTurn(agent, () => loadNft(agent, () => text, null)));
}

/** Packets of flows that found no room in the sets; null: the table does not exist. */
function unkeptIn({ kernel }: Agent): Counted | null {
  return kernel.tables.counters(AUDIT_TABLE).get('unkept') ?? null;
}

function noteChosen(agent: Agent): void {
  const { policy, audit } = agent;
  const present = surroundings(agent);
  for (const app of policy.apps) {
    const { state, cause } = newFlows(app, policy.proxies, present);
    const isDirect = app.direct !== undefined || (state === 'direct' && cause === 'fallback');
    if (isDirect) audit.running?.chosen.add(app.name);
  }
}

async function end(agent: Agent, bypass: readonly BypassAnswer[]): Promise<ActionReply> {
  const { kernel, state } = agent;
  const running = agent.audit.running!;
  noteChosen(agent);
  const left = await kernel.tables.auditFlows();
  const unkept = unkeptIn(agent);
  refreshCounts(state.outside, kernel.tables);
  await drop(agent);
  if (!left.ok) return refuse(`${errorText(left.error)}: nothing is judged`);
  if (unkept === null) return refuse('somebody has deleted its table just now: nothing is judged');
  const answer = answerOf(agent, running, left.value, unkept);
  return { ok: true, answer: { ...answer, unseen: unseen(agent, bypass) } };
}

function answerOf(
  agent: Agent,
  running: RunningAudit,
  left: readonly LeftFlow[],
  unkept: Counted,
): Omit<AuditAnswer, 'unseen'> {
  const { state, policy } = agent;
  const { isHome, names } = surroundings(agent);
  const own = new Set(agent.inForce.addresses);
  const all = left.filter(({ remote }) => !own.has(remote) && !isHome(remote));
  const judged = judgeFlows(all, {
    grounds: policy.apps.map((app) => withNamed(state, knownGrounds(state, app))),
    setting: { isOwn: (address) => own.has(address), macOf: names.macOf, gateways: state.gateways },
    learned: state.learned,
    pairs: state.pairs,
    now: now(),
  }).sort((a, b) => b.packets - a.packets);
  const outside = judged.filter(({ app }) => !running.chosen.has(app));
  const chosen = judged.filter(({ app }) => running.chosen.has(app));
  const counts = knownCounts(state.outside, outsideCounter);
  const metered = policy.apps.reduce((sum, { name }) => {
    const counter = outsideCounter(name);
    const before = running.counted.get(counter)?.packets ?? 0;
    return sum + Math.max(0, (counts.get(counter)?.packets ?? 0) - before);
  }, 0);
  const { rows, ...more } = rowsOf(outside, MOST_ROWS);
  return {
    recorded_s: seconds(now() - running.since),
    flows: all.length,
    packets: packetsOf(all),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    unkept,
    rows: rows.map((one) => outsideFlow(one, names)),
    ...more,
    outside_flows: outside.length,
    outside_packets: packetsOf(outside),
    chosen_flows: chosen.length,
    chosen_packets: packetsOf(chosen),
    metered_packets: metered,
    interrupted: running.interrupted,
  };
}

/** Adds the servers that a device has named in a TLS hello, as peers of the device. */
function withNamed({ hellos }: Agent['state'], grounds: Grounds): Grounds {
  for (const { server, until } of hellos.named.values()) {
    if (server.app !== grounds.app.name || until <= now()) continue;
    grounds.peers.add(peerText(server.device, server.address));
  }
  return grounds;
}

function packetsOf(list: readonly Counted[]): number {
  return list.reduce((sum, { packets }) => sum + packets, 0);
}

/** Texts of the flows that the audit cannot see. */
function unseen({ kernel, policy }: Agent, bypass: readonly BypassAnswer[]): string[] {
  const tables = [...kernel.tables.flowTables()];
  const offloading = tables.filter((name) => name !== OFFLOAD_TABLE);
  const told = bypass.map(({ device, address, how }) => `${device ?? address} (${how.join(', ')})`);
  return [
    `devices on other networks than ${policy.globals.lan.join(', ')}, and the router's own packets`,
    ...(offloading.length === 0
      ? []
      : [`all but the first packets of flows in the flow table of ${offloading.join(', ')}`]),
    told.length === 0
      ? 'addresses that a device was told by DoH or DoT'
      : `addresses that devices were told by other resolvers: ${told.join('; ')}`,
    `of more than ${AUDIT_FLOWS} flows of a family the later ones`,
  ];
}
