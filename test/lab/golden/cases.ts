// The tables of the golden cases for a router with NFQUEUE: every policy of test/golden as written, and once
// more with answers held. Equal tables once.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { renderLoad } from '../../../agent/src/ruleset/render.ts';
import { type Change, policyFrom } from '../../fixtures/policies.ts';
import { renderReload } from '../../lib/reload.ts';

const ROOT = 'test/golden';

export interface TableCase {
  /** The golden cases that compile to this table. */
  readonly names: readonly string[];
  readonly held: boolean;
  readonly load: string;
  /** From the base policy's table to this one. */
  readonly reload: string;
}

/** The table that every reload starts from. */
export function baseLoad(): string {
  return renderLoad(compile(policyFrom({})));
}

/** All different tables, held ones first. */
export function tableCases(): TableCase[] {
  const changes = changesOf();
  return [true, false].flatMap((held) => {
    const found = new Map<string, TableCase>();
    for (const [name, change] of changes) {
      const policy = policyFrom({ ...change, globals: { ...change.globals, hold: held } });
      const ruleset = compile(policy);
      const load = renderLoad(ruleset);
      const names = [...(found.get(load)?.names ?? []), name];
      const reload = renderReload(compile(policyFrom({})), ruleset);
      found.set(load, { names, held, load, reload });
    }
    return [...found.values()];
  });
}

/** "topic/case" -> what it changes of the base policy. */
function changesOf(): [string, Change][] {
  const topics = readdirSync(ROOT, { withFileTypes: true }).filter((one) => one.isDirectory());
  return topics.flatMap(({ name: topic }) =>
    readdirSync(join(ROOT, topic))
      .sort()
      .map((file): [string, Change] => {
        const text = readFileSync(join(ROOT, topic, file), 'utf8');
        const policy = /^--- policy$([\s\S]*?)^--- show$/m.exec(text)?.[1];
        return [`${topic}/${file.replace('.txt', '')}`, policy ? JSON.parse(policy) : {}];
      }),
  );
}
