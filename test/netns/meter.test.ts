// The meter in postrouting with the real agent: each way in which packets of an app can leave outside the
// tunnels is produced by hand, and status, rpcd and the log must report it. Without that the count is 0.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  type Home,
  NODE,
  OTHER,
  P2P,
  pause,
  startHome,
  until,
} from '../fixtures/netns-home.ts';
import { flat } from '../lib/alarms.ts';

let home: Home;
test.before(async () => {
  home = await startHome(`whp-meter-${process.pid}`);
  home.run('router', 'sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1');
  await home.startAgent(config({ proxies: ['a'] }));
});
test.after(() => home.stop());

const outside = () => home.status().outside;
const skype = () => outside().apps[0]!;
const nft = (text: string): string => home.run('router', 'nft', text);

async function wait(what: string, done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    if (tries > 80) throw new Error(`${what}: ${JSON.stringify(outside())}\n${home.log()}`);
    await pause(100);
  }
}

test('a clean run: 0 packets, said while the meter stands', async () => {
  const call = home.talk(P2P);
  const stranger = home.talk(5000, OTHER);
  await until(call, ({ word }) => word === 'proxya');
  await until(stranger, ({ word }) => word === 'internet');
  await pause(3000);
  call.stop();
  stranger.stop();
  assert.is(outside().stands, true);
  assert.is(skype().packets, 0);
  assert.match(home.whp('status'), /; 0 packets left outside since boot$/m);
  assert.match(
    home.rpc('status'),
    /"outside":{"stands":true,"samples_flows":true,"apps":\[{"app":"skype","packets":0/,
  );
});

test('while somebody has emptied its chain, 0 is not said', async () => {
  await home.stopAgent('SIGKILL');
  nft('flush chain inet whp exit');
  // The next agent finds a changed table and replaces it.
  await home.startAgent(config({ proxies: ['a'] }));
  assert.is(outside().stands, true);
  nft('flush chain inet whp exit');
  assert.not.match(home.whp('status'), /0 packets left outside/);
  await wait('made again', () => outside().stands);
});

test('a flow that began before its evidence: what it had sent is told', async () => {
  home.run('router', 'conntrack', '-F');
  nft('flush set inet whp skype_udp4');
  nft('flush set inet whp skype_peer4');
  home.whp('forget', 'all');
  const early = home.talk(P2P + 1, OTHER);
  await until(early, ({ word }) => word === 'internet');
  const call = home.talk(P2P + 1);
  await until(call, ({ word }) => word === 'proxya');
  await wait('cut and told', () => (skype().late?.packets ?? 0) > 0);
  await until(early, ({ word }) => word === 'proxya');
  early.stop();
  call.stop();
  const late = skype().late!;
  assert.is(late.flows, 1);
  assert.is(late.last.flow, `udp 192.168.1.11:${P2P + 1} ${OTHER}:33033`);
  assert.match(
    home.log(),
    /skype: (a packet|\d+ packets) of udp .* had left before the evidence came/,
  );
  assert.match(
    flat(home.whp('status')),
    /of a flow of skype had left before the evidence came, last /,
  );
});

test('the same of one that nobody answers: counted once, without the packet that is refused', async () => {
  const early = home.talk(P2P + 11, '93.184.216.77');
  await pause(300);
  const call = home.talk(P2P + 11);
  await until(call, ({ word }) => word === 'proxya');
  const last = `udp 192.168.1.11:${P2P + 11} 93.184.216.77:33033`;
  await wait('cut and told', () => skype().late?.last.flow === last);
  await pause(300);
  early.stop();
  call.stop();
  assert.is(skype().late!.flows, 2);
  assert.ok(skype().late!.last.packets >= 10, JSON.stringify(skype().late));
});

let before = 0;

test('a rule of others sends our packets to the main table: refused, and nothing left', async () => {
  before = skype().packets;
  home.run('router', 'ip', 'rule', 'add', 'pref', '900', 'lookup', 'main');
  const call = home.talk(P2P + 3);
  await until(call, ({ word }) => word.startsWith('E'));
  call.stop();
  assert.is(skype().packets, before);
  home.run('router', 'ip', 'rule', 'del', 'pref', '900');
});

for (const chain of ['skype_forward', 'forwarding']) {
  test(`the same while somebody has emptied ${chain}: counted by the mark`, async () => {
    before = skype().packets;
    const call = home.talk(P2P + 3);
    await until(call, ({ word }) => word === 'proxya');
    home.run('router', 'ip', 'rule', 'add', 'pref', '900', 'lookup', 'main');
    // The agent may restore the chain before a packet has passed.
    await wait('counted', () => {
      if (skype().packets > before) return true;
      nft(`flush chain inet whp ${chain}`);
      return false;
    });
    home.run('router', 'ip', 'rule', 'del', 'pref', '900');
    call.stop();
    assert.is(skype().last?.evidence, 'mark');
    assert.is(skype().last?.flow, `udp 192.168.1.11:${P2P + 3} ${NODE}:33033`);
    assert.match(
      home.log(),
      /skype: a packet left outside the tunnels: udp .*its flow has our mark/,
    );
    await wait('made again', () => outside().stands);
    assert.ok(skype().packets > before, 'the table that was made anew goes on counting');
    assert.match(
      flat(home.whp('status')),
      /! \d+ packets? of skype left outside since boot, last .* ago: udp /,
    );
  });
}

test('another table clears the mark of the flow: its packets are seen where they leave', async () => {
  before = skype().packets;
  nft(
    'add table ip rival; add chain ip rival f { type filter hook forward priority 10; }; add rule ip rival f ct mark set 0',
  );
  const call = home.talk(P2P + 5);
  await wait('counted', () => skype().packets > before);
  call.stop();
  nft('delete table ip rival');
  assert.is(skype().last?.evidence, 'range');
  assert.match(skype().last!.detail, /range/);
});

test('another table clears both marks before routing: nothing leaves until the guard is lifted, then it is counted', async () => {
  before = skype().packets;
  nft(
    'add table ip rival; add chain ip rival p { type filter hook prerouting priority -100; }; add rule ip rival p ct mark set 0 meta mark set 0',
  );
  const call = home.talk(P2P + 7);
  await until(call, ({ word }) => word === 'internet', 20_000);
  const tables = nft('list tables');
  await wait('counted', () => skype().packets > before);
  call.stop();
  nft('delete table ip rival');
  assert.not.match(tables, 'whp_guard');
  assert.match(flat(home.log()), /the guard is lifted: another program clears our bits/);
});

test('the count outlives the agent, killed or stopped', async () => {
  const count = skype().packets;
  assert.ok(count > 0);
  await home.stopAgent('SIGKILL');
  await home.startAgent(config({ proxies: ['a'] }));
  assert.is(skype().packets, count);
  await home.stopAgent();
  await home.startAgent(config({ proxies: ['a'] }));
  assert.is(skype().packets, count);
  nft('delete table inet whp');
  await wait('made again', () => outside().stands);
  assert.is(skype().packets, count);
});

test.run();
