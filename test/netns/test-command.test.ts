// `whp test` in a home in namespaces, whose tunnels are veth pairs: a good home, and homes with one fault each. Each
// fault has its line, its command and its exit status; nothing leaves by the WAN and nothing is learned.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, startHome } from '../fixtures/netns-home.ts';

const NAME = `try${process.pid}`;
const RESOLVER = '192.0.2.53';
const FOLDER = `out/netns/${NAME}`;

/** Answers every question with the address of who asks, or with `fixed`. */
const WHOAMI = `
const [, , fixed] = process.argv;
const udp = require('dgram').createSocket('udp4');
udp.on('message', (question, from) => {
  const address = (fixed ?? from.address).split('.').map(Number);
  const answer = Buffer.concat([question, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, ...address])]);
  answer[2] |= 0x80;
  answer[7] = 1;
  udp.send(answer, from.port, from.address);
});
udp.bind(53, '${RESOLVER}', () => console.log('ready'));`;

interface Row {
  readonly subject: string;
  readonly state: string;
  readonly text: string;
  readonly fix?: string;
}

interface Told {
  readonly status: number;
  readonly rows: readonly Row[];
}

function run(home: Home, ...words: string[]): Told {
  const { status, out, err } = home.tell('test', '--json', ...words);
  assert.is(err, '');
  return {
    status,
    rows: out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  };
}

function row({ rows }: Told, subject: string): Row {
  const found = rows.find((one) => one.subject === subject);
  return found ?? assert.unreachable(`no line "${subject}" in ${JSON.stringify(rows, null, 1)}`)!;
}

const home = await startHome(NAME);
test.after(() => home.stop());
mkdirSync(FOLDER, { recursive: true });

const GOOD = config({ proxies: ['a'] });

async function answerAs(far: 'proxya', fixed: string): Promise<() => void> {
  const file = `${FOLDER}/whoami.cjs`;
  writeFileSync(file, WHOAMI);
  home.run(far, 'ip', 'address', 'replace', `${RESOLVER}/32`, 'dev', 'lo');
  const child = spawn('nsenter', [`--net=/run/netns/${NAME}-${far}`, 'node', file, fixed], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return () => void child.kill('SIGKILL');
}

test('no agent: says so, and looks at the rest', () => {
  writeFileSync(`${FOLDER}/whp`, GOOD);
  const told = run(home);
  assert.is(told.status, 3);
  assert.is(row(told, 'agent').state, 'wrong');
  assert.match(row(told, 'agent').fix!, '/etc/init.d/whp start');
  assert.is(row(told, 'home address').state, 'ok');
  assert.match(row(told, 'home address').text, /^198\.51\.100\.10, public/);
  assert.is(row(told, 'flow offload').state, 'ok');
  assert.match(row(told, 'call skype').text, /may leave by your own address 198\.51\.100\.10/);
});

test('a good home: a call would be protected, nothing leaves by the WAN, nothing is learned', async () => {
  await home.startAgent(GOOD);
  home.run(
    'router',
    'nft',
    'table ip count { chain out { type filter hook output priority 0; oifname "wan" counter; }; }',
  );
  const table = (): string =>
    home.run('router', 'nft', '-s', 'list', 'table', 'inet', 'whp').replace(/ expires \S+/g, '');
  const before = table();
  const told = run(home);
  assert.is(told.status, 0, JSON.stringify(told.rows, null, 1));
  assert.is(row(told, 'tunnel a').state, 'ok');
  assert.match(row(told, 'tunnel a').text, /0 of 10 probes lost/);
  assert.match(row(told, 'largest packet a').text, '1500 bytes pass');
  assert.match(row(told, 'throughput a').text, /^at least [1-9]\.\d Mbit\/s each way/);
  assert.match(row(told, 'seen by the world a').text, 'not asked');
  assert.match(row(told, 'DNS held').text, 'option hold is 0');
  const last = told.rows.at(-1)!;
  assert.is(last.subject, 'call skype');
  assert.match(
    last.text,
    /would leave by 203\.0\.113\.20; your own address 198\.51\.100\.10 would not be seen, but by a first packet: DNS answers are not held$/,
  );
  assert.match(home.run('router', 'nft', 'list', 'table', 'ip', 'count'), 'packets 0 bytes 0');
  assert.is(table(), before);
});

test('for people: 80 columns but for commands, a mark before each subject', () => {
  const { out } = home.tell('test');
  for (const line of out.trimEnd().split('\n'))
    assert.ok(line.length <= 80 || line.startsWith('    '), line);
  assert.match(out, /^ok {2}tunnel a: out and back in /m);
});

test('live flows are not disturbed: no throughput is measured', async () => {
  const talk = home.talk(13021);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const told = run(home);
  talk.stop();
  assert.match(row(told, 'throughput a').text, /^not measured: open flows of apps: [1-9]/);
});

test('a small MTU: the size that passes, and the command', () => {
  home.run('proxya', 'ip', 'link', 'set', 'eth0', 'mtu', '1300');
  const told = run(home);
  home.run('proxya', 'ip', 'link', 'set', 'eth0', 'mtu', '1500');
  const { state, text, fix } = row(told, 'largest packet a');
  assert.is(state, 'note');
  const passed = Number(/^(\d+) bytes pass, not the 1500/.exec(text)?.[1]);
  // veth leaves room for a VLAN tag.
  assert.ok(passed >= 1300 && passed <= 1304, text);
  assert.is(fix, `uci set whp.a.mtu='${passed}'; uci commit whp; whp reload`);
  assert.is(told.status, 0);
});

test('the address that the world sees, by a resolver of the owner', async () => {
  const asking = GOOD.replace(
    "hold '0'",
    `hold '0'\n  option test_address 'who.example@${RESOLVER}'`,
  );
  home.reload(asking);
  const stop = await answerAs('proxya', '203.0.113.77');
  const told = run(home);
  stop();
  assert.match(
    row(told, 'seen by the world a').text,
    '203.0.113.77, though its tunnel goes to 203.0.113.20',
  );
  assert.match(row(told, 'call skype').text, 'would leave by 203.0.113.77;');
  assert.is(told.status, 0);
  const own = await answerAs('proxya', '198.51.100.10');
  const seen = run(home);
  own();
  assert.is(row(seen, 'seen by the world a').state, 'wrong');
  assert.is(seen.status, 5);
  const silent = run(home);
  assert.match(row(silent, 'seen by the world a').text, /^not known: 192\.0\.2\.53/);
  assert.is(silent.status, 0);
  home.reload(GOOD);
});

test('carrier-grade NAT: a note while the tunnel answers, its reason when it does not', async () => {
  home.run(
    'router',
    'sh',
    '-ec',
    'ip address add 100.64.7.7/24 dev wan; ip route replace default via 198.51.100.1 src 100.64.7.7',
  );
  const passes = run(home);
  assert.is(row(passes, 'home address').state, 'note');
  assert.match(
    row(passes, 'home address').text,
    /^100\.64\.7\.7 is private: your provider's carrier-grade NAT/,
  );
  assert.match(
    row(passes, 'call skype').text,
    /your own address would not be seen, but by a first packet/,
  );
  home.run('proxya', 'ip', 'link', 'set', 'eth0', 'down');
  const told = run(home);
  assert.match(row(told, 'tunnel a').text, /answers none of 10 probes: GRE does not pass the NAT/);
  home.run(
    'router',
    'sh',
    '-ec',
    'ip route replace default via 198.51.100.1; ip address del 100.64.7.7/24 dev wan',
  );
});

test('a dead proxy: refused, and what to look at on the proxy', async () => {
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const told = run(home);
  assert.is(told.status, 5);
  const { state, text, fix } = row(told, 'tunnel a');
  assert.is(state, 'wrong');
  assert.match(text, /203\.0\.113\.20 answers none of 10 probes: .* than 198\.51\.100\.10$/);
  assert.is(fix, 'on the server: whp-proxy status');
  assert.match(row(told, 'call skype').text, 'would be REFUSED: no proxy is up (fallback block)');
  assert.not.ok(told.rows.some(({ subject }) => subject === 'banIP a'));
  home.run('router', 'nft', 'table inet banIP { }');
  const blocked = row(run(home), 'banIP a');
  home.run('router', 'nft', 'delete table inet banIP');
  assert.is(blocked.fix, '/etc/init.d/banip search 203.0.113.20');
  home.run('proxya', 'ip', 'link', 'set', 'eth0', 'up');
});

test('a router whose kernel cannot hold answers, though they are to be held', () => {
  home.reload(GOOD.replace("hold '0'", "hold '1'"));
  const told = run(home);
  assert.is(told.status, 5);
  assert.is(row(told, 'DNS held').state, 'wrong');
  assert.match(row(told, 'DNS held').fix!, 'opkg install kmod-nft-queue');
});

test('no profile is there and no app is enabled: the tunnel is tried all the same', () => {
  home.reload(config({ proxies: ['a'] }).replace(/config app[\s\S]*/, ''));
  mkdirSync(`${FOLDER}/none`, { recursive: true });
  const told = run(home, '--profiles', `${FOLDER}/none`);
  assert.is(told.status, 5);
  assert.is(row(told, 'tunnel a').state, 'ok');
  assert.match(row(told, 'DNS held').text, 'no app is enabled');
  assert.match(
    row(told, 'call').text,
    /would leave by your own address 198\.51\.100\.10, though the tunnel to 203\.0\.113\.20 works: nothing is proxied: there is no app section/,
  );
});

test('a configuration that cannot be read: its problems', () => {
  writeFileSync(`${FOLDER}/whp`, GOOD.replace("key '7'", "key 'x'"));
  const told = run(home);
  assert.is(told.status, 5);
  assert.match(row(told, 'file').text, 'whp.a.key');
});

test.run();
