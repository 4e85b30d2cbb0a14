// Learned elements survive stop and start of the agent, a power cut, and a reboot of the router (the table and
// files in RAM are gone), during a call of the device.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  type Home,
  MEDIA,
  OTHER,
  P2P,
  PEER,
  pause,
  startHome,
  until,
} from '../fixtures/netns-home.ts';
import { flat } from '../lib/alarms.ts';

const NAME = `whp-boot-${process.pid}`;
const FOLDER = `out/netns/${NAME}`;

let home: Home;
let file = '';
test.before(async () => {
  home = await startHome(NAME);
  file = home.learned;
});
test.after(() => home.stop());

const CONFIG = config({ proxies: ['a'] });
const isProxied = ({ word }: { readonly word: string }): boolean => word === 'proxya';

/** The device sends from its P2P port to a supernode, then to a peer. */
async function call(): Promise<void> {
  const node = home.talk(P2P);
  await until(node, isProxied);
  node.stop();
  const peer = home.talk(P2P, PEER);
  await until(peer, isProxied);
  peer.stop();
}

/** A power cycle: no table, no connections, no /var/run. */
function forgetAll(): void {
  home.run('router', 'nft', 'flush', 'ruleset');
  home.run(
    'router',
    'nft',
    'table inet fw { chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }; }',
  );
  home.run('router', 'conntrack', '-F');
  for (const name of ['', '.names', '.nft'])
    rmSync(`${FOLDER}/whp.standing${name}`, { force: true });
}

/** The first answers of a flow: its way from the first packet on. */
async function ways(port: number, to: string): Promise<string[]> {
  const talk = home.talk(port, to);
  await until(talk, () => talk.heard.length >= 20);
  talk.stop();
  return [...new Set(talk.heard.map(({ word }) => word))];
}

const written = (): number => {
  const { kept } = home.status();
  return kept.written_ago_s ?? -1;
};

test("stop and start: the call goes on by the proxy, and what is nobody's goes direct", async () => {
  await home.startAgent(CONFIG);
  await call();
  await home.stopAgent();
  assert.match(readFileSync(file, 'utf8'), /^whp learned 1\nset skype_/);
  forgetAll();
  await home.startAgent(CONFIG);
  assert.match(home.log(), /known from before the start: [2-9] learned elements/);
  assert.equal(await ways(P2P, MEDIA), ['proxya'], home.log());
  assert.equal(await ways(40_000, PEER), ['proxya'], 'the peer, from another port');
  assert.equal(await ways(40_001, OTHER), ['internet']);
  const { kept } = home.status();
  assert.ok(kept.restored >= 2 && (kept.written_ago_s ?? -1) >= 0, JSON.stringify(kept));
  assert.match(
    flat(home.whp('why', PEER)),
    /a peer or a server of 192\.168\.1\.11.*known from before the start/,
  );
  await home.stopAgent();
});

test('a running call, the agent away and back: not one more packet beside the proxy', async () => {
  await home.startAgent(CONFIG);
  await call();
  const talk = home.talk(P2P, MEDIA);
  await until(talk, isProxied);
  await home.stopAgent();
  forgetAll();
  // Without an agent the call is direct: the owner has stopped it.
  await until(talk, ({ word }) => word === 'internet');
  await home.startAgent(CONFIG);
  await pause(1000);
  const since = Date.now();
  await pause(1000);
  talk.stop();
  const later = talk.heard.filter(({ at }) => at > since).map(({ word }) => word);
  assert.ok(later.length > 20, String(later.length));
  assert.equal([...new Set(later)], ['proxya']);
  await home.stopAgent();
});

test('power cut: what was learned a minute before is known again', async () => {
  rmSync(file, { force: true });
  await home.startAgent(CONFIG);
  await call();
  for (let waited = 0; !existsSync(file) && waited < 100; waited++) await pause(1000);
  assert.ok(existsSync(file), 'written while the agent runs');
  assert.ok(written() >= 0);
  const { mtimeMs } = statSync(file);
  await pause(6000);
  assert.is(statSync(file).mtimeMs, mtimeMs, 'and once');
  await home.stopAgent('SIGKILL');
  forgetAll();
  await home.startAgent(CONFIG);
  assert.equal(await ways(P2P, MEDIA), ['proxya']);
  assert.equal(await ways(40_000, PEER), ['proxya']);
  await home.stopAgent();
});

test('what the owner has forgotten is not known again', async () => {
  await home.startAgent(CONFIG);
  await call();
  await home.stopAgent();
  await home.startAgent(CONFIG);
  home.whp('forget', 'all');
  assert.not.match(readFileSync(file, 'utf8'), 'set ');
  await home.stopAgent('SIGKILL');
  forgetAll();
  await home.startAgent(CONFIG);
  assert.equal(await ways(P2P, MEDIA), ['internet']);
  await home.stopAgent();
});

test('a file of anything: kept aside with a word, and the agent starts', async () => {
  const good = 'whp learned 1\nset skype_udp4\nc0a8010b32dd0000 900\nend 3\n';
  const damaged: readonly [string, RegExp][] = [
    ['', /holds nothing learned/],
    ['\0\u0001\u0002', /holds nothing learned/],
    [good.replace('learned 1', 'learned 2'), /is of another version/],
    [good.slice(0, -4), /is cut off/],
    [good.replace('900', '0'), /line 3 is no entry/],
    [`${good}${' '.repeat(1 << 18)}`, /cannot be read/],
  ];
  for (const [text, reason] of damaged) {
    writeFileSync(file, text);
    await home.startAgent(CONFIG);
    assert.match(home.log(), reason);
    assert.match(home.log(), /learned.*kept as .*\.unreadable/);
    await home.stopAgent();
    rmSync(`${file}.unreadable`);
  }
  const own = [
    [
      'set skype_addr4',
      'c633640a 900',
      'cb007114 900',
      '0a000001 900',
      '5db8d863 9 192.168.1.11 x.skype.com',
    ],
    ['set skype_peer4', 'c0a8010bcb007114 900', 'c0a8010bc0a8010c 900'],
    ['set gone_udp4', 'c0a8010b32dd0000 900'],
  ].flat();
  writeFileSync(file, ['whp learned 1', ...own, `end ${own.length + 1}`, ''].join('\n'));
  await home.startAgent(CONFIG);
  assert.match(home.log(), /known from before the start: 1 learned element, 6 left out/);
  const { endpoints } = JSON.parse(home.whp('learned', '--json'));
  assert.equal(
    endpoints.map(({ remote }: { remote: string }) => remote),
    [OTHER],
  );
  assert.match(home.run('router', 'nft', 'list', 'set', 'inet', 'whp', 'skype_addr4'), OTHER);
  assert.equal(await ways(42_000, OTHER), ['proxya'], 'a new connection to a known endpoint');
  assert.match(
    flat(home.whp('why', OTHER)),
    /resolved x\.skype\.com to it.*known from before the start/,
  );
  await home.stopAgent();
});

test('what has expired while its connection lives is taken as a pair at a start', async () => {
  // Leases of three seconds, and connections of a minute.
  const profile = JSON.parse(readFileSync('agent/profiles/skype.json', 'utf8'));
  profile.ports.leaseSeconds = 3;
  profile.peers.leaseSeconds = 3;
  const own = `${FOLDER}/state/profiles.d`;
  mkdirSync(own, { recursive: true });
  writeFileSync(`${own}/skype.json`, JSON.stringify(profile));
  rmSync(file, { force: true });
  home.run('router', 'conntrack', '-F');
  await home.startAgent(CONFIG);
  await call();
  await pause(3500);
  await home.stopAgent('SIGKILL');
  await home.startAgent(CONFIG);
  await pause(300);
  assert.equal(await ways(41_000, PEER), ['proxya']);
  assert.equal(await ways(41_001, OTHER), ['internet']);
  await home.stopAgent();
  rmSync(own, { recursive: true });
});

test.run();
