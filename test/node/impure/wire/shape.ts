// A pure folder's file that knows the system by a type alone; see imports.test.ts.
import type { start } from '../system/clock.ts';

export type Start = typeof start;
