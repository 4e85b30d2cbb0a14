// ruleset/without-logs: the table for a kernel that announces nothing (no kmod-nfnetlink-log), which would
// refuse any rule with `log group`. Between compile and render: everything else stays as it was.
import type { Rule, Ruleset, Statement } from './model.ts';

/** Statements that only look: a rule of nothing else does nothing. */
const LOOKS: ReadonlySet<Statement['kind']> = new Set([
  'compare',
  'between',
  'oneof',
  'flags',
  'lookup',
  'pace',
]);

/** The same table without announcements, and without rules that did nothing but announce. */
export function withoutAnnouncements(ruleset: Ruleset): Ruleset {
  const chains = ruleset.chains.map((chain) => ({ ...chain, rules: chain.rules.flatMap(muted) }));
  return { ...ruleset, chains };
}

function muted(rule: Rule): Rule[] {
  const statements = rule.statements.filter(({ kind }) => kind !== 'log');
  if (statements.length === rule.statements.length) return [rule];
  return statements.every(({ kind }) => LOOKS.has(kind)) ? [] : [{ ...rule, statements }];
}
