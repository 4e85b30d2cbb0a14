// Ways in and out of a real home with the real agent: a guest network beside the lan, and a default route by a
// VLAN, a PPPoE session or a VPN client. The rules name only lan devices and tunnels, so none of these bypasses
// them. (veth devices with such names: this kernel has no others.)
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, NODE, NODE_PORT, OTHER, startHome } from '../fixtures/netns-home.ts';

const NAME = `whp-ways-${process.pid}`;
const GUEST = `${NAME}-guest`;
let home: Home;

const ip = (...words: string[]): void => {
  const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
};
const inGuest = (...words: string[]): string =>
  spawnSync('nsenter', [`--net=/run/netns/${GUEST}`, ...words], { encoding: 'utf8' }).stdout;

test.before(async () => {
  home = await startHome(NAME);
  ip('netns', 'add', GUEST);
  wire('br-guest', '192.168.9.1/24', GUEST, '192.168.9.11/24');
  inGuest('ip', 'link', 'set', 'lo', 'up');
  inGuest('ip', 'route', 'add', 'default', 'via', '192.168.9.1');
  inGuest('node', '-e', '0');
});
test.after(() => {
  home.stop();
  spawnSync('ip', ['netns', 'del', GUEST]);
});

function wire(near: string, address: string, space: string, farAddress: string): void {
  const router = `${NAME}-router`;
  ip(
    ...['link', 'add', near, 'netns', router, 'type', 'veth'],
    ...['peer', 'name', `far-${near}`.slice(0, 15), 'netns', space],
  );
  home.run('router', 'ip', 'address', 'add', address, 'dev', near);
  home.run('router', 'ip', 'link', 'set', near, 'up');
  const far = ['nsenter', `--net=/run/netns/${space}`, 'ip'];
  for (const words of [
    ['address', 'add', farAddress, 'dev', `far-${near}`.slice(0, 15)],
    ['link', 'set', `far-${near}`.slice(0, 15), 'up'],
  ]) {
    const [head = '', ...rest] = [...far, ...words];
    spawnSync(head, rest);
  }
}

const ASK = `
const [, , port, to] = process.argv;
const udp = require('dgram').createSocket('udp4');
const say = (word) => { console.log(word); process.exit(); };
udp.on('message', (bytes) => say(bytes.toString()));
udp.on('error', (error) => say(error.code));
udp.bind(Number(port), () => udp.connect(${NODE_PORT}, to, () => {
  udp.send('x', () => {});
  setTimeout(() => udp.send('x', () => {}), 300);
}));
setTimeout(() => say('nothing'), 1500);`;

let port = 30_000;

/** The answer to a new flow to `to`, of a device of the lan or of a guest. */
function answer(space: 'device' | 'guest', to: string): string {
  port += 1;
  const file = 'out/netns/ask.cjs';
  writeFileSync(file, ASK);
  const words = ['node', file, String(port), to];
  const out = space === 'guest' ? inGuest(...words) : home.run('device', ...words);
  return out.trim();
}

const LAN = "  list lan 'br-lan'\n  list lan 'br-guest'\n";
const both = (text: string): string =>
  text.replace("  option hold '0'\n", `  option hold '0'\n${LAN}`);

test('a guest network in the list of lan devices is a home like the other; the two keep apart', async () => {
  await home.startAgent(both(config({ proxies: ['a'] })));
  for (const space of ['device', 'guest'] as const) {
    assert.is(answer(space, NODE), 'proxya', space);
    assert.is(answer(space, OTHER), 'internet', space);
  }
  // Between lan and guests nothing is proxied or refused, not even from the app's port.
  const sent = home.run('router', 'nft', 'list', 'counter', 'inet', 'whp', 'skype_rejected');
  answer('device', '192.168.9.11');
  assert.is(home.run('router', 'nft', 'list', 'counter', 'inet', 'whp', 'skype_rejected'), sent);
});

for (const [name, what, mtu] of [
  ['eth1.7', 'a VLAN', 1500],
  ['pppoe-wan', 'a PPPoE session', 1492],
  ['wg0', 'a VPN client as default route', 1420],
] as const) {
  test(`the way out is ${what}: the application takes the tunnel or nothing`, () => {
    wire(name, '198.51.99.10/24', `${NAME}-internet`, '198.51.99.1/24');
    home.run('router', 'ip', 'link', 'set', name, 'mtu', String(mtu));
    home.run('router', 'ip', 'route', 'replace', 'default', 'via', '198.51.99.1', 'dev', name);
    home.run('internet', 'ip', 'route', 'replace', '192.168.0.0/16', 'via', '198.51.99.10');
    for (const space of ['device', 'guest'] as const) {
      assert.is(answer(space, NODE), 'proxya', space);
      assert.is(answer(space, OTHER), 'internet', space);
    }
    home.run('router', 'ip', 'link', 'set', 'whp-a', 'down');
    for (const space of ['device', 'guest'] as const) {
      const word = answer(space, NODE);
      assert.not.match(word, /internet/, `${space}: refused, not sent by ${name}`);
      assert.is(answer(space, OTHER), 'internet', space);
    }
    home.run('router', 'ip', 'link', 'set', 'whp-a', 'up');
    for (let waited = 0; answer('device', NODE) !== 'proxya'; waited += 1) {
      assert.ok(waited < 20, home.log());
    }
    home.run('router', 'ip', 'link', 'del', name);
    home.run('router', 'ip', 'route', 'replace', 'default', 'via', '198.51.100.1', 'dev', 'wan');
  });
}

test.run();
