// The transaction text from one table to the next, as the agent computes it from the standing table.
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import { renderParts } from '../../agent/src/ruleset/render.ts';
import { reloadText } from '../../agent/src/ruleset/transaction.ts';

export function renderReload(previous: Ruleset, next: Ruleset): string {
  return reloadText(renderParts(previous), renderParts(next));
}
