// ruleset/without-logs: removes log statements from the table, for a kernel without kmod-nfnetlink-log, which
// would refuse any rule with `log group`. Runs between compile and render.
import type { Rule, Ruleset, Statement } from './model.ts';

/** Statements without an effect on the packet: a rule with only these has no purpose. */
const LOOKS: ReadonlySet<Statement['kind']> = new Set([
  'compare',
  'between',
  'oneof',
  'flags',
  'lookup',
  'pace',
]);

/** The same table without log statements, and without rules that only logged. */
export function withoutAnnouncements(ruleset: Ruleset): Ruleset {
  const chains = ruleset.chains.map((chain) => ({ ...chain, rules: chain.rules.flatMap(muted) }));
  return { ...ruleset, chains };
}

function muted(rule: Rule): Rule[] {
  const statements = rule.statements.filter(({ kind }) => kind !== 'log');
  if (statements.length === rule.statements.length) return [rule];
  return statements.every(({ kind }) => LOOKS.has(kind)) ? [] : [{ ...rule, statements }];
}
