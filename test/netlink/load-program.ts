// Runs in the host program inside a network namespace: loads tables by the agent's own transactions. FILE is a list of
// rulesets in JSON; the first is loaded as a whole, each other one as its difference to the one before. Prints the
// refusal of one, and ends with it.
// Usage: load-program FILE
import * as std from 'qjs:std';
import { encodeHere, loadChange } from '../../agent/src/kernel/load.ts';
import { pause } from '../../agent/src/os/clock.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import type { TableParts } from '../../agent/src/ruleset/parts.ts';
import { renderParts } from '../../agent/src/ruleset/render.ts';

const rulesets = JSON.parse(std.loadFile(scriptArgs[1]!)!) as Ruleset[];
let before: TableParts | null = null;
for (const ruleset of rulesets) {
  const standing = renderParts(ruleset);
  const encoded = await encodeHere(ruleset, pause);
  const made = { standing, encoded, before, held: new Map(), counts: new Map() };
  const error = loadChange({ without: [], made });
  if (error !== null) {
    std.out.puts(`${errorText(error)}\n`);
    std.exit(1);
  }
  before = standing;
}
