// The package's files: versions, licences and references among them; the feed's test.sh with the host built
// here.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RESPAWN } from '../lab/faults/agent.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = 'openwrt-package';
const makefile = readFileSync(join(FOLDER, 'Makefile'), 'utf8');
const value = (text: string, name: string): string =>
  new RegExp(`^${name}:?=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';

test('notices of what the package holds of others are those of the bundle', () => {
  const { status, stderr } = spawnSync('node', ['scripts/third-party.mjs', '--check'], {
    encoding: 'utf8',
  });
  assert.is(stderr, '');
  assert.is(status, 0);
});

test('the licences it names are those of what it holds', () => {
  const licences = new Set(
    readFileSync(join(FOLDER, 'files/third-party.txt'), 'utf8')
      .split('\n')
      .flatMap((line) => /^\S+ [\d.]+ \((.*)\)$/.exec(line)?.[1] ?? []),
  );
  assert.is(
    value(makefile, 'PKG_LICENSE'),
    ['Apache-2.0', ...[...licences].sort().reverse()].join(' AND '),
  );
});

test('versions are the same everywhere', () => {
  assert.is(
    value(makefile, 'PKG_VERSION'),
    JSON.parse(readFileSync('package.json', 'utf8')).version,
  );
  const engine = readFileSync('scripts/lib/quickjs.sh', 'utf8');
  assert.is(value(makefile, 'QUICKJS_VERSION'), value(engine, 'QUICKJS_VERSION'));
});

test('every file of files/ is installed, and nothing else of it; no placeholder is left', () => {
  const used = new Set([...makefile.matchAll(/\.\/files\/(\S+)/g)].map((found) => found[1]));
  assert.equal([...used].sort(), readdirSync(join(FOLDER, 'files')).sort());
  for (const name of ['Makefile', 'test.sh', ...[...used].map((one) => `files/${one}`)])
    assert.not.match(readFileSync(join(FOLDER, name), 'utf8'), /example\.(org|com|net)|TODO|FIXME/);
});

test('no regular expression asks for a property of characters: the host has no tables of them', () => {
  // agent/native/unicode.c
  assert.not.match(readFileSync('out/whp', 'utf8'), /\\\\?p\{/i);
  const host = 'out/host/x86_64/whp-host';
  const script = join(mkdtempSync(join(tmpdir(), 'whp-unicode-')), 'one.mjs');
  writeFileSync(script, String.raw`print(/\p{L}/u.test('a'));`);
  const { status, stderr } = spawnSync(host, [script], { encoding: 'utf8' });
  rmSync(join(script, '..'), { recursive: true });
  assert.is.not(status, 0);
  assert.match(stderr, /SyntaxError/);
});

test('every option, trigger and capability of the init script is as promised', () => {
  const init = readFileSync(join(FOLDER, 'files/whp.init'), 'utf8');
  // The numbers of procd's respawn: threshold, seconds until the next start, limit of quick ends (0: none).
  assert.match(init, /procd_set_param respawn 3600 1 0\n/);
  // What the documents and the sessions of the lab say of it.
  assert.match(
    readFileSync('SECURITY.md', 'utf8'),
    /after one second\s+\(`respawn 3600 1 0` in the/,
  );
  assert.match(
    readFileSync('docs/package.md', 'utf8'),
    /procd respawns it after 1 s, without a limit/,
  );
  assert.is(RESPAWN, 1);
  assert.match(init, /procd_add_reload_trigger whp network firewall\n/);
  // procd compares the text before ".*": every event of an interface, up or another prefix.
  assert.match(init, /procd_add_raw_trigger "interface\.\*" 2000 \/etc\/init\.d\/whp reload\n/);
  const sets = JSON.parse(readFileSync(join(FOLDER, 'files/capabilities.json'), 'utf8'));
  for (const [name, list] of Object.entries(sets))
    assert.equal(list, ['CAP_NET_ADMIN', 'CAP_NET_RAW'], name);
});

test('who may only read gets the methods and not the file, which holds keys', () => {
  const { whp } = JSON.parse(readFileSync(join(FOLDER, 'files/acl.json'), 'utf8'));
  const plugin = readFileSync(join(FOLDER, 'files/whp.rpcd'), 'utf8');
  const known = /^\t*(\w+(?: \| \w+)+)\) ;;$/m.exec(plugin)?.[1]?.split(' | ') ?? [];
  assert.equal(Object.keys(whp.read), ['ubus']);
  assert.equal([...whp.read.ubus.whp, ...whp.write.ubus.whp].sort(), known.sort());
  assert.equal(whp.write.ubus.whp, ['action', 'test', 'start']);
  const page = readFileSync('docs/package.md', 'utf8').replace(/\s+/g, ' ');
  const named = (methods: readonly string[]): string =>
    methods
      .map((one) => `\`${one}\``)
      .join(', ')
      .replace(/, (?=[^,]*$)/, ' and ');
  assert.ok(page.includes(`- ${named(whp.read.ubus.whp)} read.`), named(whp.read.ubus.whp));
  assert.ok(page.includes(`Write access includes ${named(whp.write.ubus.whp)},`));
  // rpcd, session.c: a table names the rights themselves; a list would give the writer no reading.
  assert.equal(whp.write.uci, { whp: ['read', 'write'] });
});

test('a feed finds the Makefile, and one of a second package beside it', () => {
  // include/scan.mk: `find -mindepth 1 -maxdepth 5 -name Makefile`, those with calls of BuildPackage, each once;
  // the folder is what stands before /Makefile, so that one at the feed's own root has none.
  const scan = (root: string): string[] =>
    spawnSync(
      'sh',
      [
        '-c',
        `find . -maxdepth 5 -name node_modules -prune -o -path ./out -prune -o -mindepth 1 -name Makefile -print |
         xargs grep -aHE 'call (Build/DefaultTargets|BuildPackage|KernelPackage)' |
         sed -e 's#^./##' -e 's#/Makefile:.*##' | uniq | sort`,
      ],
      { cwd: root, encoding: 'utf8' },
    )
      .stdout.trim()
      .split('\n');
  assert.equal(scan('.'), [FOLDER]);
  const root = mkdtempSync(join(tmpdir(), 'whp-feed-'));
  mkdirSync(join(root, FOLDER, 'luci-app-whp'), { recursive: true });
  writeFileSync(join(root, FOLDER, 'Makefile'), makefile);
  writeFileSync(
    join(root, FOLDER, 'luci-app-whp/Makefile'),
    '$(eval $(call BuildPackage,luci-app-whp))\n',
  );
  assert.equal(scan(root), [FOLDER, `${FOLDER}/luci-app-whp`]);
  rmSync(root, { recursive: true });
});

/** What scripts/lib/apk.sh gives the program apk of a folder, in words, and the scripts of the package. */
function packApk(work: string): { words: string[]; script: (name: string) => string } {
  writeFileSync(join(work, 'apk-program'), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  const { stdout, stderr } = spawnSync(
    'bash',
    [
      '--norc',
      '-c',
      '. scripts/lib/apk.sh && pack_apk "$1/apk-program" "$1" "$1/out"',
      'apk',
      work,
    ],
    { encoding: 'utf8', env: { PATH: process.env.PATH, SOURCE_DATE_EPOCH: '0' } },
  );
  assert.is(stderr, '');
  return {
    words: stdout.split('\n'),
    script: (name) => readFileSync(join(work, 'apk', name), 'utf8'),
  };
}

test("an .apk says what OpenWrt's own packing says: provides, depends, a script for each step", () => {
  const work = mkdtempSync(join(tmpdir(), 'whp-apk-'));
  mkdirSync(join(work, 'data/etc/config'), { recursive: true });
  mkdirSync(join(work, 'control'));
  writeFileSync(join(work, 'data/etc/config/whp'), 'config globals\n');
  writeFileSync(join(work, 'conffiles'), '/etc/config/whp\n/etc/whp/\n');
  writeFileSync(
    join(work, 'control/control'),
    'Package: whp\nVersion: 0.1.0-r1\nDepends: libc, nftables\nSource: feeds/whp/whp\nLicense: MIT\nArchitecture: x86_64\nDescription:  Routes.\n',
  );
  for (const name of ['preinst', 'postinst-pkg', 'prerm-pkg', 'postrm'])
    writeFileSync(join(work, 'control', name), `#!/bin/sh\necho ${name}\n`);
  const { words, script } = packApk(work);
  assert.ok(words.includes('arch:x86_64'));
  assert.ok(words.includes('provides:whp-any'));
  assert.ok(words.includes('depends:libc nftables'));
  for (const name of ['pre-install', 'post-install', 'pre-upgrade', 'post-upgrade'])
    assert.ok(words.includes(`${name}:${join(work, 'apk', name)}`), name);
  // The service is started before the package's own script runs, which knows of the upgrade.
  assert.match(
    script('post-upgrade'),
    /^#!\/bin\/sh\nexport PKG_UPGRADE=1\n[\s\S]*default_postinst\necho postinst-pkg\n$/,
  );
  assert.match(script('pre-deinstall'), /default_prerm\necho prerm-pkg\n$/);
  rmSync(work, { recursive: true });
});

test('an .apk for every router is of no architecture, and one without scripts of its own has those of the distribution', () => {
  const work = mkdtempSync(join(tmpdir(), 'whp-apk-'));
  mkdirSync(join(work, 'data/www'), { recursive: true });
  mkdirSync(join(work, 'control'));
  writeFileSync(join(work, 'data/www/page.js'), '');
  writeFileSync(join(work, 'conffiles'), '');
  writeFileSync(
    join(work, 'control/control'),
    'Package: luci-app-whp\nVersion: 0.1.0-r1\nDepends: libc, luci-base, whp\nArchitecture: all\nDescription:  Pages.\n',
  );
  const { words, script } = packApk(work);
  assert.ok(words.includes('arch:noarch'), words.join('\n'));
  assert.ok(words.includes('provides:luci-app-whp-any'));
  assert.match(script('post-install'), /export pkgname="luci-app-whp"\n[\s\S]*default_postinst\n$/);
  assert.is(script('post-deinstall'), '#!/bin/sh\n');
  rmSync(work, { recursive: true });
});

test("the feed's test.sh passes on what is built here, and fails on another version", () => {
  const folder = mkdtempSync(join(tmpdir(), 'whp-package-'));
  mkdirSync(join(folder, 'bin'));
  const options = `--config ${resolve('agent/uci/whp')} --profiles ${resolve('agent/profiles')}`;
  writeFileSync(join(folder, 'bin/whp'), `#!/bin/sh\nexec ${WHP_TEXT} "$@" ${options}\n`);
  writeFileSync(
    join(folder, 'test.sh'),
    readFileSync(join(FOLDER, 'test.sh'), 'utf8').replaceAll(
      '/usr/libexec/rpcd/whp',
      resolve(FOLDER, 'files/whp.rpcd'),
    ),
  );
  for (const file of ['bin/whp', 'test.sh']) chmodSync(join(folder, file), 0o755);
  const run = (version: string) =>
    spawnSync('sh', [join(folder, 'test.sh'), 'whp', version], {
      encoding: 'utf8',
      env: { PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });
  const good = run(value(makefile, 'PKG_VERSION'));
  assert.is(good.status, 0, good.stdout + good.stderr);
  assert.is(run('9.9.9').status, 1);
  rmSync(folder, { recursive: true });
});

test('docs/decisions.md has the budgets of the bundle and of a package', () => {
  const [, kib] = /^const BUDGET_BYTES = (\d+) \* 1024;$/m.exec(
    readFileSync('scripts/bundle.mjs', 'utf8'),
  )!;
  const [, ofPackage] = /^BUDGET=\$\(\((\d+) \* 1024\)\)$/m.exec(
    readFileSync('scripts/package.sh', 'utf8'),
  )!;
  const [one, two] = [kib, ofPackage].map((count) => (Number(count) * 1024).toLocaleString('en'));
  const text = readFileSync('docs/decisions.md', 'utf8').replace(/\s+/g, ' ');
  assert.match(
    text,
    `refuses a bundle above ${one} bytes, \`scripts/package.sh\` a package above ${two}`,
  );
});

test.run();
