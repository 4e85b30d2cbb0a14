// answers/error: problems in answers, and the answer of a command that failed, for --json and rpcd. Pure.
import { splitFix, type Told } from '../syntax/fix.ts';
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
  const { what, fix } = toldOf(problem);
  return { text: what, ...placeOf(problem, fix) };
}

export function errorAnswer([first, ...others]: readonly Problem[]): ErrorAnswer {
  const problem = first ?? { where: '', what: 'failed' };
  const { what, fix } = toldOf(problem);
  return {
    error: what,
    ...placeOf(problem, fix),
    ...(others.length === 0 ? {} : { others: others.map(problemAnswer) }),
  };
}

/** The commands may be the end of the text. */
function toldOf({ what, fix }: Problem): Told {
  return fix === undefined ? splitFix(what) : { what, fix };
}

function placeOf({ where }: Problem, fix: string | undefined): Place {
  return { ...(where === '' ? {} : { place: where }), ...(fix === undefined ? {} : { fix }) };
}
