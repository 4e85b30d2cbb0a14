// The package's own files: what they promise about versions, licences and each other; the feed's
// test.sh against the host built here.
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
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = 'openwrt-package/whp';
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

test('every option, trigger and capability of the init script is as promised', () => {
  const init = readFileSync(join(FOLDER, 'files/whp.init'), 'utf8');
  // The third number is how many quick ends in a row are too many: none.
  assert.match(init, /procd_set_param respawn 3600 5 0\n/);
  assert.match(init, /procd_add_reload_trigger whp network firewall\n/);
  assert.match(init, /procd_add_raw_trigger "interface\.\*\.up" 2000 \/etc\/init\.d\/whp reload\n/);
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
  assert.equal(whp.write.ubus.whp, ['action']);
  // rpcd, session.c: a table names the rights themselves; a list would give the writer no reading.
  assert.equal(whp.write.uci, { whp: ['read', 'write'] });
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

test.run();
