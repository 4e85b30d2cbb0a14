// control/serve: the control socket: one JSON line {"method", "operand"} in, one {"ok", "answer"}
// line out; `monitor` goes on. answers.ts makes the answers, this asks the kernel for it.
import type { Daemon } from '../daemon.ts';
import type { Problem } from '../policy/result.ts';
import type { Told } from '../step.ts';
import { now, wallTime } from '../system/clock.ts';
import { readConnections } from '../system/connections.ts';
import { errnoText } from '../system/errno.ts';
import { residentBytes } from '../system/memory.ts';
import { readPaths } from '../system/paths.ts';
import { readSet } from '../system/sets.ts';
import { type Line, listenLines } from '../system/unix-socket.ts';
import { isLinkName } from '../tunnel/plan.ts';
import { ledgerConnections } from './accounts.ts';
import { act, type Refresh } from './actions.ts';
import {
  evidenceAnswer,
  flowAnswers,
  type KernelView,
  learnedAnswer,
  type StatusAnswer,
  statusAnswer,
  whyAnswer,
} from './answers.ts';
import { devicesAnswer } from './devices.ts';
import { rpcAnswer } from './rpc.ts';
import { VERSION } from './version.ts';

/** IFF_UP: set up by its owner (linux/if.h). */
const IFF_UP = 1;

export interface Request {
  readonly method: string;
  readonly operand?: string;
  /** Of method rpc, whose operand is the method that is called: its arguments. */
  readonly input?: unknown;
}

/** How the daemon changes what is enforced. */
export interface Turns {
  readonly reload: (daemon: Daemon) => Promise<readonly Problem[]>;
  readonly refresh: Refresh;
}

/** Listens until closed. A string is the error. */
export function listenControl(
  path: string,
  daemon: Daemon,
  turns: Turns,
): { close(): void } | string {
  const monitors = new Map<Line, (told: Told) => void>();
  const listening = listenLines(path, {
    onValue: (value, line) => {
      const request = value as Partial<Request> | null;
      // The second watchdog: that somebody answers is the answer.
      if (request?.method === 'alive') {
        line.send({ ok: true });
        return;
      }
      if (request?.method === 'monitor') {
        const tell = (told: Told): void => void line.send(told);
        monitors.set(line, tell);
        daemon.effects.listeners.add(tell);
        return;
      }
      void answer(daemon, turns, request ?? {}).then(
        (reply) => line.send(reply),
        (error: unknown) => line.send({ ok: false, error: String(error) }),
      );
    },
    onClose: (_reason, line) => {
      const tell = monitors.get(line);
      if (tell !== undefined) daemon.effects.listeners.delete(tell);
      monitors.delete(line);
    },
  });
  if (listening.ok) return listening.server;
  const taken = 'another agent answers here; stop it first (/etc/init.d/whp stop)';
  return errnoText(listening.errno).startsWith('Address') ? taken : errnoText(listening.errno);
}

async function answer(
  daemon: Daemon,
  turns: Turns,
  request: Partial<Request>,
  kernel: KernelView = kernelView(daemon),
): Promise<unknown> {
  const operand = typeof request.operand === 'string' ? request.operand : '';
  switch (request.method) {
    case 'status':
      return { ok: true, answer: status(daemon, kernel) };
    case 'flows':
      return { ok: true, answer: flowAnswers(daemon.state, kernel) };
    case 'evidence':
      return { ok: true, answer: evidenceAnswer(daemon.state, now()) };
    case 'learned':
      return { ok: true, answer: learnedAnswer(daemon.state, kernel, now()) };
    case 'why':
      return { ok: true, answer: whyAnswer(daemon.state, kernel, operand, now()) };
    case 'reload': {
      const problems = await turns.reload(daemon);
      const done = 'the configuration is taken in';
      return problems.length === 0 ? { ok: true, answer: { done } } : { ok: false, problems };
    }
    case 'devices':
      return { ok: true, answer: devices(daemon, kernel) };
    case 'proxies':
      return { ok: true, answer: proxies(daemon, kernel) };
    case 'rpc':
      return rpc(daemon, turns, operand, request.input);
    default: {
      const words = operand.split(' ').filter((word) => word !== '');
      const acted = act(daemon, turns.refresh, String(request.method), words);
      return acted ?? { ok: false, error: `no such method: ${String(request.method)}` };
    }
  }
}

/** Answers from the ledger where `whp` asks the kernel: its list may be thousands of entries long. */
function rpc(daemon: Daemon, turns: Turns, call: string, input: unknown): Promise<object> {
  const { flows } = daemon;
  const ledger = typeof flows === 'string' || flows === null ? null : flows.ledger;
  const connections = () => (ledger === null ? [] : ledgerConnections(ledger.live.values()));
  const view = { ...kernelView(daemon), connections };
  const ask = (method: string, operand: string): Promise<unknown> =>
    answer(daemon, turns, { method, operand }, view);
  return rpcAnswer(call, input, { ledger, time: wallTime(), ask });
}

function devices(daemon: Daemon, kernel: KernelView): unknown {
  const learned = learnedAnswer(daemon.state, kernel, now());
  const flows = flowAnswers(daemon.state, kernel);
  return devicesAnswer(daemon.policy.apps, daemon.settings.hosts, learned, flows);
}

function proxies(daemon: Daemon, kernel: KernelView): unknown {
  const { tunnels, preferred } = status(daemon, kernel);
  return tunnels.map((tunnel) => ({
    ...tunnel,
    apps: daemon.settings.configured.apps
      .filter((app) => app.proxies.includes(tunnel.name))
      .map(({ name }) => name),
    preferred: tunnel.name === preferred,
  }));
}

function kernelView(daemon: Daemon): KernelView {
  const { sets, connections } = daemon.effects;
  const { mask } = daemon.policy.globals;
  return {
    readSet: (set) => (typeof sets === 'string' ? sets : readSet(sets, set)),
    connections: () => {
      if (typeof connections === 'string') return connections;
      // One dump a slot: the kernel filters by mark, and a router has thousands of other flows.
      const found = daemon.policy.apps.map(({ slot }) =>
        readConnections(connections, slot * (mask & -mask), mask),
      );
      return found.find((one) => typeof one === 'string') ?? found.flat().filter(notText);
    },
  };
}

function notText<T>(value: T | string): value is T {
  return typeof value !== 'string';
}

function status(daemon: Daemon, kernel: KernelView): StatusAnswer {
  const realized = readPaths(daemon.paths);
  const problems = Array.from(daemon.problems.values());
  for (const { where, what } of daemon.neighbours.problems) {
    problems.push(`collision: ${where}: ${what}`);
  }
  if (typeof realized === 'string') problems.push(realized);
  if (daemon.effects.failures.count > 0) {
    const { count, last } = daemon.effects.failures;
    problems.push(`${count} set updates failed, the last: ${last}`);
  }
  const links = typeof realized === 'string' ? [] : realized.links;
  const tunnels = daemon.policy.proxies.map((proxy) => {
    const link = links.find(({ name }) => isLinkName(name) && name.endsWith(`-${proxy.name}`));
    const up = link !== undefined && (link.flags & IFF_UP) !== 0;
    return { name: proxy.name, address: proxy.address, up, mtu: link?.mtu ?? 0 };
  });
  return statusAnswer(daemon.state, kernel, {
    version: VERSION,
    now: now(),
    since: daemon.since,
    tunnels,
    steering: daemon.helm.steering,
    lost: (daemon.held?.counters.overruns ?? 0) + (daemon.announced?.counters.overruns ?? 0),
    memory: residentBytes(),
    problems,
    repairs: daemon.repairs,
    choices: daemon.settings.choices,
  });
}
