// kernel/generation: the generation of nf_tables: a number that each transaction of any program changes.
import * as os from 'qjs:os';
import * as generation from 'whp:generation';
import { done, failed, type KernelResult, refused } from '../netlink/kernel-error.ts';

/** 0: it could not be read. */
export const readGeneration: () => number = generation.read;

/** Calls `onChange` when the number has changed, first time included, or cannot be read; the host program reads it at
 * this interval. Ends with the returned function. */
export function watchGeneration(
  milliseconds: number,
  onChange: () => void,
): KernelResult<() => void> {
  const fd = generation.open(milliseconds);
  if (fd < 0) return failed(refused('watch', 'the generation number of nf_tables', -fd));
  os.setReadHandler(fd, onChange);
  return done(() => {
    os.setReadHandler(fd, null);
    generation.close();
  });
}
