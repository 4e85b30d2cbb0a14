// runtime/learning: the records that files acting on learned evidence need: the kernel, and the policy with its
// state.
import type { Kernel } from '../kernel/kernel.ts';
import type { InForce } from './in-force.ts';

export interface Learning {
  readonly kernel: Kernel;
  readonly inForce: InForce;
}
