// control/ask: the client half of the command line: one question to the running agent, its answer
// printed for a person or, with --json, for a program.
import * as std from 'qjs:std';
import type { Problem } from '../policy/result.ts';
import type { Told } from '../step.ts';
import { errnoText } from '../system/errno.ts';
import { connectLines } from '../system/unix-socket.ts';
import type {
  EvidenceAnswer,
  FlowAnswer,
  LearnedAnswer,
  StatusAnswer,
  WhyAnswer,
} from './answers.ts';
import type { Command } from './arguments.ts';
import type { DeviceAnswer } from './devices.ts';
import { evidenceText, flowsText, learnedText, statusText, toldText, whyText } from './text.ts';
import { type ActionAnswer, actionText, devicesText } from './text-owner.ts';

interface Reply {
  readonly ok: boolean;
  readonly answer?: unknown;
  readonly error?: string;
  readonly problems?: readonly Problem[];
}

const NO_AGENT = 3;

/** Asks, prints, and returns the exit status. `monitor` prints until it is interrupted. */
export function ask(command: Command): Promise<number> {
  return new Promise((resolve) => {
    let answered = false;
    const connected = connectLines(command.socket, {
      onValue: (value, line) => {
        if (command.name === 'monitor') {
          std.out.puts(command.json ? `${JSON.stringify(value)}\n` : toldText(value as Told));
          std.out.flush();
          return;
        }
        answered = true;
        line.close();
        resolve(print(command, value as Reply));
      },
      onClose: (reason) => {
        if (answered) return;
        std.err.puts(`whp: the agent closed the connection: ${reason}\n`);
        resolve(1);
      },
    });
    if (!connected.ok) {
      std.err.puts(
        `whp: ${command.socket}: no agent answers (${errnoText(connected.errno)}); start it with /etc/init.d/whp start\n`,
      );
      resolve(NO_AGENT);
      return;
    }
    connected.line.send(requestOf(command));
  });
}

/** The answer to one question; a string is why there is none. */
export function askOnce(
  socket: string,
  request: { readonly method: string; readonly operand?: string },
): Promise<unknown> {
  return new Promise((resolve) => {
    const connected = connectLines(socket, {
      onValue: (value, line) => {
        line.close();
        const reply = value as Reply;
        resolve(reply.ok ? reply.answer : (reply.error ?? 'failed'));
      },
      onClose: (reason) => resolve(`the agent closed the connection: ${reason}`),
    });
    if (connected.ok) connected.line.send(request);
    else resolve(`no agent answers (${errnoText(connected.errno)})`);
  });
}

/** The socket's methods are the commands, but for the two of `proxy`. */
function requestOf({ name, words, operand }: Command): { method: string; operand?: string } {
  if (name === 'proxy') {
    return words[0] === 'use' ? { method: 'use', operand: words[1]! } : { method: 'proxies' };
  }
  return { method: name, ...(operand === null ? {} : { operand }) };
}

function print(command: Command, reply: Reply): number {
  if (!reply.ok) {
    const problems = reply.problems ?? [{ where: command.name, what: reply.error ?? 'failed' }];
    for (const { where, what } of problems) std.err.puts(`whp: ${where}: ${what}\n`);
    return 1;
  }
  std.out.puts(command.json ? `${JSON.stringify(reply.answer)}\n` : text(command, reply.answer));
  return 0;
}

function text(command: Command, answer: unknown): string {
  switch (command.name) {
    case 'status':
      return statusText(answer as StatusAnswer);
    case 'flows':
      return flowsText(answer as readonly FlowAnswer[]);
    case 'evidence':
      return evidenceText(answer as readonly EvidenceAnswer[]);
    case 'learned':
      return learnedText(answer as LearnedAnswer);
    case 'why':
      return whyText(answer as WhyAnswer);
    case 'devices':
      return devicesText(answer as readonly DeviceAnswer[]);
    default:
      return actionText(answer as ActionAnswer);
  }
}
