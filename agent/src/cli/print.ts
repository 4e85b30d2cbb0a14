// cli/print: the request that a command sends to the agent, and its answer as text or JSON. The agent uses it for
// the C client (agent/native/ask.c), and cli/ask uses it where the engine runs. Pure.

import type { Done } from '../answers/actions.ts';
import type { DeviceAnswer } from '../answers/devices.ts';
import { errorAnswer } from '../answers/error.ts';
import type { EvidenceAnswer, FlowAnswer, LearnedAnswer } from '../answers/flows.ts';
import type { NamesAnswer } from '../answers/names.ts';
import type { ProxyAnswer } from '../answers/proxies.ts';
import type { Rows } from '../answers/rows.ts';
import type { Reply, SeriesAnswer, TotalsAnswer } from '../answers/rpc.ts';
import type { StatusAnswer } from '../answers/status.ts';
import type { WhyAnswer } from '../answers/why-parts.ts';
import { isWorking } from '../answers/works.ts';
import type { Pin } from '../policy/choices.ts';
import type { Clock } from '../syntax/local-time.ts';
import type { Problem } from '../syntax/result.ts';
import type { Command } from './arguments.ts';
import { problemLines, wrapped } from './columns.ts';
import { WORKS_NOT } from './commands.ts';
import { helpText } from './help.ts';
import { evidenceText, flowsText, learnedText, whyText } from './text.ts';
import { countersText, type LogAnswer, logText } from './text-account.ts';
import { devicesText, pinsText, proxiesText } from './text-owner.ts';
import { statusText } from './text-status.ts';
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
      return text === null ? complained([unknown], 2, json) : say('help', text);
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

/** The output of a failed command: problems on stderr, and with --json an object on stdout too. */
export function complained(problems: readonly Problem[], status: number, json: boolean): Printed {
  const err = problemsText(problems, 'whp: ');
  return { status, out: json ? jsonLine(errorAnswer(problems)) : '', err };
}

export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Problems as every command reports them: the place first, commands on lines of their own. */
export function problemsText(problems: readonly Problem[], before = ''): string {
  return problems
    .flatMap((one) => problemLines(one, before))
    .map((line) => `${line}\n`)
    .join('');
}

/** Of a file that was refused: its problems are a report as of `whp check`; with --json they are an object. */
export function notTaken(problems: readonly Problem[], why: Problem, json: boolean): Printed {
  const { err } = complained([why], 1, false);
  const out = json ? jsonLine(errorAnswer(problems)) : problemsText(problems);
  return { status: 1, out, err };
}

const NOT_LOADED = {
  where: 'reload',
  what: 'not loaded, the last good configuration stands; whp check',
};

export function printed(command: Command, reply: Reply, clock: Clock): Printed {
  if (!reply.ok) {
    if (reply.problems !== undefined) return notTaken(reply.problems, NOT_LOADED, command.json);
    const problem = { where: command.name, what: reply.error ?? 'failed' };
    return complained([problem], reply.status ?? 1, command.json);
  }
  const { answer } = reply;
  const status = command.quiet && !isWorking(answer as StatusAnswer) ? WORKS_NOT : 0;
  if (command.quiet) return { status, out: '', err: '' };
  const out = command.json ? jsonLine(answer) : text(command, answer, clock);
  return { status, out, err: command.hint === null ? '' : `whp: ${command.hint}\n` };
}

function text(command: Command, answer: unknown, clock: Clock): string {
  const { limit } = command;
  switch (command.name) {
    case 'status':
      return statusText(answer as StatusAnswer, clock);
    case 'flows':
      return flowsViewText(command, answer, clock);
    case 'learned':
      return learnedText(answer as LearnedAnswer, limit);
    case 'why':
      return whyText(answer as WhyAnswer);
    case 'devices':
      return devicesText(answer as Rows<DeviceAnswer>);
    case 'completion':
      return (answer as NamesAnswer).rows.map((name) => `${name}\n`).join('');
    default:
      return actionText(command, answer as Done | Rows<Pin & ProxyAnswer>);
  }
}

function flowsViewText({ view, limit }: Command, answer: unknown, clock: Clock): string {
  switch (view) {
    case 'ended':
      return logText(answer as LogAnswer, clock, limit);
    case 'recent':
      return evidenceText(answer as Rows<EvidenceAnswer>, limit);
    case 'totals':
      return countersText(answer as TotalsAnswer | SeriesAnswer, clock);
    case null:
      return flowsText(answer as Rows<FlowAnswer>, limit);
  }
}

/** An action says what was done; `pin` and `proxy list` list. */
function actionText({ name }: Command, answer: Done | Rows<Pin & ProxyAnswer>): string {
  if ('text' in answer) return `${wrapped(answer.text).join('\n')}\n`;
  return name === 'pin' ? pinsText(answer) : proxiesText(answer);
}
