// The composition root: argv -> the daemon, a question to the daemon, or a job done on the spot.
// Exit status: 0 done, 1 it failed, 2 the command line is wrong, 3 no agent is running.
import * as std from 'qjs:std';
import { type Command, readArguments } from './control/arguments.ts';
import { ask } from './control/ask.ts';
import { auditCommand } from './control/audit-command.ts';
import { checkFile } from './control/check.ts';
import { diagnose } from './control/diagnose.ts';
import { loadPolicy } from './control/load.ts';
import { printedAlone } from './control/printed.ts';
import { profileCommand } from './control/profile-command.ts';
import { replayFile } from './control/replay-file.ts';
import { runDaemon } from './daemon.ts';
import type { Problem } from './policy/result.ts';
import { compile } from './ruleset/compile.ts';
import { renderLoad } from './ruleset/render.ts';

async function run(command: Command): Promise<number> {
  const alone = printedAlone(command);
  if (alone !== null) {
    std.out.puts(alone.out);
    std.err.puts(alone.err);
    return alone.status;
  }
  switch (command.name) {
    case 'profile':
      return profileCommand(command);
    case 'diag':
      return diagnose(command);
    case 'audit':
      return auditCommand(command);
    case 'daemon':
      return runDaemon(command, command.socket);
    case 'check':
      return checkFile(command);
    case 'ruleset':
      return printRuleset(command);
    case 'replay':
      return replayFile(command);
    default:
      return ask(command);
  }
}

function printRuleset(command: Command): number {
  const policy = loadPolicy(command, null);
  if (!policy.ok) return complain(policy.problems, 1);
  const text = renderLoad(compile(policy.value));
  std.out.puts(command.json ? `${JSON.stringify({ ruleset: text })}\n` : text);
  return 0;
}

function complain(problems: readonly Problem[], status: number): number {
  for (const { where, what } of problems) std.err.puts(`whp: ${where}: ${what}\n`);
  return status;
}

const read = readArguments(scriptArgs.slice(1));
const status = read.ok ? await run(read.value) : complain(read.problems, 2);
std.out.flush();
std.exit(status);
