// main: the entry point: runs the agent, asks the running agent, or does a command's work itself. Exit status:
// EXITS in cli/commands.
import * as std from 'qjs:std';
import { type Command, readArguments } from './cli/arguments.ts';
import { ask } from './cli/ask.ts';
import { auditCommand } from './cli/audit.ts';
import { checkFile } from './cli/check.ts';
import { diagnose } from './cli/diagnose.ts';
import { put, refused } from './cli/out.ts';
import { complained, jsonLine, printedAlone, problemsText } from './cli/print.ts';
import { profileCommand } from './cli/profile.ts';
import { replayFile } from './cli/replay.ts';
import { testCommand } from './cli/test.ts';
import { loadPolicy } from './config/load.ts';
import { runDaemon } from './daemon/daemon.ts';
import { compile } from './ruleset/compile/compile.ts';
import { renderLoad } from './ruleset/render.ts';

async function run(command: Command): Promise<number> {
  const alone = printedAlone(command);
  if (alone !== null) return put(alone);
  switch (command.name) {
    case 'profile':
      return profileCommand(command);
    case 'diag':
      return diagnose(command);
    case 'audit':
      return auditCommand(command);
    case 'test':
      return testCommand(command);
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
  if (!policy.ok) {
    const err = problemsText(policy.problems);
    return put({ ...complained(policy.problems, 1, command.json), err });
  }
  const text = renderLoad(compile(policy.value));
  return put({ status: 0, out: command.json ? jsonLine({ ruleset: text }) : text, err: '' });
}

const words = scriptArgs.slice(1);
const read = readArguments(words);
const json = words.includes('--json');
const status = read.ok ? await run(read.value) : refused({ json }, read.problems, 2);
std.out.flush();
std.exit(status);
