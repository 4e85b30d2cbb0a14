// daemon/known-problems: the problems that the agent has noted, each with the command that helps, for `whp status`.
import { splitFix } from '../syntax/fix.ts';
import type { Problem } from '../syntax/result.ts';

const LOG = 'logread -e whp';
/** By topic (Agent.problems), for texts that do not end in their commands. */
const FIXES = new Map([['configuration', 'whp check']]);

export function knownProblems(problems: ReadonlyMap<string, string>): Problem[] {
  return Array.from(problems, ([topic, text]) => noted(text, FIXES.get(topic)));
}

/** A problem of no place. */
export function noted(text: string, fix = LOG): Problem {
  return { where: '', fix, ...splitFix(text) };
}
