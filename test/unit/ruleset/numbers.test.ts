// The NFQUEUE and NFLOG numbers of a compiled table at the highest `queue` and `group`: each has one use.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { policyFrom } from '../../fixtures/policies.ts';

const numbersOf = (hold: boolean): { queues: number[]; groups: number[] } => {
  const globals = { hold, queue: 65532, group: 65533 };
  const statements = compile(
    policyFrom({ globals, resolverBypass: { hello: 'hold' } }),
  ).chains.flatMap(({ rules }) => rules.flatMap((one) => one.statements));
  const sorted = (numbers: number[]): number[] => [...new Set(numbers)].sort((a, b) => a - b);
  return {
    queues: sorted(statements.flatMap((one) => (one.kind === 'queue' ? [one.number] : []))),
    groups: sorted(statements.flatMap((one) => (one.kind === 'log' ? [one.group] : []))),
  };
};

test('answers, hellos, the crowd and the queue without a listener have four numbers', () => {
  assert.equal(numbersOf(true).queues, [65532, 65533, 65534, 65535]);
});

test('what is watched, the crowd and announced flows have three groups', () => {
  assert.equal(numbersOf(false).groups, [65533, 65534, 65535]);
});

test.run();
