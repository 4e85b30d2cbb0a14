// The states of SECURITY.md, by a running daemon in namespaces: what a device's flows do when a
// proxy dies, when none is left, when there is one again; and late evidence.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Heard, type Home, P2P, pause, startHome, type Talk, until } from './home.ts';

let home: Home;
test.before(async () => {
  home = await startHome(`whp-states-${process.pid}`);
});
test.after(() => home.stop());

const cut = (proxy: string): string =>
  home.run(proxy, 'ip', 'link', 'set', 'lo', 'down') +
  home.run(
    proxy,
    'nft',
    'add table ip x; add chain ip x i { type filter hook input priority 0; policy drop; }',
  );
const mend = (proxy: string): string =>
  home.run(proxy, 'nft', 'delete table ip x') + home.run(proxy, 'ip', 'link', 'set', 'lo', 'up');

function last(talk: Talk): string | undefined {
  return talk.heard.at(-1)?.word;
}

const after = (time: number, word: string) => (one: Heard) => one.at >= time && one.word === word;

test('failover, block, direct and back', async () => {
  await home.startAgent(config({}));
  const talk = home.talk(P2P);
  const call = home.connect();
  await until(talk, ({ word }) => word === 'proxya');
  await until(call, ({ word }) => word === 'proxya');

  let at = Date.now();
  cut('proxya');
  const moved = await until(talk, after(at, 'proxyb'));
  const reset = await until(call, after(at, 'ECONNRESET'));
  console.log(`failover after ${moved.at - at} ms, TCP reset after ${reset.at - at} ms`);
  assert.ok(moved.at - at < 3000);

  at = Date.now();
  cut('proxyb');
  const refused = await until(talk, ({ at: when, word }) => when >= at && word !== 'proxyb');
  console.log(`refused after ${refused.at - at} ms: ${refused.word}`);
  const began = Date.now();
  const tried = home.connect();
  const no = await until(tried, ({ word }) => word === 'ECONNREFUSED');
  console.log(`a new connection is refused in ${no.at - began} ms (node's start included)`);

  at = Date.now();
  mend('proxya');
  const back = await until(talk, after(at, 'proxya'));
  console.log(`back after ${back.at - at} ms`);
  assert.not.ok(talk.heard.some(({ word }) => word === 'internet'));

  home.reload(config({ fallback: 'direct' }));
  at = Date.now();
  cut('proxya');
  const direct = await until(talk, after(at, 'internet'));
  console.log(`direct after ${direct.at - at} ms`);
  const answer = home.status() as { apps: { path: { state: string } }[]; problems: string[] };
  assert.is(answer.apps[0]!.path.state, 'direct');
  assert.ok(answer.problems.some((text) => text.includes('DIRECT')));
  mend('proxya');
  mend('proxyb');
  const { at: tunnelled } = await until(
    talk,
    ({ at: when, word }) => when > direct.at && word.startsWith('proxy'),
  );
  await pause(300);
  assert.not.ok(talk.heard.some(({ at: when, word }) => when > tunnelled && word === 'internet'));
  assert.match(last(talk)!, /^proxy/);
  console.log(home.log());
  talk.stop();
  await home.stopAgent();
});

test.run();
