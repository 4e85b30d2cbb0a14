// The ways to the kernel of the namespace that a test program runs in.
import { type Kernel, openKernel } from '../../agent/src/kernel/kernel.ts';

export function kernel(): Kernel {
  const opened = openKernel();
  if (!opened.ok) throw new Error(opened.reason);
  return opened.value;
}
