// cli/print: the request that a command sends to the agent, and its answer as text or JSON. The agent uses it for
// the C client (native/ask.c), and cli/ask uses it where the engine runs. Pure.

import type { DeviceAnswer } from '../answers/devices.ts';
import type { EvidenceAnswer, FlowAnswer, LearnedAnswer } from '../answers/flows.ts';
import type { StatusAnswer } from '../answers/status.ts';
import type { WhyAnswer } from '../answers/why-parts.ts';
import type { Problem } from '../syntax/result.ts';
import type { Command } from './arguments.ts';
import { completionText, helpText } from './help.ts';
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
      return say('script', completionText());
    case 'help': {
      const text = helpText(operand);
      const unknown = { where: String(operand), what: 'no such command; whp help lists them' };
      return text === null ? complained([unknown], 2) : say('help', text);
    }
    default:
      return null;
  }
}

/** The request of a command: methods have the commands' names, except those of `proxy`. */
export function requestOf({ name, words, operand, limit, csv }: Command): Request {
  if (name === 'proxy') {
    return words[0] === 'use' ? { method: 'use', operand: words[1]! } : { method: 'proxies' };
  }
  if (name === 'log' && csv) return { method: name, operand: 'csv', limit };
  return { method: name, limit, ...(operand === null ? {} : { operand }) };
}

/** Tells the C client to start the engine and run the command itself. */
export const ELSEWHERE: Printed = { status: -1, out: '', err: '' };

export function complained(problems: readonly Problem[], status: number): Printed {
  const err = problems.map(({ where, what }) => `whp: ${where}: ${what}\n`).join('');
  return { status, out: '', err };
}

export function printed(command: Command, reply: Reply): Printed {
  if (!reply.ok) {
    return complained(
      reply.problems ?? [{ where: command.name, what: reply.error ?? 'failed' }],
      reply.status ?? 1,
    );
  }
  const { answer } = reply;
  const out = command.json ? `${JSON.stringify(answer)}\n` : text(command, answer);
  return { status: 0, out, err: '' };
}

function text(command: Command, answer: unknown): string {
  switch (command.name) {
    case 'status':
      return statusText(answer as StatusAnswer);
    case 'flows':
      return flowsText(answer as readonly FlowAnswer[], command.limit);
    case 'evidence':
      return evidenceText(answer as readonly EvidenceAnswer[], command.limit);
    case 'learned':
      return learnedText(answer as LearnedAnswer, command.limit);
    case 'why':
      return whyText(answer as WhyAnswer);
    case 'devices':
      return devicesText(answer as readonly DeviceAnswer[]);
    case 'counters':
      return countersText(answer as CountersAnswer);
    case 'log':
      return logText(answer as LogAnswer, command.limit);
    default:
      return actionText(answer as ActionAnswer);
  }
}
