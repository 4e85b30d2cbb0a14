// A hundred reloads between two configurations during a flow, in a namespace: no answer is missing and no
// learned element is lost. The lab does the same on the slow router.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, OTHER, P2P, pause, startHome, until } from '../fixtures/netns-home.ts';

const RULES = `
config rule 'free'
  option action 'direct'
  option app 'skype'
  list address '93.184.216.128/25'
config rule 'more'
  option action 'proxy'
  option app 'skype'
  list address '23.97.8.0/24'
`;

test('a hundred reloads during a call', async () => {
  const home = await startHome(`whpr${process.pid}`);
  try {
    await home.startAgent(config({}));
    const call = home.talk(P2P);
    const other = home.talk(4001, OTHER);
    await until(call, ({ word }) => word === 'proxya');
    await until(other, ({ word }) => word === 'internet');
    const learned = (): string =>
      home.run(
        'router',
        'sh',
        '-c',
        "nft list set inet whp skype_udp4 | grep -o '192.168.1.11 . 0x[0-9a-f]*'",
      );
    const before = learned();
    let changed = 0;
    for (let i = 0; i < 100; i++) {
      home.reload(config({}) + (i % 2 === 0 ? RULES : ''));
      // The servers are child processes: a blocked parent only reads their output later.
      await pause(5);
      const rules = home.run('router', 'nft', 'list', 'chain', 'inet', 'whp', 'skype_new4');
      if (rules.includes('keeps it direct') === (i % 2 === 0)) changed += 1;
    }
    await pause(300);
    assert.is(changed, 100);
    assert.is(learned(), before);
    for (const [flow, word] of [
      [call, 'proxya'],
      [other, 'internet'],
    ] as const) {
      const at = flow.heard.map((one) => one.at);
      const gaps = at.slice(1).map((one, i) => one - at[i]!);
      assert.ok(Math.max(...gaps) < 250, `${word}: ${Math.max(...gaps)} ms without an answer`);
      assert.ok(
        flow.heard.every((one) => one.word === word),
        word,
      );
    }
    assert.is(home.log().split('enforcing').length, 2);
  } finally {
    home.stop();
  }
});

test.run();
