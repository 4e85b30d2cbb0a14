// From power-on to the first packet of a device by the package's init script: with the WAN up before the agent,
// and the agent before the WAN; and a home is never offline for longer than boot_hold.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, OTHER, P2P, pause, startHome, until } from '../fixtures/netns-home.ts';

const NAME = `whp-power-${process.pid}`;
const FOLDER = resolve(`out/netns/${NAME}`);

let home: Home;
test.before(async () => {
  home = await startHome(NAME);
});
test.after(() => home.stop());

const configured = (hold: string, more = ''): string =>
  config({ proxies: ['a'] }).replace(
    "config globals 'globals'",
    `config globals 'globals'\n  option boot_hold '${hold}'\n  list lan 'br-lan'\n${more}`,
  );

/** What rcS runs: the init script's `boot` without procd. `before`: a line of shell before that. */
function boot(text: string, before = ''): string {
  writeFileSync(`${FOLDER}/whp`, text);
  const functions = readFileSync('test/lab/package/root/usr/lib/functions.sh', 'utf8');
  const script = `
logger() { echo "$*"; }
start() { echo started; }
${functions.replaceAll('/etc/config/', `${FOLDER}/`)}
. ${resolve('openwrt-package/files/whp.init')}
${before}
boot`;
  return home.run('router', 'sh', '-c', script);
}

const isHeld = (): boolean => home.run('router', 'nft', 'list', 'tables').includes('whp_boot');

test('the WAN first: nothing leaves until the table stands, and then each by its way', async () => {
  const out = boot(configured('60'));
  assert.match(out, /nothing is forwarded from the home until the table stands, 60 s at most/);
  assert.match(out, /started/);
  const call = home.talk(P2P);
  const other = home.talk(40_001, OTHER);
  await pause(1500);
  assert.equal([call.heard, other.heard], [[], []]);
  await home.startAgent(configured('60'));
  assert.match(home.log(), /was held since boot/);
  assert.not.ok(isHeld());
  await until(call, ({ word }) => word === 'proxya');
  await until(other, ({ word }) => word === 'internet');
  await pause(300);
  call.stop();
  other.stop();
  // Until the first probe is answered the table refuses it.
  assert.not.ok(call.heard.some(({ word }) => word === 'internet'));
  assert.equal([...new Set(other.heard.map(({ word }) => word))], ['internet']);
  await home.stopAgent();
});

test('the agent first, the WAN after it: the first packet is proxied', async () => {
  home.run('router', 'ip', 'link', 'set', 'wan', 'down');
  home.run('router', 'ip', 'address', 'flush', 'dev', 'wan');
  boot(configured('60'));
  await home.startAgent(configured('60'));
  const call = home.talk(P2P);
  const other = home.talk(40_002, OTHER);
  await pause(300);
  home.run('router', 'ip', 'link', 'set', 'wan', 'up');
  home.run('router', 'ip', 'address', 'add', '198.51.100.10/24', 'dev', 'wan');
  home.run('router', 'ip', 'route', 'replace', 'default', 'via', '198.51.100.1');
  await until(other, ({ word }) => word === 'internet');
  await until(call, ({ word }) => word === 'proxya');
  await pause(300);
  call.stop();
  other.stop();
  assert.not.ok(call.heard.some(({ word }) => word === 'internet'));
  await home.stopAgent();
});

test('an agent that never starts: the kernel ends the hold by itself', async () => {
  // The shell's timer is gone: only the kernel's timeout remains.
  boot(configured('2'), 'sleep() { return 1; }');
  const elements = (): string =>
    home.run('router', 'nft', 'list', 'set', 'inet', 'whp_boot', 'until');
  assert.match(elements(), /ipv4 timeout 2s/);
  const other = home.talk(40_003, OTHER);
  await until(other, ({ word }) => word === 'internet');
  other.stop();
  assert.not.match(elements(), 'ipv4');
  home.run('router', 'nft', 'delete', 'table', 'inet', 'whp_boot');
});

test('what is left of it goes', async () => {
  boot(configured('1'));
  for (let waited = 0; isHeld() && waited < 100; waited++) await pause(100);
  assert.not.ok(isHeld());
});

test('where the table stands already nothing is held', async () => {
  await home.startAgent(configured('60'));
  boot(configured('60'));
  assert.not.ok(isHeld());
  await home.stopAgent();
});

test('an agent that has nothing to do ends it', async () => {
  boot(configured('60'));
  assert.ok(isHeld());
  await home.startAgent(configured('60', "  option enabled '0'\n"));
  assert.not.ok(isHeld());
  await home.stopAgent();
});

test('where nothing is to be proxied, where its owner says so, and without nft, nothing is held', () => {
  const no: readonly [string, string, string][] = [
    ['switched off', configured('0'), ''],
    ['no number', configured('60s; drop'), ''],
    ['too long', configured('600'), ''],
    ['disabled', configured('20', "  option enabled '0'\n"), ''],
    [
      'no application',
      configured('20').replace(
        /(config app 'skype'\n) *option enabled '1'/,
        "$1  option enabled 'off'",
      ),
      '',
    ],
    ['no configuration', '', ''],
    ['no nft', configured('20'), `PATH=${FOLDER}`],
    ['an nft that fails', configured('20'), 'nft() { return 1; }'],
  ];
  for (const [what, text, before] of no) {
    assert.match(boot(text, before), /^started\n$/, what);
    assert.not.ok(isHeld(), what);
  }
  // A text that is no device name does not reach nft.
  boot(configured('20').replace("list lan 'br-lan'", `list lan 'x;y'\n  list lan 'br-guest'`));
  const table = home.run('router', 'nft', 'list', 'table', 'inet', 'whp_boot');
  assert.match(table, 'iifname "br-guest" oifname != "br-guest"');
  home.run('router', 'nft', 'delete', 'table', 'inet', 'whp_boot');
});

/** The commands of the service by the lab's rc.common, with procd's functions in one file. */
function service(action: string): string {
  const procd = `
procd_lock() { :; }; procd_open_service() { :; }; procd_close_service() { :; }
procd_kill() { echo "kill, handover $(cut -d. -f1 ${FOLDER}/handover 2>/dev/null | grep -c .)"; }
procd_running() { [ -z "$GONE" ]; }
procd_open_instance() { echo instance; }; procd_close_instance() { :; }
procd_set_param() { :; }; procd_add_jail() { :; }
procd_add_reload_trigger() { :; }; procd_add_config_trigger() { :; }; procd_add_raw_trigger() { :; }`;
  writeFileSync(`${FOLDER}/procd.sh`, procd);
  const functions = readFileSync('test/lab/package/root/usr/lib/functions.sh', 'utf8');
  writeFileSync(`${FOLDER}/functions.sh`, functions.replaceAll('/etc/config/', `${FOLDER}/`));
  const init = readFileSync('openwrt-package/files/whp.init', 'utf8')
    .replace('/var/run/whp.standing.handover', `${FOLDER}/handover`)
    .replace('/usr/share/whp/firewall.sh renew', 'GONE=1')
    .replace('local left=15', 'local left=0');
  writeFileSync(`${FOLDER}/init`, init);
  const common = readFileSync('test/lab/package/root/etc/rc.common', 'utf8')
    .replaceAll('/lib/functions.sh', `${FOLDER}/functions.sh`)
    .replaceAll('/lib/functions/procd.sh', `${FOLDER}/procd.sh`);
  writeFileSync(`${FOLDER}/common`, common);
  return spawnSync('sh', [`${FOLDER}/common`, `${FOLDER}/init`, action], { encoding: 'utf8' })
    .stdout;
}

test('restart leaves what stands to the next agent; stop does not, and neither does the end of it all', () => {
  writeFileSync(`${FOLDER}/whp`, configured('20'));
  rmSync(`${FOLDER}/handover`, { force: true });
  assert.is(service('restart'), 'kill, handover 1\ninstance\n');
  assert.is(service('stop'), 'kill, handover 0\n');
  writeFileSync(`${FOLDER}/whp`, configured('20', "  option enabled '0'\n"));
  assert.is(service('restart'), 'kill, handover 0\n');
});

test.run();
