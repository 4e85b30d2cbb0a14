// cli/print: the request that a command sends to the agent, and its answer as text or JSON. The agent uses it for
// the C client (native/ask.c), and cli/ask uses it where the engine runs. Pure.

import type { DeviceAnswer } from '../answers/devices.ts';
import type { EvidenceAnswer, FlowAnswer, LearnedAnswer } from '../answers/flows.ts';
import type { NamesAnswer } from '../answers/names.ts';
import type { StatusAnswer } from '../answers/status.ts';
import type { WhyAnswer } from '../answers/why-parts.ts';
import { isWorking } from '../answers/works.ts';
import type { Problem } from '../syntax/result.ts';
import type { Command } from './arguments.ts';
import { WORKS_NOT } from './commands.ts';
import { helpText } from './help.ts';
import { evidenceText, flowsText, learnedText, statusText, whyText } from './text.ts';
import { type CountersAnswer, countersText, type LogAnswer, logText } from './text-account.ts';
import { type ActionAnswer, actionText, devicesText } from './text-owner.ts';
import { VERSION } from './version.ts';

/** A request on the control socket, one line of JSON. */
export interface Request {
  readonly method: string;
  readonly operand?: string;
  /** Most rows of a list. */
  readonly limit?: number;
  /** For method rpc, whose operand is the called method: its arguments. */
  readonly input?: unknown;
  /** For method cli: the command line. */
  readonly words?: readonly string[];
}

export interface Reply {
  readonly ok: boolean;
  readonly answer?: unknown;
  readonly error?: string;
  readonly problems?: readonly Problem[];
  /** Exit status of a command that failed; default 1, 2: the command line is wrong. */
  readonly status?: number;
}

export interface Printed {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** The script is a file of the package. */
const COMPLETION = '. /usr/share/whp/completion.bash\n';

/** Output of the commands that need neither agent nor file; null: another command. */
export function printedAlone({ name, operand, json }: Command): Printed | null {
  const say = (key: string, text: string): Printed => ({
    status: 0,
    out: json ? `${JSON.stringify({ [key]: text })}\n` : text,
    err: '',
  });
  switch (name) {
    case 'version':
      return json ? say('version', VERSION) : say('version', `whp ${VERSION}\n`);
    case 'completion':
      return operand === null ? say('script', COMPLETION) : null;
    case 'help': {
      const text = helpText(operand);
      const unknown = { where: String(operand), what: 'no such command; whp help lists them' };
      return text === null ? complained([unknown], 2) : say('help', text);
    }
    default:
      return null;
  }
}

/** The request of a command: a method has the command's name, but for lists with a name of their own. */
export function requestOf({ name, words, operand, limit, csv, view }: Command): Request {
  const told = { limit, ...(operand === null ? {} : { operand }) };
  switch (name) {
    case 'proxy':
      return words[0] === 'use' ? { method: 'use', operand: words[1]! } : { method: 'proxies' };
    case 'pin':
      return words[0] === 'list' ? { method: name, limit } : { method: name, ...told };
    case 'completion':
      return { method: 'names', ...told };
    case 'flows':
      if (view === 'ended') return { method: 'log', limit, ...(csv ? { operand: 'csv' } : {}) };
      return { method: view === null ? name : METHODS[view], ...told };
    default:
      return { method: name, ...told };
  }
}

const METHODS = { recent: 'evidence', totals: 'counters' } as const;

/** Tells the C client to start the engine and run the command itself. */
export const ELSEWHERE: Printed = { status: -1, out: '', err: '' };

export function complained(problems: readonly Problem[], status: number): Printed {
  const err = problems.map(({ where, what }) => `whp: ${where}: ${what}\n`).join('');
  return { status, out: '', err };
}

/** Problems of files, as every command reports them: one a line, the place first. */
export function problemLines(problems: readonly Problem[]): string {
  return problems.map(({ where, what }) => `${where}: ${what}\n`).join('');
}

/** A configuration that was not loaded: its problems are a report as of `whp check`. */
function unloaded(problems: readonly Problem[]): Printed {
  const { err } = complained([{ where: 'reload', what: NOT_LOADED }], 1);
  return { status: 1, out: problemLines(problems), err };
}

const NOT_LOADED = 'not loaded: see whp check; the last good configuration stands';

export function printed(command: Command, reply: Reply): Printed {
  if (!reply.ok) {
    if (reply.problems !== undefined && !command.json) return unloaded(reply.problems);
    return complained(
      reply.problems ?? [{ where: command.name, what: reply.error ?? 'failed' }],
      reply.status ?? 1,
    );
  }
  const { answer } = reply;
  const status = command.quiet && !isWorking(answer as StatusAnswer) ? WORKS_NOT : 0;
  if (command.quiet) return { status, out: '', err: '' };
  const out = command.json ? `${JSON.stringify(answer)}\n` : text(command, answer);
  return { status, out, err: command.hint === null ? '' : `whp: ${command.hint}\n` };
}

function text(command: Command, answer: unknown): string {
  switch (command.name) {
    case 'status':
      return statusText(answer as StatusAnswer);
    case 'flows':
      return flowsViewText(command, answer);
    case 'learned':
      return learnedText(answer as LearnedAnswer, command.limit);
    case 'why':
      return whyText(answer as WhyAnswer);
    case 'devices':
      return devicesText(answer as readonly DeviceAnswer[]);
    case 'completion':
      return (answer as NamesAnswer).rows.map((name) => `${name}\n`).join('');
    default:
      return actionText(answer as ActionAnswer);
  }
}

function flowsViewText({ view, limit }: Command, answer: unknown): string {
  switch (view) {
    case 'ended':
      return logText(answer as LogAnswer, limit);
    case 'recent':
      return evidenceText(answer as readonly EvidenceAnswer[], limit);
    case 'totals':
      return countersText(answer as CountersAnswer);
    case null:
      return flowsText(answer as readonly FlowAnswer[], limit);
  }
}
