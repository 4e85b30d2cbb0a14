// What an agent keeps for the next start (runtime/made): the table is compiled again only for other inputs or by
// another program.
import * as os from 'qjs:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkedFiles, loadShipped } from '../../agent/src/config/load.ts';
import { readText, removeFile, writeText } from '../../agent/src/os/file.ts';
import type { Policy } from '../../agent/src/policy/policy.ts';
import type { TablePiece } from '../../agent/src/reconcile/desired.ts';
import { keepMade, readMade } from '../../agent/src/runtime/made.ts';
import { tableOf } from '../../agent/src/runtime/table.ts';
import { createTable, type TableState } from '../../agent/src/runtime/table-state.ts';
import { policyOf } from '../scenario/stage.ts';

/** Of this process alone: suites of two trees may run at once. */
const NAME = `/tmp/whp-made-${Math.random().toString(36).slice(2)}`;
const MADE = `${NAME}.made`;
const FOLDER = `${NAME}.d`;
test.after(() => {
  for (const path of [MADE, `${FOLDER}/skype.json`, FOLDER]) removeFile(path);
});

const textOf = (path: string): string => {
  const read = readText(path);
  return read.ok ? read.text : '';
};

async function compiled(
  policy: Policy,
  table: TableState,
  isAnnounced = true,
): Promise<TablePiece> {
  return tableOf({ table }, policy, isAnnounced);
}

/** The file of an agent that has compiled `policy`, with another comment, which tells its table from a new one. */
async function keptFile(policy: Policy): Promise<void> {
  const table = createTable();
  await compiled(policy, table);
  keepMade(table, NAME);
  writeText(MADE, textOf(MADE).replaceAll('!whp: ', '!old: '));
}

const isOld = (piece: TablePiece): boolean => JSON.stringify(piece).includes('!old: ');

test('the table of an earlier agent is taken, and is the one that is compiled', async () => {
  const table = createTable();
  const piece = await compiled(policyOf(), table);
  keepMade(table, NAME);
  const next = createTable(readMade(NAME));
  assert.equal(await compiled(policyOf(), next), piece);
  assert.is(next.made, null);
});

test('it is taken for the same inputs alone, and once', async () => {
  await keptFile(policyOf());
  const isTaken = async (policy: Policy, isAnnounced?: boolean): Promise<boolean> =>
    isOld(await compiled(policy, createTable(readMade(NAME)), isAnnounced));
  assert.is(await isTaken(policyOf()), true);
  assert.is(await isTaken(policyOf(), false), false);
  assert.is(await isTaken(policyOf({ devices: ['192.168.1.50'] })), false);
  const table = createTable(readMade(NAME));
  await compiled(policyOf({ devices: ['192.168.1.50'] }), table);
  assert.is(isOld(await compiled(policyOf(), table)), false);
});

test('the file is written again after another table was compiled, and then alone', async () => {
  await keptFile(policyOf());
  const table = createTable(readMade(NAME));
  await compiled(policyOf(), table);
  removeFile(MADE);
  keepMade(table, NAME);
  assert.is(textOf(MADE), '');
  await compiled(policyOf({ devices: ['192.168.1.50'] }), table);
  keepMade(table, NAME);
  assert.match(textOf(MADE), '192.168.1.50');
  removeFile(MADE);
  keepMade(table, NAME);
  assert.is(textOf(MADE), '');
});

test('a file of another program, or a part of one, is not read', async () => {
  await keptFile(policyOf());
  const text = textOf(MADE);
  for (const other of ['', `x${text}`, text.slice(0, -1), text.slice(0, text.length / 2)]) {
    writeText(MADE, other);
    assert.is(readMade(NAME), null, other.slice(0, 40));
  }
});

test('a damaged line is not read: the table is compiled', async () => {
  await keptFile(policyOf());
  const [stamp, files, from, piece] = textOf(MADE).split('\n');
  const write = (...lines: (string | undefined)[]) => writeText(MADE, [...lines, ''].join('\n'));
  for (const damaged of ['{', 'null']) {
    write(stamp, damaged, from, piece);
    assert.is(readMade(NAME), null, damaged);
  }
  write(stamp, files, from, piece!.slice(0, -1));
  assert.is(isOld(await compiled(policyOf(), createTable(readMade(NAME)))), false);
});

test('a profile whose text was found good is not checked again, another text is', async () => {
  await keptFile(policyOf());
  os.mkdir(FOLDER);
  const path = `${FOLDER}/skype.json`;
  const [unchecked, other] = ['{"name": "skype"}', '{"name": "skypo"}'];
  const files = {
    profiles: [{ profile: { name: 'skype' }, path, text: unchecked, own: false }],
    doh: { text: '', addresses: [] },
  };
  const [stamp, , ...rest] = textOf(MADE).split('\n');
  writeText(MADE, [stamp, JSON.stringify(files), ...rest].join('\n'));
  readMade(NAME);
  const isGood = (text: string): boolean => {
    writeText(path, text);
    return loadShipped({ profiles: FOLDER }).ok;
  };
  assert.equal([isGood(unchecked), isGood(other)], [true, false]);
  assert.equal(checkedFiles().profiles, files.profiles);
});

test.run();
