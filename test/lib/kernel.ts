// The kernel sockets of the namespace in which a test program runs.
import { type Kernel, openKernel } from '../../agent/src/kernel/kernel.ts';

export function kernel(): Kernel {
  const opened = openKernel();
  if (!opened.ok) throw new Error(opened.reason);
  return opened.value;
}
