// control/check: `whp check [FILE]`: a configuration with its profiles, or one profile, read as the
// daemon would read it. Changes nothing; prints every problem with its place and its fix.
import * as std from 'qjs:std';
import { collisionsAlone } from '../neighbours.ts';
import type { Problem } from '../policy/result.ts';
import type { Command } from './arguments.ts';
import { loadPolicy, loadProfile } from './load.ts';
import type { Printed } from './printed.ts';

/** Prints the verdict; returns 0 when there is no problem, 1 otherwise. Without a file it is about
 * this router, and so also about who else on it uses what is ours: the running agent answers that
 * (serve.ts), this does where none runs. */
export async function checkFile(command: Command): Promise<number> {
  if (command.operand !== null) {
    return checkAs(command, command.operand, isProfileName(command.operand));
  }
  const read = loadPolicy(command, null);
  const problems = read.ok ? await collisionsAlone(read.value) : read.problems;
  return print(checked(command, command.config, problems));
}

/** `isProfile`: a profile, else a configuration. */
export function checkAs(command: Command, file: string, isProfile: boolean): number {
  return print(checkedAs(command, file, isProfile));
}

/** The same for who prints it elsewhere. */
export function checkedAs(command: Command, file: string, isProfile: boolean): Printed {
  const read = isProfile ? loadProfile(file, true) : loadPolicy({ ...command, config: file }, null);
  return checked(command, file, read.ok ? [] : read.problems);
}

export function isProfileName(file: string): boolean {
  return file.endsWith('.json');
}

function print({ status, out }: Printed): number {
  std.out.puts(out);
  return status;
}

/** The verdict as it is printed. */
export function checked({ json }: Command, file: string, problems: readonly Problem[]): Printed {
  const ok = problems.length === 0;
  const lines = ok ? [`${file}: good`] : problems.map(({ where, what }) => `${where}: ${what}`);
  const out = json ? JSON.stringify({ file, ok, problems }) : lines.join('\n');
  return { status: ok ? 0 : 1, out: `${out}\n`, err: '' };
}
