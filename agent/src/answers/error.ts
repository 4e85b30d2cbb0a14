// answers/error: problems in answers, and the answer of a command that failed, for --json and rpcd. Pure.
import type { Problem } from '../syntax/result.ts';

interface Place {
  /** File and line, option, app, proxy or command; absent: of the whole. */
  readonly place?: string;
  /** A command that ends it; absent: the text says what to do. */
  readonly fix?: string;
}

export interface ProblemAnswer extends Place {
  readonly text: string;
}

export interface ErrorAnswer extends Place {
  readonly error: string;
  /** Further problems of the same file. */
  readonly others?: readonly ProblemAnswer[];
}

export function problemAnswer(problem: Problem): ProblemAnswer {
  return { text: problem.what, ...placeOf(problem) };
}

export function errorAnswer([first, ...others]: readonly Problem[]): ErrorAnswer {
  const problem = first ?? { where: '', what: 'failed' };
  return {
    error: problem.what,
    ...placeOf(problem),
    ...(others.length === 0 ? {} : { others: others.map(problemAnswer) }),
  };
}

function placeOf({ where, fix }: Problem): Place {
  return { ...(where === '' ? {} : { place: where }), ...(fix === undefined ? {} : { fix }) };
}
