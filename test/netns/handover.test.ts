// The handover file beside the socket, which the package writes before it stops the agent in an upgrade: a
// fresh one leaves table and rules to the next agent; any other is ignored.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, startHome } from '../fixtures/netns-home.ts';

const NAME = `whp-hand-${process.pid}`;
const HANDOVER = `out/netns/${NAME}/whp.standing.handover`;

let home: Home;
test.before(async () => {
  home = await startHome(NAME);
});
test.after(() => home.stop());

/** Seconds since boot, as the package's scripts write them. */
const uptime = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
const table = (): boolean => /inet whp$/m.test(home.run('router', 'nft', 'list', 'tables'));
const rules = (): boolean => /1500\d:/.test(home.run('router', 'ip', 'rule'));

/** Starts an agent, writes the file, stops the agent; returns whether the table still exists. */
async function stands(text: string | null): Promise<boolean> {
  await home.startAgent(config({}));
  assert.ok(table() && rules());
  if (text !== null) writeFileSync(HANDOVER, text);
  await home.stopAgent();
  assert.not.ok(existsSync(HANDOVER));
  assert.is(rules(), table());
  return table();
}

test('one that nobody needed, old or from another boot, leaves no table without an agent', async () => {
  for (const text of [
    `${uptime() - 121}\n`,
    `${uptime() + 1000}\n`,
    '',
    'soon\n',
    '-1\n',
    'Infinity',
  ])
    assert.is(await stands(text), false, JSON.stringify(text));
});

test('one of an upgrade leaves it, and the next agent takes it over', async () => {
  assert.is(await stands(`${uptime()}\nd41d8cd98f00b204e9800998ecf8427e  /usr/bin/whp\n`), true);
  assert.is(await stands(null), false);
  assert.match(home.log(), /taken over/);
});

test('one that is there at the start is of another agent', async () => {
  writeFileSync(HANDOVER, `${uptime()}\n`);
  assert.is(await stands(null), false);
});

test.run();
