// cli/audit: the client of `whp audit`: begins the audit, waits for its time, Ctrl-C or the agent's exit, asks
// for the verdict and prints it. The kernel records; daemon/audit judges. Exit status 0: no packet of
// an application left outside; 1: not all was recorded; 4: some left.
import * as std from 'qjs:std';
import { type AuditAnswer, MOST_AUDIT_MINUTES } from '../answers/audit.ts';
import type { Reply } from '../answers/rpc.ts';
import { after } from '../os/clock.ts';
import { listenSignals } from '../os/signals.ts';
import { closeLine, connectLines, type Line, sendValue } from '../os/unix-socket.ts';
import type { Problem } from '../syntax/result.ts';
import type { Command } from './arguments.ts';
import { NO_AGENT, noAgent } from './ask.ts';
import { refused } from './out.ts';
import { jsonLine } from './print.ts';
import { auditVerdict } from './text-audit.ts';

const MINUTES = 5;
const OUTSIDE = 4;
/** Seconds to wait for the next agent. */
const NEXT_AGENT = 45;

export async function auditCommand(command: Command): Promise<number> {
  const complain = (what: string, status: number): number =>
    refused(command, [{ where: 'audit', what }], status);
  const minutes = Number(command.operand ?? MINUTES);
  if (!/^\d+$/.test(command.operand ?? '5') || minutes < 1 || minutes > MOST_AUDIT_MINUTES) {
    const most = MOST_AUDIT_MINUTES;
    return complain(`${command.operand} is no number of minutes from 1 to ${most}`, 2);
  }
  const asked = listenSignals();
  const opened = await open(command.socket, 'begin');
  if ('status' in opened) return refused(command, [opened], opened.status);
  std.err.puts(`whp: recording what leaves for ${minutes} min; Ctrl-C ends it and judges\n`);
  std.err.flush();
  const time = new Promise<void>((resolve) => void after(minutes * 60000, resolve));
  const how = await Promise.race([
    time.then(() => 'over' as const),
    asked.stopped.then(() => 'over' as const),
    // SIGHUP: the terminal was closed.
    new Promise<'over'>((resolve) => asked.onReload(() => resolve('over'))),
    opened.closed,
  ]);
  const last = how === 'over' ? opened : await comeBack(command.socket);
  if (last === null) return complain('the agent has ended and no other came: nothing is judged', 1);
  const reply = await last.ask('end');
  closeLine(last.line);
  if (!reply.ok) return complain(reply.error ?? 'failed', 1);
  return print(reply.answer as AuditAnswer, command.json);
}

function print(answer: AuditAnswer, json: boolean): number {
  std.out.puts(json ? jsonLine(answer) : auditVerdict(answer));
  if (answer.outside_packets > 0 || answer.metered_packets > 0) return OUTSIDE;
  return answer.interrupted ? 1 : 0;
}

interface Open {
  readonly line: Line;
  readonly closed: Promise<'closed'>;
  ask(operand: string): Promise<Reply>;
}

interface Refused extends Problem {
  readonly status: number;
}

/** Opens a connection and asks `operand`; Refused: no agent, or a negative reply. */
async function open(socket: string, operand: string): Promise<Open | Refused> {
  let answered: (reply: Reply) => void = () => {};
  let shut: (word: 'closed') => void = () => {};
  const closed = new Promise<'closed'>((resolve) => {
    shut = resolve;
  });
  const connected = connectLines(socket, {
    onValue: (value) => answered(value as Reply),
    onClose: (reason) => {
      shut('closed');
      answered({ ok: false, error: `the agent closed the connection: ${reason}` });
    },
  });
  if (!connected.ok) {
    return { ...noAgent(socket, connected.errno), status: NO_AGENT };
  }
  const { line } = connected;
  const ask = (word: string): Promise<Reply> =>
    new Promise((resolve) => {
      answered = resolve;
      sendValue(line, { method: 'audit', operand: word });
    });
  const reply = await ask(operand);
  if (reply.ok) return { line, closed, ask };
  closeLine(line);
  return { where: 'audit', what: reply.error ?? 'failed', status: reply.status ?? 1 };
}

/** Connects to the next agent after an exit: the audit's table goes on counting, and learned state is kept. */
async function comeBack(socket: string): Promise<Open | null> {
  for (let tries = 0; tries < NEXT_AGENT; tries++) {
    await new Promise<void>((resolve) => void after(1000, resolve));
    const opened = await open(socket, 'resume');
    if (!('status' in opened)) return opened;
  }
  return null;
}
