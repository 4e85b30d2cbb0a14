// The composition root: argv -> the daemon, a question to the daemon, or a job done on the spot.
// Exit status: 0 done, 1 it failed, 2 the command line is wrong, 3 no agent is running.
import * as std from 'qjs:std';
import { type Command, readArguments } from './control/arguments.ts';
import { ask } from './control/ask.ts';
import { checkFile } from './control/check.ts';
import { diagnose } from './control/diagnose.ts';
import { completionText, helpText } from './control/help.ts';
import { loadPolicy } from './control/load.ts';
import { profileCommand } from './control/profile-command.ts';
import { replayFile } from './control/replay-file.ts';
import { VERSION } from './control/version.ts';
import { runDaemon } from './daemon.ts';
import type { Problem } from './policy/result.ts';
import { compile } from './ruleset/compile.ts';
import { renderLoad } from './ruleset/render.ts';

async function run(command: Command): Promise<number> {
  switch (command.name) {
    case 'help':
      return printHelp(command);
    case 'completion':
      std.out.puts(
        command.json ? `${JSON.stringify({ script: completionText() })}\n` : completionText(),
      );
      return 0;
    case 'profile':
      return profileCommand(command);
    case 'diag':
      return diagnose(command);
    case 'version':
      std.out.puts(command.json ? `${JSON.stringify({ version: VERSION })}\n` : `whp ${VERSION}\n`);
      return 0;
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

function printHelp({ operand, json }: Command): number {
  const text = helpText(operand);
  if (text === null) {
    return complain([{ where: String(operand), what: 'no such command; whp help lists them' }], 2);
  }
  std.out.puts(json ? `${JSON.stringify({ help: text })}\n` : text);
  return 0;
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
