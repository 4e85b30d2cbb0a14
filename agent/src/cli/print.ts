// cli/print: what a command that asks the agent asks, and its answer as it is printed: for a
// person, or with --json for a program. Used at both ends: by the agent for the thin client
// (native/ask.c), and by cli/ask where the engine runs anyway. Pure.

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

/** What goes over the control socket, one JSON line. */
export interface Request {
  readonly method: string;
  readonly operand?: string;
  /** Rows of a list at most. */
  readonly limit?: number;
  /** Of method rpc, whose operand is the method that is called: its arguments. */
  readonly input?: unknown;
  /** Of method cli: the command line. */
  readonly words?: readonly string[];
}

export interface Reply {
  readonly ok: boolean;
  readonly answer?: unknown;
  readonly error?: string;
  readonly problems?: readonly Problem[];
  /** Exit status of a command that failed; 1 unless the command line is wrong. */
  readonly status?: number;
}

export interface Printed {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** What needs neither an agent nor a file; null: something else was asked. */
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

/** The socket's methods are the commands, but for the two of `proxy`. */
export function requestOf({ name, words, operand, limit, csv }: Command): Request {
  if (name === 'proxy') {
    return words[0] === 'use' ? { method: 'use', operand: words[1]! } : { method: 'proxies' };
  }
  if (name === 'log' && csv) return { method: name, operand: 'csv', limit };
  return { method: name, limit, ...(operand === null ? {} : { operand }) };
}

/** The agent's word for it: the engine at the other end has to do that itself. */
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
      return logText(answer as LogAnswer);
    default:
      return actionText(answer as ActionAnswer);
  }
}
