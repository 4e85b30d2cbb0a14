// syntax/result: the result type of every parser.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fail, ok } from '../../../agent/src/syntax/result.ts';

test('a value and a problem are told apart by ok', () => {
  assert.equal(ok(3), { ok: true, value: 3 });
  assert.equal(fail('whp:3', 'unknown option'), {
    ok: false,
    problems: [{ where: 'whp:3', what: 'unknown option' }],
  });
});

test.run();
