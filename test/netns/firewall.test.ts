// The package's firewall.sh on the configurations of real homes, with the lab's stand-in for uci (Debian has no
// uci): what it adds, what it leaves alone, and when it refuses.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const STANDINS = resolve('test/lab/package/root');
const STOCK = readFileSync(join(STANDINS, 'etc/config/firewall'), 'utf8');
const NETWORK = readFileSync(join(STANDINS, 'etc/config/network'), 'utf8');

interface Router {
  uci(...words: string[]): string;
  /** Returns the exit status and the output. */
  firewall(...words: string[]): { status: number | null; said: string };
  /** The existing sections in the format of `uci show`, without their options. */
  sections(): string;
  text(): string;
}

const folders: string[] = [];
test.after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function router(firewall: string, network = NETWORK, whp = ''): Router {
  const folder = mkdtempSync(join(tmpdir(), 'whp-firewall-'));
  folders.push(folder);
  mkdirSync(join(folder, 'etc/config'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  const config = join(folder, 'etc/config');
  writeFileSync(join(config, 'firewall'), firewall);
  writeFileSync(join(config, 'network'), network);
  writeFileSync(join(config, 'whp'), whp);
  cpSync(join(STANDINS, 'usr/sbin/uci'), join(folder, 'bin/uci'));
  // Keeps this machine's firewall out of it.
  for (const name of ['nft', 'fw4', 'logger'])
    writeFileSync(join(folder, 'bin', name), '#!/bin/sh\nexit 1\n');
  for (const name of ['uci', 'nft', 'fw4', 'logger']) chmodSync(join(folder, 'bin', name), 0o755);
  const script = join(folder, 'firewall.sh');
  const shipped = readFileSync('openwrt-package/files/firewall.sh', 'utf8');
  writeFileSync(
    script,
    shipped
      .replace('PATH=', `LAB_ROOT=${folder} PATH=${join(folder, 'bin')}:`)
      .replaceAll('/etc/config/', `${config}/`)
      .replace('mktemp -d', `mktemp -d -p ${folder}`),
  );
  const run = (words: string[]) =>
    spawnSync(words[0]!, words.slice(1), {
      encoding: 'utf8',
      env: { container: 'ujail', LAB_ROOT: folder },
    });
  const uci = (...words: string[]): string =>
    run([join(folder, 'bin/uci'), ...words]).stdout.trim();
  return {
    uci,
    firewall: (...words) => {
      const { status, stdout, stderr } = run(['/bin/sh', script, ...words]);
      return { status, said: stdout + stderr };
    },
    sections: () =>
      uci('-X', 'show', 'firewall')
        .split('\n')
        .filter((line) => !/\.[a-z_0-9]+\./i.test(line.split('=')[0]!))
        .map((line) => line.replace('firewall.', ''))
        .join(' '),
    text: () => readFileSync(join(config, 'firewall'), 'utf8'),
  };
}

const ADDED = 'whp=zone whp_lan=forwarding whp_check=include';
const lan = (one: Router): string => one.uci('get', 'firewall.whp_lan.src');

test('install adds three sections, once; remove takes them and nothing else', () => {
  const one = router(STOCK);
  const stock = one.sections();
  assert.equal(one.firewall('install'), { status: 0, said: '' });
  assert.is(one.sections(), `${stock} ${ADDED}`);
  assert.is(lan(one), 'lan');
  assert.is(one.uci('get', 'firewall.whp.device'), 'whp-+');
  const text = one.text();
  assert.is(one.firewall('install').status, 0);
  assert.is(one.text(), text);
  assert.is(one.uci('changes', 'firewall'), '');
  assert.is(one.firewall('remove').status, 0);
  assert.is(one.sections(), stock);
});

test('the zone that holds the lan devices is used, whatever its name', () => {
  const home = router(STOCK.replaceAll("'lan'", "'home'"), NETWORK.replace("'lan'", "'home'"));
  home.firewall('install');
  assert.is(lan(home), 'home');
  // By device, old and new, and by a wildcard.
  for (const device of ["list device 'br-lan'", "option device 'br-lan'", "option device 'br-+'"]) {
    const one = router(
      STOCK.replace("option name 'lan'\n\tlist network 'lan'", `option name 'inside'\n\t${device}`),
    );
    one.firewall('install');
    assert.is(lan(one), 'inside', device);
  }
  const old = router(
    STOCK.replace("option name 'lan'", "option name 'inside'"),
    "config interface 'lan'\n\toption type 'bridge'\n\toption ifname 'eth0'\n",
  );
  old.firewall('install');
  assert.is(lan(old), 'inside');
});

test('lan devices in several zones get a forwarding each', () => {
  const one = router(
    `${STOCK}\nconfig zone\n\toption name 'visitors'\n\tlist network 'guest'\n`,
    `${NETWORK}\nconfig interface 'guest'\n\toption device 'br-guest'\n`,
    "config globals 'globals'\n\tlist lan 'br-lan'\n\tlist lan 'br-guest'\n",
  );
  one.firewall('install');
  const both = ['whp_lan', 'whp_lan2'].map((name) => one.uci('get', `firewall.${name}.src`));
  assert.equal(both.sort(), ['lan', 'visitors']);
  one.firewall('remove');
  assert.not.match(one.sections(), /whp/);
});

test('no zone holds them: it is said, nothing is changed, and a later run does it', () => {
  const one = router(
    STOCK.replace("option name 'lan'\n\tlist network 'lan'", "option name 'inside'"),
  );
  const text = one.text();
  const { status, said } = one.firewall('install');
  assert.is(status, 1);
  assert.match(said, /no firewall zone holds br-lan: put its network into a zone, then .*install/);
  assert.is(one.text(), text);
  assert.is(one.uci('changes', 'firewall'), '');
  one.uci('add_list', 'firewall.@zone[0].network=lan');
  one.uci('commit', 'firewall');
  assert.is(one.firewall('install').status, 0);
  assert.is(lan(one), 'inside');
});

test("a zone of the owner's that is called whp stays as it is", () => {
  for (const head of ['config zone', "config zone 'whp'", "config zone 'mine'"]) {
    const own = `\n${head}\n\toption name 'whp'\n\tlist network 'office'\n`;
    const one = router(STOCK + own);
    one.firewall('install');
    const names = one.uci('-X', 'show', 'firewall').match(/\.name='whp\d*'/g);
    assert.equal(names?.sort(), [".name='whp'", ".name='whp2'"], head);
    assert.is(one.uci('get', 'firewall.whp_lan.dest'), 'whp2');
    one.firewall('remove');
    assert.match(one.uci('show', 'firewall'), /network='office'/);
    assert.not.match(one.uci('show', 'firewall'), /whp2|whp_/);
  }
});

test("another section of the owner's that is called whp, or whp_lan, stays as it is", () => {
  const one = router(
    `${STOCK}\nconfig rule 'whp'\n\toption src 'wan'\n\nconfig rule 'whp_lan'\n\toption src 'wan'\n`,
  );
  one.firewall('install');
  assert.match(
    one.sections(),
    / whp=rule whp_lan=rule whp2=zone whp_lan2=forwarding whp_check=include$/,
  );
  one.firewall('remove');
  assert.match(one.sections(), / whp=rule whp_lan=rule$/);
});

test("a zone of the owner's that holds the tunnels is used, and stays", () => {
  const own = "\nconfig zone\n\toption name 'out'\n\tlist device 'whp-+'\n\toption masq '1'\n";
  const one = router(STOCK + own);
  one.firewall('install');
  assert.is(one.uci('get', 'firewall.whp_lan.dest'), 'out');
  assert.not.match(one.sections(), /whp=zone/);
  one.firewall('remove');
  assert.match(one.uci('show', 'firewall'), /device='whp-\+'/);
});

test('changes that its owner has only tried are neither committed nor lost', () => {
  const one = router(STOCK);
  const rest = one.sections();
  one.uci('set', 'firewall.@zone[1].input=ACCEPT');
  one.uci('set', 'firewall.@zone[0].output=DROP');
  const waiting = one.uci('changes', 'firewall');
  assert.is(one.firewall('install').status, 0);
  assert.match(one.sections(), new RegExp(`${ADDED}$`));
  assert.not.match(one.text(), /output 'DROP'|input 'ACCEPT'[\s\S]*input 'ACCEPT'/);
  assert.is(one.uci('changes', 'firewall'), waiting);
  assert.is(one.firewall('remove').status, 0);
  assert.not.match(one.text(), /whp|output 'DROP'/);
  assert.is(one.uci('changes', 'firewall'), waiting);
  one.uci('commit', 'firewall');
  assert.match(one.text(), /output 'DROP'/);
  assert.is(one.sections(), rest);
});

test('a change that waits for a section behind ours is not lost by a removal', () => {
  const one = router(STOCK);
  one.firewall('install');
  one.uci('add', 'firewall', 'rule');
  one.uci('set', 'firewall.@rule[0].src=wan');
  one.uci('commit', 'firewall');
  const text = one.text();
  one.uci('set', 'firewall.@rule[0].src=lan');
  const { status, said } = one.firewall('remove');
  assert.is(status, 1);
  assert.match(
    said,
    /changes of yours wait.*\n.*left in .*: uci delete firewall.NAME, for whp_check/,
  );
  assert.is(one.text(), text);
  one.uci('commit', 'firewall');
  assert.is(one.firewall('remove').status, 0);
  assert.not.match(one.text(), /whp/);
  assert.is(one.uci('get', 'firewall.@rule[0].src'), 'lan');
});

test('what its owner has taken away stays away; what has no use any more is mended', () => {
  const one = router(STOCK);
  one.firewall('install');
  for (const section of ['whp', 'whp_lan']) one.uci('delete', `firewall.${section}`);
  one.uci('commit', 'firewall');
  const text = one.text();
  assert.is(one.firewall('renew').status, 0);
  assert.is(one.text(), text);
  // Asked for by its owner.
  assert.is(one.firewall('install').status, 0);
  assert.match(one.sections(), /whp=zone whp_lan=forwarding$/);
  // All sections are gone: a new file.
  for (const section of ['whp', 'whp_lan', 'whp_check']) one.uci('delete', `firewall.${section}`);
  one.uci('commit', 'firewall');
  assert.is(one.firewall('renew').status, 0);
  assert.match(one.sections(), new RegExp(`${ADDED}$`));
  // The home's zone has another name.
  one.uci('set', 'firewall.@zone[0].name=inside');
  one.uci('commit', 'firewall');
  assert.is(one.firewall('renew').status, 0);
  assert.is(lan(one), 'inside');
  assert.is(one.sections().match(/forwarding/g)?.length, 2);
});

test('a uci that fails leaves nothing half done', () => {
  for (const verb of ['set whp_firewall.whp_check', 'commit']) {
    const again = router(STOCK);
    breakUci(verb);
    const { status, said } = again.firewall('install');
    assert.is(status, 1, verb);
    assert.match(said, /zone could not be added to .*: .*install/);
    assert.is(again.text(), STOCK);
    assert.is(again.uci('changes', 'firewall'), '');
  }
});

/** The uci of the newest router fails for commands that begin with `words`. */
function breakUci(words: string): void {
  const bin = join(folders.at(-1)!, 'bin');
  cpSync(join(bin, 'uci'), join(bin, 'uci.whole'));
  writeFileSync(
    join(bin, 'uci'),
    `#!/bin/sh\ncase "$*" in *"${words}"*) exit 1 ;; esac\nexec ${join(bin, 'uci.whole')} "$@"\n`,
  );
}

test.run();
