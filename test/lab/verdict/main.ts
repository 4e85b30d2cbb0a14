// The verdict on a directory that a run has left: `verdict DIRECTORY [SEED] [ROUTER]` writes
// result.json and flows.txt there, prints the summary, and ends with 0 only when it is a pass.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { leave } from '../machine/leave.ts';
import { judgeDirectory } from './directory.ts';

const [directory = 'out/lab', seed = '0', router = 'unknown'] = process.argv.slice(2);
const plan = join(directory, 'plan.json');
const expected = existsSync(plan)
  ? (JSON.parse(readFileSync(plan, 'utf8')) as { expectedSessions: number; seed: number })
  : { expectedSessions: 0, seed: Number(seed) };
const outcome = judgeDirectory({ directory, router, ...expected });
console.log(outcome.text);
leave(Promise.resolve(outcome.result.totals.ok), 'verdict');
