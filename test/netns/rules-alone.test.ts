// Apps without a profile in a running agent: the owner's names are taught by a DNS answer, and packets of each
// kind of rule leave by the tunnel; what check, status and why say of such an app.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  type Home,
  MEDIA,
  OTHER,
  PEER,
  pause,
  startHome,
  until,
} from '../fixtures/netns-home.ts';
import { flat, unbroken } from '../lib/alarms.ts';

const NAME = `whp-alone-${process.pid}`;

/** Answers every question with OTHER, from the Internet's address of a resolver. */
const RESOLVER = `
const udp = require('dgram').createSocket('udp4');
udp.on('message', (query, from) => {
  const answer = Buffer.concat([query, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, ${OTHER.split('.').join(', ')}])]);
  answer[2] = 0x81; answer[3] = 0x80; answer[7] = 1;
  udp.send(answer, from.port, from.address);
});
udp.bind(53, '198.51.100.1', () => console.log('ready'));`;

/** Asks for each name given; prints the number of answers. */
const ASKER = `
const [, , ...names] = process.argv;
const udp = require('dgram').createSocket('udp4');
const text = (name) => name.split('.').flatMap((one) => [one.length, ...Buffer.from(one)]);
let left = names.length;
udp.on('message', () => { if (--left === 0) process.exit(); });
for (const name of names) udp.send(Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...text(name), 0, 0, 1, 0, 1]), 53, '198.51.100.1');
setTimeout(() => process.exit(1), 4000);`;

const SIX_DEVICE = `
ip -6 address add fd00:1::11/64 dev eth0 nodad; ip -6 route add default via fd00:1::1`;
const SIX_ROUTER = `
sysctl -qw net.ipv6.conf.all.forwarding=1
ip -6 address add fd00:1::1/64 dev br-lan nodad; ip -6 address add 2001:db8:9::10/64 dev wan nodad
ip -6 neighbour add 2001:db8:9::1 lladdr $(ip neighbour get 198.51.100.1 dev wan | grep -o 'lladdr [0-9a-f:]*' | cut -d' ' -f2) dev wan
ip -6 route add default via 2001:db8:9::1 dev wan`;
/** Counts what arrives: an address of the rule, a port of the rule, neither. */
const SIX_FAR = `table ip6 seen { chain in { type filter hook prerouting priority -300;
ip6 daddr 2001:db8:7::9 counter; udp dport 33034 counter; ip6 daddr 2001:db8:8::9 udp dport 9 counter; }; }`;
const SIX_SENDER = `
const udp = require('dgram').createSocket('udp6');
const all = [[9, '2001:db8:7::9'], [33034, '2001:db8:8::9'], [9, '2001:db8:8::9']];
let left = all.length;
for (const [port, to] of all) udp.send('x', port, to, () => { if (--left === 0) udp.close(); });`;

const FOLDER = `out/netns/${NAME}`;
let home: Home;
let resolver: ReturnType<typeof spawn>;

test.before(async () => {
  home = await startHome(NAME);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}/resolver.cjs`, RESOLVER);
  writeFileSync(`${FOLDER}/asker.cjs`, ASKER);
  const words = [`--net=/run/netns/${NAME}-internet`, 'node', `${FOLDER}/resolver.cjs`];
  resolver = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((ready) => resolver.stdout!.once('data', ready));
  await home.startAgent(alone(''));
});
test.after(() => {
  resolver.kill('SIGKILL');
  home.stop();
});

/** The home's configuration with the apps and rules of `text` in the place of skype. */
function withApps(text: string): string {
  return config({}).split("config app 'skype'")[0]! + text;
}

/** The app "echo" with a name; `more`: further sections. */
function alone(more: string): string {
  return withApps(`config app 'echo'
  list proxy 'a'
config rule 'more'
  option action 'proxy'
  option app 'echo'
  list name 'echo.example.com'
${more}`);
}

let port = 21_000;
/** The far end that answers a new flow of the device. */
async function way(to: string): Promise<string> {
  const talk = home.talk(port++, to);
  const { word } = await until(talk, () => true);
  talk.stop();
  return word;
}

async function ask(name: string): Promise<void> {
  home.run('device', 'node', `${FOLDER}/asker.cjs`, name);
  // Answers are watched here, not held.
  await pause(500);
}

test('a name rule: its address is taught by the answer, and flows there leave by the tunnel', async () => {
  assert.is(await way(OTHER), 'internet');
  await ask('other.example.com');
  assert.is(await way(OTHER), 'internet');
  await ask('sip.echo.example.com');
  assert.is(await way(OTHER), 'proxya');
  assert.is(await way(MEDIA), 'internet');
  // A resolver outside: its answer counts for the device that asked.
  const set = home.run('router', 'nft', 'list', 'set', 'inet', 'whp', 'echo_peermac4');
  assert.match(set, OTHER);
});

test('status, why and check speak of an app without a profile', () => {
  assert.match(home.whp('status'), /^echo +proxied /m);
  assert.match(JSON.stringify(home.status()), '"profile":null');
  assert.match(
    flat(home.whp('why', 'sip.echo.example.com')),
    /a name of echo \(\.echo\.example\.com, your rule .*\)/,
  );
  assert.match(
    flat(home.whp('why', OTHER)),
    /198\.51\.100\.1 told \S+ that it is sip\.echo\.example\.com;/,
  );
  const out = unbroken(home.tell('check', '--explain').out);
  assert.match(out, 'looked at: profiles: echo has none, its rules alone\n');
  assert.match(out, 'looked at: rules: whp.more (proxy, echo)\n');
});

test('an address rule, a port rule, and a second app of rules with the other proxy', async () => {
  home.reload(
    alone(`config app 'game'
  list proxy 'b'
config rule 'net'
  option action 'proxy'
  option app 'game'
  list address '${PEER}'
`),
  );
  assert.is(await way(PEER), 'proxyb');
  assert.is(await way(OTHER), 'proxya');
  assert.is(await way(MEDIA), 'internet');
  assert.match(flat(home.whp('why', PEER)), /game: your rule "net" \(\S+:\d+\), all ports/);
  home.reload(
    alone(`config app 'game'
  list proxy 'b'
config rule
  option action 'proxy'
  option app 'game'
  list port '33033'
  option protocol 'udp'
`),
  );
  assert.is(await way(MEDIA), 'proxyb');
  assert.is(await way(OTHER), 'proxya', 'the first app of the file has it');
  assert.match(
    flat(home.whp('why', MEDIA)),
    /game: your rule whp\.@rule\[1\] \(\S+:\d+\), udp ports 33033/,
  );
});

test('everything of one device; nothing of another', async () => {
  const all = (device: string): string =>
    withApps(`config app 'tv'
  list proxy 'b'
  list device '${device}'
config rule
  option action 'proxy'
  option app 'tv'
  list address '0.0.0.0/0'
  list address '::/0'
`);
  home.reload(all('192.168.1.12'));
  assert.is(await way(MEDIA), 'internet');
  home.reload(all('192.168.1.11'));
  assert.is(await way(MEDIA), 'proxyb');
});

test('IPv6: an address rule and a port rule; beside them the way out', async () => {
  home.run('device', 'sh', '-ec', SIX_DEVICE);
  home.run('router', 'sh', '-ec', SIX_ROUTER);
  for (const far of ['proxya', 'internet'] as const) home.run(far, 'nft', SIX_FAR);
  const text = alone(`  list address '2001:db8:7::/64'
config rule
  option action 'proxy'
  option app 'echo'
  list port '33034'
`);
  const inner =
    "  option local6 'fd00:d5::1'\n  option remote6 'fd00:d5::2'\n  option mtu '1400'\n";
  home.reload(text.replace("  option mtu '1400'\n", inner));
  home.run('device', 'node', '-e', SIX_SENDER);
  await pause(500);
  const seen = (far: 'proxya' | 'internet') =>
    [...home.run(far, 'nft', 'list', 'ruleset').matchAll(/counter packets (\d+)/g)].map(
      ([, n]) => n,
    );
  assert.equal(seen('proxya'), ['1', '1', '0']);
  assert.equal(seen('internet'), ['0', '0', '1']);
});

test('a profile with a rule beside it', async () => {
  home.reload(`${config({})}config rule 'more'
  option action 'proxy'
  option app 'skype'
  list name 'calls.example.com'
`);
  assert.is(await way(MEDIA), 'internet');
  await ask('calls.example.com');
  // The app keeps the route that its slot has: that of tv.
  assert.match(await way(OTHER), /^proxy[ab]$/);
  assert.match(home.whp('status'), /^skype +proxied /m);
  assert.match(JSON.stringify(home.status()), '"profile":"skype","profile_version":"20');
});

test('an app with neither: the reload is refused with the commands, and the table stays', async () => {
  assert.throws(() => home.reload(withApps("config app 'none'\n  list proxy 'a'\n")));
  const { status, out } = home.tell('check');
  assert.is(status, 1);
  assert.match(
    unbroken(out),
    /whp\.none \(.*\): nothing says what belongs to it: .*uci set whp\.none_rule=rule;/,
  );
  assert.match(await way(OTHER), /^proxy[ab]$/);
  assert.ok(home.run('router', 'nft', 'list', 'table', 'inet', 'whp').includes('chain skype_new4'));
});

test.run();
