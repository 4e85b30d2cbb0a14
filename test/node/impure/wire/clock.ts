// A pure folder's file that reaches for the system; see imports.test.ts.
import { monotonic } from 'whp:socket';
import { start } from '../system/clock.ts';

export const elapsed = (): number => monotonic() - start;
