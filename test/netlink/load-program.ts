// Runs in the host program inside a fresh network namespace: loads tables by the agent's own transactions. Each file is
// a list of policies in JSON; the first is loaded as a whole, and each other one as the difference to the one before.
// With --bare nothing but the errors is printed; otherwise the milliseconds of each step.
// Usage: load-program FILE
import * as std from 'qjs:std';
import { encodeHere, loadChange } from '../../agent/src/kernel/load.ts';
import { now } from '../../agent/src/os/clock.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import type { Policy } from '../../agent/src/policy/policy.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { renderStanding } from '../../agent/src/ruleset/render.ts';
import type { Standing } from '../../agent/src/ruleset/standing.ts';

const policies = JSON.parse(std.loadFile(scriptArgs[1]!)!) as Policy[];
let before: Standing | null = null;
for (const policy of policies) {
  const marks = [now()];
  const step = <T>(made: T): T => {
    marks.push(now());
    return made;
  };
  const ruleset = step(compile(policy));
  const standing = step(renderStanding(ruleset));
  const encoded = step(await encodeHere(ruleset, async () => {}));
  const made = { standing, encoded, before, held: new Map(), counts: new Map() };
  const error = step(loadChange({ without: [], made }));
  if (error !== null) std.err.puts(`${errorText(error)}\n`);
  const spent = marks.slice(1).map((mark, i) => (mark - marks[i]!).toFixed(1));
  std.out.puts(`compile ${spent[0]} render ${spent[1]} encode ${spent[2]} load ${spent[3]} ms\n`);
  if (error !== null) std.exit(1);
  before = standing;
}
