// cli/ask: the client of the control socket: sends one question to the running agent and prints the answer as
// text or JSON.
import * as std from 'qjs:std';
import type { MonitorEvent } from '../learn/effect.ts';
import { errnoText } from '../os/errno.ts';
import { closeLine, connectLines, sendValue } from '../os/unix-socket.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';
import type { Command } from './arguments.ts';
import { printed, type Reply, type Request, requestOf } from './print.ts';
import { toldText } from './text.ts';

export const NO_AGENT = 3;

/** Why nobody answers at the socket, with the fix. */
export function noAgent(socket: string, errno: number): string {
  const why = "it is not started, or it is disabled (option enabled '0' in globals)";
  return `${socket}: no agent answers (${errnoText(errno)}): ${why}; /etc/init.d/whp start`;
}

/** Sends the command, prints the answer, resolves to the exit status. `monitor` prints until interrupted. */
export function ask(command: Command): Promise<number> {
  return new Promise((resolve) => {
    let answered = false;
    const connected = connectLines(command.socket, {
      onValue: (value, line) => {
        if (command.name === 'monitor') {
          std.out.puts(
            command.json ? `${JSON.stringify(value)}\n` : toldText(value as MonitorEvent),
          );
          std.out.flush();
          // Standard output is closed (`whp monitor | head -1`).
          if (std.out.error()) resolve(1);
          return;
        }
        answered = true;
        closeLine(line);
        resolve(print(command, value as Reply));
      },
      onClose: (reason) => {
        if (answered) return;
        std.err.puts(`whp: the agent closed the connection: ${reason}\n`);
        resolve(1);
      },
    });
    if (!connected.ok) {
      std.err.puts(`whp: ${noAgent(command.socket, connected.errno)}\n`);
      resolve(NO_AGENT);
      return;
    }
    sendValue(connected.line, requestOf(command));
  });
}

/** The answer to one question, or why there is none. */
export function askOnce(socket: string, request: Request): Promise<Checked<unknown>> {
  return new Promise((resolve) => {
    const connected = connectLines(socket, {
      onValue: (value, line) => {
        const reply = value as Reply;
        resolve(reply.ok ? ok(reply.answer) : invalid(reply.error ?? 'failed'));
        // Closing calls onClose, whose resolve has no effect any more.
        closeLine(line);
      },
      onClose: (reason) => resolve(invalid(`the agent closed the connection: ${reason}`)),
    });
    if (connected.ok) sendValue(connected.line, request);
    else resolve(invalid(`no agent answers (${errnoText(connected.errno)})`));
  });
}

function print(command: Command, reply: Reply): number {
  const { status, out, err } = printed(command, reply);
  std.out.puts(out);
  std.err.puts(err);
  return status;
}
