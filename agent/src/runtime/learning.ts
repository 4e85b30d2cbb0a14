// runtime/learning: what the actors on learned evidence share: the kernel, and the policy with the state of now.
import type { Kernel } from '../kernel/kernel.ts';
import type { InForce } from './in-force.ts';

export interface Learning {
  readonly kernel: Kernel;
  readonly inForce: InForce;
}
