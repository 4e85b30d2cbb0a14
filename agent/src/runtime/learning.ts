// runtime/learning: what those work with who act on what is learned: the kernel, and what the agent knows at
// this moment.
import type { Kernel } from '../kernel/kernel.ts';
import type { State } from '../step/state.ts';

export interface Learning extends Kernel {
  /** null: before the first policy. */
  readonly state: State | null;
}
