// answers/rpc: the answers for LuCI; a question that cannot be answered gets a reason.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLedger, type Ledger } from '../../../agent/src/account/ledger.ts';
import { RPC_ROWS, type RpcSources, rpcAnswer } from '../../../agent/src/answers/rpc.ts';
import { invalid, ok } from '../../../agent/src/syntax/result.ts';
import { NAMELESS, surroundings } from '../../fixtures/surroundings.ts';

const TUPLE = {
  source: '192.168.1.10',
  destination: '93.184.216.34',
  protocol: 17,
  sourcePort: 1,
  destinationPort: 2,
};

const asked: string[] = [];
function from(counted: Ledger | string, mostRows = RPC_ROWS): RpcSources {
  const ledger = typeof counted === 'string' ? invalid(counted) : ok(counted);
  return {
    ledger,
    names: NAMELESS,
    present: () => surroundings(),
    time: 0,
    mostRows,
    ask(method, operand, limit) {
      asked.push([method, operand, limit].join(' '));
      return Promise.resolve({ ok: true, answer: { rows: [] } });
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
    error: 'nothing counted for device x; whp flows --totals has what is counted',
  });
});

test('the log has as many rows as its caller may ask for', async () => {
  const ledger = createLedger();
  const ended = { app: 'skype', original: TUPLE, start: 0, end: 1, up: 0, down: 0 };
  for (let i = 0; i < 400; i++)
    ledger.ended.push({ ...ended, proxy: 'a', evidence: 'addr' } as never);
  const rows = async (limit: number, mostRows: number): Promise<number> => {
    const said = await rpcAnswer('log', { limit }, from(ledger, mostRows));
    return (said as { rows: unknown[] }).rows.length;
  };
  assert.equal(
    await Promise.all([rows(400, RPC_ROWS), rows(400, 500), rows(7, 500)]),
    [200, 400, 7],
  );
});

test.run();
