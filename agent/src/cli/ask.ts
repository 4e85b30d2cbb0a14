// cli/ask: the client of the control socket: sends one question to the running agent and prints the answer as
// text or JSON.
import * as std from 'qjs:std';
import { ENOENT } from 'whp:socket';
import type { MonitorAnswer } from '../answers/monitor.ts';
import type { Reply } from '../answers/rpc.ts';
import { START } from '../answers/test.ts';
import { errnoText } from '../os/errno.ts';
import { closeLine, connectLines, sendValue } from '../os/unix-socket.ts';
import { localClock } from '../router/time-zone.ts';
import { type Checked, invalid, ok, type Problem } from '../syntax/result.ts';
import type { Command } from './arguments.ts';
import { put, refused } from './out.ts';
import { jsonLine, printed, type Request, requestOf } from './print.ts';
import { monitorText } from './text.ts';

export const NO_AGENT = 3;

/** Nobody listens on the socket. */
export function noAgent(socket: string, errno: number): Problem {
  const seen = errno === ENOENT ? '' : ` (${socket}: ${errnoText(errno)})`;
  const what = `no agent is running${seen}: connections may show your home's address. It is not started, or it is switched off, which whp check says`;
  return { where: '', what, fix: START };
}

/** Sends the command, prints the answer, resolves to the exit status. `monitor` prints until interrupted. */
export function ask(command: Command): Promise<number> {
  return new Promise((resolve) => {
    let answered = false;
    const connected = connectLines(command.socket, {
      onValue: (value, line) => {
        if (command.name === 'monitor') {
          std.out.puts(command.json ? jsonLine(value) : monitorText(value as MonitorAnswer));
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
        const what = `the agent closed the connection: ${reason}`;
        resolve(refused(command, [{ where: command.name, what }], 1));
      },
    });
    if (!connected.ok) {
      resolve(refused(command, [noAgent(command.socket, connected.errno)], NO_AGENT));
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
    else resolve(invalid(noAgent(socket, connected.errno).what));
  });
}

function print(command: Command, reply: Reply): number {
  return put(printed(command, reply, localClock()));
}
