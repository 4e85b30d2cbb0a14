// From one table to the next, as the agent loads it: it compares with what it has noted of the first.
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import { renderStanding } from '../../agent/src/ruleset/render.ts';
import { reloadText } from '../../agent/src/ruleset/transaction.ts';

export function renderReload(previous: Ruleset, next: Ruleset): string {
  return reloadText(renderStanding(previous), renderStanding(next));
}
