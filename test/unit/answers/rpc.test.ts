// answers/rpc: the answers for LuCI; a question that cannot be answered gets a reason.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLedger, type Ledger } from '../../../agent/src/account/ledger.ts';
import { type RpcSources, rpcAnswer } from '../../../agent/src/answers/rpc.ts';
import { invalid, ok } from '../../../agent/src/syntax/result.ts';

const asked: string[] = [];
function from(counted: Ledger | string): RpcSources {
  const ledger = typeof counted === 'string' ? invalid(counted) : ok(counted);
  return {
    ledger,
    time: 0,
    ask(method, operand, limit) {
      asked.push([method, operand, limit].join(' '));
      return Promise.resolve({ ok: true, answer: [] });
    },
  };
}

test('where nothing is counted, each method of the ledger says why, in the words it was given', async () => {
  for (const call of ['flows', 'counters', 'log']) {
    assert.equal(await rpcAnswer(call, {}, from('the agent begins')), {
      error: 'the agent begins',
    });
    assert.is('error' in (await rpcAnswer(call, {}, from(createLedger()))), false, call);
  }
  // Devices are known without it.
  assert.equal(await rpcAnswer('devices', {}, from('the agent begins')), { rows: [] });
});

test('input from outside is read by its type, and bounded', async () => {
  const ledger = createLedger();
  for (const input of [null, 7, [], { limit: 'all' }, { limit: 0 }, { limit: 1e9 }]) {
    asked.length = 0;
    await rpcAnswer('learned', input, from(ledger));
    assert.equal(asked, [
      (input as { limit?: unknown } | null)?.limit === 1e9 ? 'learned  200' : 'learned  100',
    ]);
  }
  for (const name of ['', 'stop', 'constructor', 7]) {
    asked.length = 0;
    const said = await rpcAnswer('action', { name }, from(ledger));
    assert.match((said as { error: string }).error, /^no such action: reload, /);
    assert.equal(asked, []);
  }
  assert.equal(await rpcAnswer('toString', {}, from(ledger)), { error: 'no such method' });
  assert.equal(await rpcAnswer('counters', { subject: 'device x', range: 'hour' }, from(ledger)), {
    error: 'nothing counted for device x',
  });
});

test.run();
