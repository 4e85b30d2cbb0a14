// The fault sessions in the order in which they are played.
import type { Fault } from './fault.ts';
import { killed } from './killed.ts';
import { others } from './others.ts';
import { commands, devicesOnly, hours, mistake, paused } from './owner.ts';
import { blocked, direct, failover, late } from './states.ts';
import { steady } from './steady.ts';

export const FAULTS: readonly Fault[] = [
  steady,
  killed,
  ...others,
  failover,
  blocked,
  direct,
  late,
  devicesOnly,
  paused,
  hours,
  mistake,
  commands,
];
