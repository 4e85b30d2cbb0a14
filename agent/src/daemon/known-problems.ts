// daemon/known-problems: the problems that the agent has noted, each with the command that helps, for `whp status`.
import { packageOf } from '../policy/missing-parts.ts';
import type { Problem } from '../syntax/result.ts';

const LOG = 'logread -e whp';
/** By topic (Agent.problems); '': the text ends in its command. */
const FIXES = new Map([
  ['queue', installing('queue')],
  ['hello', installing('hello')],
  ['announce', installing('announce')],
  ['configuration', 'whp check'],
  ['paths', 'whp check'],
  ['aside', ''],
]);

function installing(part: Parameters<typeof packageOf>[0]): string {
  return `opkg install ${packageOf(part)}; /etc/init.d/whp restart`;
}

export function knownProblems(problems: ReadonlyMap<string, string>): Problem[] {
  return Array.from(problems, ([topic, text]) => noted(text, FIXES.get(topic)));
}

/** A problem of no place. */
export function noted(what: string, fix = LOG): Problem {
  return { where: '', what, ...(fix === '' ? {} : { fix }) };
}
