// control/check: `whp check [FILE]`: a configuration with its profiles, or one profile, read as the
// daemon would read it. Changes nothing; prints every problem with its place and its fix.
import * as std from 'qjs:std';
import type { Command } from './arguments.ts';
import { loadPolicy, loadProfile } from './load.ts';

/** Prints the verdict; returns 0 when there is no problem, 1 otherwise. */
export function checkFile(command: Command): number {
  const file = command.operand ?? command.config;
  return checkAs(command, file, file.endsWith('.json'));
}

/** `isProfile`: a profile, else a configuration. */
export function checkAs(command: Command, file: string, isProfile: boolean): number {
  const read = isProfile ? loadProfile(file, true) : loadPolicy({ ...command, config: file }, null);
  const problems = read.ok ? [] : read.problems;
  if (command.json) std.out.puts(`${JSON.stringify({ file, ok: read.ok, problems })}\n`);
  else if (read.ok) std.out.puts(`${file}: good\n`);
  else for (const { where, what } of problems) std.out.puts(`${where}: ${what}\n`);
  return read.ok ? 0 : 1;
}
