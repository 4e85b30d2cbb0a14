// A table that the kernel is deleting: its base chains are still called, and its verdict maps have no elements
// (compile/context, whileWhole). No packet of the home is judged by what is left, so that the guard holds it back.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import type { Chain, Statement } from '../../../agent/src/ruleset/model.ts';
import { createKernel, type ModelKernel } from '../../../agent/src/ruleset/trace/fake-kernel.ts';
import { trace } from '../../../agent/src/ruleset/trace/trace.ts';
import { GROUPS } from '../../trace/groups.ts';
import { arrival, playStep, WORLD } from '../../trace/play.ts';

const emptied = (one: Statement): Statement =>
  one.kind === 'dispatch' ? { ...one, entries: [] } : one;

function dying({ rules, ...chain }: Chain): Chain {
  const left = rules.map((one) => ({ ...one, statements: one.statements.map(emptied) }));
  return { ...chain, rules: left };
}

/** The same flows and sets under the dying table, up to the guard, which comes before our chains in forward. */
function whileDying(kernel: ModelKernel): ModelKernel {
  const chains = Array.from(kernel.chains.values(), dying).filter(
    ({ base }) => base === undefined || base.hook === 'prerouting',
  );
  const { bases, ...rest } = createKernel({ ...kernel.ruleset, chains }, kernel.world);
  return { ...kernel, bases, chains: rest.chains, fragments: new Map() };
}

for (const { cases, policy, up } of GROUPS) {
  const ruleset = compile(policy);
  for (const { name, steps } of cases) {
    test(name, () => {
      for (const [at, step] of steps.entries()) {
        if (!('send' in step) || step.send.from !== 'lan') continue;
        const kernel = createKernel(ruleset, { ...WORLD, isUp: () => up });
        let now = 1000;
        for (const before of steps.slice(0, at)) {
          now += 1;
          if ('wait' in before) now += before.wait;
          else playStep(kernel, before, now);
        }
        const { verdict, mark } = trace(whileDying(kernel), arrival(step.send), now + 1);
        const seen = `step ${at}: ${verdict}, mark 0x${mark.toString(16)}`;
        if (verdict === 'accept') assert.is(mark & ruleset.mask, 0, seen);
      }
    });
  }
}

test.run();
