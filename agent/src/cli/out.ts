// cli/out: writes the output of a command to standard output and standard error.
import * as std from 'qjs:std';
import type { Problem } from '../syntax/result.ts';
import { complained, type Printed } from './print.ts';

/** Returns the exit status. */
export function put({ status, out, err }: Printed): number {
  std.out.puts(out);
  std.err.puts(err);
  return status;
}

/** Writes the problems of a command that failed, and returns the exit status. */
export function refused(
  { json }: { readonly json: boolean },
  problems: readonly Problem[],
  status = 1,
): number {
  return put(complained(problems, status, json));
}
