// The fault sessions in the order in which they are played.
import type { Fault } from './fault.ts';
import { killed } from './killed.ts';
import { others } from './others.ts';
import { steady } from './steady.ts';

export const FAULTS: readonly Fault[] = [steady, killed, ...others];
