// The states of SECURITY.md with a running daemon in namespaces: a device's flows when a proxy dies, when none
// is left, when one is back; and late evidence.
import { rmSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  type Heard,
  type Home,
  MEDIA,
  NODE,
  OTHER,
  P2P,
  PEER,
  pause,
  startHome,
  type Talk,
  until,
} from '../fixtures/netns-home.ts';

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
  const answer = home.status();
  assert.is(answer.apps[0]!.new_connections.state, 'direct');
  assert.ok(answer.problems.some(({ text }) => text.includes('DIRECT')));
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

test('a call that runs when the agent is enabled moves; others stay where they are', async () => {
  const call = home.talk(P2P, PEER);
  const signalling = home.connect(NODE);
  const node = home.talk(P2P + 1);
  const unrelated = home.connect(OTHER);
  const silent = home.talk(P2P + 2, OTHER);
  for (const one of [call, signalling, node, unrelated, silent]) {
    await until(one, ({ word }) => word === 'internet');
  }
  const media = home.talk(P2P + 1, MEDIA);
  await until(media, ({ word }) => word === 'internet');
  const entries = (): string => home.run('router', 'conntrack', '-L', '-p', 'tcp', '-d', OTHER);
  const before = entries();
  const began = Date.now();
  rmSync(home.learned, { force: true });
  await home.startAgent(config({}));
  // The supernode's flows show their port; other flows from that port are the app's.
  const moved = await until(node, after(began, 'proxya'));
  const beside = await until(media, after(began, 'proxya'));
  const reset = await until(signalling, after(began, 'ECONNRESET'));
  console.log(
    `running flows moved ${moved.at - began} ms after the agent was called, beside ${beside.at - began} ms, reset ${reset.at - began} ms`,
  );
  for (const [flow, { at: since }] of [
    [node, moved],
    [media, beside],
  ] as const) {
    assert.not.ok(flow.heard.some(({ at, word }) => at > since && word === 'internet'));
  }
  // There is no evidence for this port yet.
  assert.is(last(call), 'internet');
  const learned = Date.now();
  const shows = home.talk(P2P, NODE);
  await until(shows, ({ word }) => word === 'proxya');
  const late = await until(call, after(learned, 'proxya'));
  console.log(
    `learned late: ${late.at - shows.heard[0]!.at} ms after the first answer to the one that shows it`,
  );
  assert.is(last(unrelated), 'internet');
  assert.is(last(silent), 'internet');
  assert.not.ok(silent.heard.some(({ word }) => word !== 'internet'));
  const source = /sport=(\d+)/.exec(before)![1]!;
  assert.ok(entries().includes(`sport=${source} `));
  for (const one of [call, node, unrelated, silent, media, shows]) one.stop();
  await home.stopAgent();
});

test('a device given by its MAC, which DHCP does not know: its running flows move too', async () => {
  const node = home.talk(P2P + 3);
  await until(node, ({ word }) => word === 'internet');
  const [link] = JSON.parse(home.run('device', 'ip', '-j', 'link', 'show', 'eth0')) as [
    { readonly address: string },
  ];
  const began = Date.now();
  rmSync(home.learned, { force: true });
  await home.startAgent(config({ devices: [link.address] }));
  await until(node, after(began, 'proxya'));
  node.stop();
  await home.stopAgent();
});

test.run();
