// daemon/serve: the control socket. A request is one JSON line {"method", "operand"}, the answer one line {"ok",
// "answer"}; `monitor` sends lines until the connection is closed; `cli` answers a command line with the text to
// print. answers/ builds the answers from what is read here.
import { EADDRINUSE } from 'whp:socket';
import type { LiveFlow } from '../account/ledger.ts';
import { bypassAnswer } from '../answers/bypass.ts';
import { type DeviceAnswer, devicesAnswer, flowsOf, learnedOf } from '../answers/devices.ts';
import {
  type EvidenceAnswer,
  evidenceAnswer,
  type FlowAnswer,
  flowAnswers,
  type KernelView,
  learnedAnswer,
} from '../answers/flows.ts';
import { monitorAnswer } from '../answers/monitor.ts';
import { isNameKind, NAME_KINDS, namesAnswer } from '../answers/names.ts';
import { type Rows, rowsOf } from '../answers/rows.ts';
import { liveRows, type Reply, RPC_ROWS, rpcAnswer } from '../answers/rpc.ts';
import { whyAnswer } from '../answers/why.ts';
import { readArguments } from '../cli/arguments.ts';
import { MOST_ROWS } from '../cli/commands.ts';
import {
  complained,
  type Printed,
  printed,
  printedAlone,
  type Request,
  requestOf,
} from '../cli/print.ts';
import type { MonitorEvent } from '../learn/effect.ts';
import { now, wallTime } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { closeLine, type Line, listenLines, sendBytes, sendValue } from '../os/unix-socket.ts';
import { encodeUtf8 } from '../os/utf8.ts';
import { localClock } from '../router/time-zone.ts';
import { ledgerOf } from '../runtime/accounting.ts';
import type { Agent } from '../runtime/agent.ts';
import { type Checked, invalid, ok, type Problem } from '../syntax/result.ts';
import { act, type Refresh } from './actions.ts';
import { abandonAudit, audit } from './audit.ts';
import { filesReply, isOfFiles, ofFiles } from './file-commands.ts';
import { kernelView, manyFlows, openNow } from './kernel-view.ts';
import { status } from './status.ts';
import { namesOf, presentNow, surroundings } from './surroundings.ts';

/** Methods whose answer needs the open connections. */
const OF_CONNECTIONS = ['status', 'flows', 'why', 'devices', 'proxies'];

/** Functions that change the enforced policy. */
export interface PolicyChanges {
  readonly reload: (agent: Agent) => Promise<readonly Problem[]>;
  readonly refresh: Refresh;
}

/** Listens until `close` is called. */
export function listenControl(
  path: string,
  agent: Agent,
  changes: PolicyChanges,
): Checked<{ close(): void }> {
  const monitors = new Map<Line, (event: MonitorEvent) => void>();
  const listening = listenLines(path, {
    onValue: (value, line) => {
      const request = value as Partial<Request> | null;
      // From the second watchdog: any answer suffices.
      if (request?.method === 'alive') {
        sendValue(line, { ok: true });
        return;
      }
      if (request?.method === 'monitor') {
        const tell = (event: MonitorEvent): void =>
          void sendValue(line, monitorAnswer(event, namesOf(agent)));
        monitors.set(line, tell);
        agent.effects.listeners.add(tell);
        return;
      }
      if (request?.method === 'audit') {
        const bypass = () => bypassAnswer(kernelView(agent, ok([])), namesOf(agent));
        void audit(agent, line, String(request.operand), bypass).then(
          (reply) => void sendValue(line, reply),
          (error: unknown) => void sendValue(line, { ok: false, error: String(error) }),
        );
        return;
      }
      if (request?.method === 'cli') {
        const words = Array.isArray(request.words) ? request.words : [];
        void cli(agent, changes, words).then(
          (answer) => sendPrinted(line, answer),
          () => closeLine(line),
        );
        return;
      }
      void answer(agent, changes, request ?? {}).then(
        (reply) => sendValue(line, reply),
        (error: unknown) => sendValue(line, { ok: false, error: String(error) }),
      );
    },
    onClose: (_reason, line) => {
      const tell = monitors.get(line);
      if (tell !== undefined) agent.effects.listeners.delete(tell);
      monitors.delete(line);
      abandonAudit(agent, line);
    },
  });
  if (listening.ok) return ok(listening.server);
  const isTaken = listening.errno === EADDRINUSE;
  const taken = 'another agent answers here; stop it first (/etc/init.d/whp stop)';
  return invalid(isTaken ? taken : errnoText(listening.errno));
}

async function answer(
  agent: Agent,
  changes: PolicyChanges,
  request: Partial<Request>,
  live: readonly LiveFlow[] | null = manyFlows(agent),
): Promise<unknown> {
  const operand = typeof request.operand === 'string' ? request.operand : '';
  const limit = Math.min(MOST_ROWS, typeof request.limit === 'number' ? request.limit : MOST_ROWS);
  const isListed = live === null && OF_CONNECTIONS.includes(String(request.method));
  const kernel = kernelView(agent, isListed ? await openNow(agent) : ok(live ?? []));
  switch (request.method) {
    case 'status':
      return { ok: true, answer: status(agent, kernel) };
    case 'flows': {
      const found = flows(agent, kernel, live, limit);
      return found.ok ? { ok: true, answer: found.value } : { ok: false, error: found.what };
    }
    case 'evidence':
      return { ok: true, answer: evidence(agent, limit) };
    case 'learned':
      return { ok: true, answer: learnedAnswer(agent.state, kernel, namesOf(agent), now(), limit) };
    case 'why': {
      const why = whyAnswer(agent.state, kernel, operand, surroundings(agent));
      return why.ok ? { ok: true, answer: why.value } : { ok: false, error: why.what, status: 2 };
    }
    case 'reload': {
      const problems = await changes.reload(agent);
      const text = 'the configuration is loaded';
      return problems.length === 0 ? { ok: true, answer: { text } } : { ok: false, problems };
    }
    case 'devices':
      return { ok: true, answer: devices(agent, kernel, live) };
    case 'proxies':
      return { ok: true, answer: { rows: status(agent, kernel).proxies } };
    case 'names':
      return names(agent, operand);
    case 'counters':
    case 'log':
      return books(agent, changes, request.method, operand, limit);
    case 'check':
    case 'profiles':
      return filesReply(agent, request.method === 'check' ? ['check'] : ['profile', 'list']);
    case 'rpc':
      return rpc(agent, changes, operand, request.input);
    default: {
      const words = operand.split(' ').filter((word) => word !== '');
      const acted = act(agent, changes.refresh, String(request.method), words);
      return acted ?? { ok: false, error: `no such method: ${String(request.method)}` };
    }
  }
}

/** A command line from the client whp-host. */
async function cli(
  agent: Agent,
  changes: PolicyChanges,
  words: readonly unknown[],
): Promise<Printed> {
  const read = readArguments(words.map(String));
  if (!read.ok) return complained(read.problems, 2, words.includes('--json'));
  const command = read.value;
  const alone = printedAlone(command);
  if (alone !== null) return alone;
  if (isOfFiles(command)) return ofFiles(agent, command);
  const reply = await answer(agent, changes, requestOf(command)).catch((error: unknown) => ({
    ok: false,
    error: String(error),
  }));
  return printed(command, reply as Reply, localClock());
}

/** Sends "STATUS OUT ERR
 * ", the lengths in bytes, then the texts for stdout and stderr. */
function sendPrinted(line: Line, { status, out, err }: Printed): void {
  const [one, two] = [encodeUtf8(out), encodeUtf8(err)];
  sendBytes(line, encodeUtf8(`${status} ${one.length} ${two.length}\n`));
  sendBytes(line, one);
  sendBytes(line, two);
}

/** Answers from the ledger: an open page of LuCI asks every few seconds. */
function rpc(
  agent: Agent,
  changes: PolicyChanges,
  call: string,
  input: unknown,
  mostRows = RPC_ROWS,
): Promise<object> {
  const ledger = ledgerOf(agent.accounting);
  const live = ledger.ok ? Array.from(ledger.value.live.values()) : [];
  const ask = (method: string, operand: string, limit: number): Promise<unknown> =>
    answer(agent, changes, { method, operand, limit }, live);
  const names = namesOf(agent);
  const present = () => presentNow(agent);
  return rpcAnswer(call, input, { ledger, names, present, time: wallTime(), mostRows, ask });
}

/** counters and log, which rpcd has too, with the operands of a command line. */
async function books(
  agent: Agent,
  changes: PolicyChanges,
  method: string,
  operand: string,
  limit: number,
): Promise<unknown> {
  const [kind = '', name = '', range = ''] = operand.split(' ');
  const input =
    method === 'counters'
      ? { subject: `${kind} ${name}`.trim(), range }
      : { limit, format: operand };
  const answered = await rpc(agent, changes, method, input, MOST_ROWS);
  return 'error' in answered ? { ok: false, ...answered } : { ok: true, answer: answered };
}

function names({ policy, settings }: Agent, kind: string): Reply {
  const { configuration, configured, hosts, choices } = settings;
  if (!isNameKind(kind)) return { ok: false, error: `kinds: ${NAME_KINDS.join(', ')}`, status: 2 };
  const { uci, profiles } = configuration;
  const { proxies } = configured;
  const from = { policy: { ...policy, proxies }, uci, hosts, profiles: profiles.keys() };
  return { ok: true, answer: namesAnswer(kind, { ...from, pins: choices.pins }) };
}

function flows(
  agent: Agent,
  kernel: KernelView,
  live: readonly LiveFlow[] | null,
  limit: number,
): Checked<Rows<FlowAnswer>> {
  const names = namesOf(agent);
  if (live !== null) return ok(liveRows(live, limit, names, presentNow(agent)));
  const found = flowAnswers(agent.state, kernel, presentNow(agent), names);
  return found.ok ? ok(rowsOf(found.value, limit)) : found;
}

/** The last `limit` announced flows. */
function evidence(agent: Agent, limit: number): Rows<EvidenceAnswer> {
  const { state } = agent;
  const rows = evidenceAnswer(state, namesOf(agent), now(), limit);
  return state.evidence.flows.size > rows.length ? { rows, more: true } : { rows };
}

function devices(
  agent: Agent,
  kernel: KernelView,
  live: readonly LiveFlow[] | null,
): Rows<DeviceAnswer> {
  const { state, policy, settings } = agent;
  const ledger = ledgerOf(agent.accounting);
  return devicesAnswer(policy.apps, {
    hosts: settings.hosts,
    names: namesOf(agent),
    learned: learnedOf(state, now()),
    // With many flows, the ledger has their counts.
    flows: live === null || !ledger.ok ? flowsOf(kernel) : ledger.value.devices,
    totals: ledger.ok ? ledger.value.subjects : null,
  });
}
