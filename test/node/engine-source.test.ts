// The sources of the engine (scripts/lib/quickjs.sh): Debian's package if Debian has it, else upstream's
// repository by commit id. Both are local stand-ins here.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const folder = mkdtempSync(join(tmpdir(), 'whp-engine-'));
const nowhere = `file://${join(folder, 'nowhere')}`;

function run(program: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  return stdout.trim();
}

/** A repository with one commit whose quickjs.c is `text`; returns the commit's id. */
function repository(path: string, text: string): string {
  const git = (...words: string[]): string =>
    run('git', '-C', path, '-c', 'user.name=n', '-c', 'user.email=e', ...words);
  mkdirSync(path);
  git('init', '-q');
  writeFileSync(join(path, 'quickjs.c'), text);
  git('add', '.');
  git('commit', '-q', '-m', 'release');
  return git('rev-parse', 'HEAD');
}

/** Calls fetch_quickjs with a new cache; `settings` has the pins and addresses. */
function fetchEngine(settings: Record<string, string>, deb?: string) {
  const cache = mkdtempSync(join(folder, 'cache-'));
  const { WHP_QUICKJS_URL = nowhere, ...pins } = settings;
  if (deb !== undefined) writeFileSync(join(cache, 'qjs-src_0.17.0-1_all.deb'), readFileSync(deb));
  const script = [
    '. scripts/lib/packages.sh',
    '. scripts/lib/quickjs.sh',
    ...Object.entries(pins).map(([name, value]) => `${name}=${value}`),
    `fetch_quickjs ${cache}`,
  ].join('\n');
  const result = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, WHP_MIRROR: nowhere, WHP_QUICKJS_URL },
  });
  const source = join(cache, 'quickjs-ng-0.17.0/quickjs.c');
  return {
    ...result,
    text: existsSync(source) ? readFileSync(source, 'utf8') : '',
    left: readdirSync(cache).sort(),
  };
}

/** A Debian package whose quickjs.c is `text`; returns its file and checksum. */
function debianPackage(text: string): { file: string; sha256: string } {
  const tree = mkdtempSync(join(folder, 'deb-'));
  mkdirSync(join(tree, 'DEBIAN'));
  writeFileSync(
    join(tree, 'DEBIAN/control'),
    'Package: qjs-src\nVersion: 0.17.0-1\nArchitecture: all\nMaintainer: n <e@localhost>\nDescription: d\n',
  );
  mkdirSync(join(tree, 'usr/src/quickjs-ng'), { recursive: true });
  writeFileSync(join(tree, 'usr/src/quickjs-ng/quickjs.c'), text);
  run('dpkg-deb', '--build', tree, `${tree}.deb`);
  return { file: `${tree}.deb`, sha256: run('sha256sum', `${tree}.deb`).split(' ')[0]! };
}

const upstream = join(folder, 'upstream');
const commit = repository(upstream, 'of the release\n');
// Upstream has newer commits; the pinned one is fetched.
writeFileSync(join(upstream, 'quickjs.c'), 'newer\n');
run('git', '-C', upstream, '-c', 'user.name=n', '-c', 'user.email=e', 'commit', '-qam', 'newer');

test('what Debian has is taken from there, and nothing is asked of upstream', () => {
  const { file, sha256 } = debianPackage('of Debian\n');
  const { status, text, stderr } = fetchEngine({ QUICKJS_SHA256: sha256 }, file);
  assert.is(status, 0, stderr);
  assert.is(text, 'of Debian\n');
});

test('when Debian has moved on, the pinned commit is taken from upstream', () => {
  const { status, text, left, stderr } = fetchEngine({
    QUICKJS_COMMIT: commit,
    WHP_QUICKJS_URL: upstream,
  });
  assert.is(status, 0, stderr);
  assert.is(text, 'of the release\n');
  assert.equal(left, ['quickjs-ng-0.17.0']);
});

test('so it is when the file in the cache is not the pinned one', () => {
  const { file } = debianPackage('another\n');
  const { status, text, stderr } = fetchEngine(
    { QUICKJS_COMMIT: commit, WHP_QUICKJS_URL: upstream },
    file,
  );
  assert.is(status, 0, stderr);
  assert.is(text, 'of the release\n');
  assert.match(stderr, /has another sha256/);
});

test('a repository without the commit is refused, with what to do; nothing is left', () => {
  const other = join(folder, 'other');
  repository(other, 'something else\n');
  const { status, text, left, stderr } = fetchEngine({
    QUICKJS_COMMIT: commit,
    WHP_QUICKJS_URL: other,
  });
  assert.is(status, 1);
  assert.is(text, '');
  assert.equal(left, []);
  assert.match(stderr, new RegExp(`no commit ${commit}`));
  assert.match(stderr, /WHP_QUICKJS_URL/);
});

test('a branch with the name of the commit is not the commit', () => {
  const trap = join(folder, 'trap');
  repository(trap, 'not the release\n');
  run('git', '-C', trap, 'update-ref', `refs/heads/${commit}`, 'HEAD');
  const { status, text } = fetchEngine({ QUICKJS_COMMIT: commit, WHP_QUICKJS_URL: trap });
  assert.is(status, 1);
  assert.is(text, '');
});

test('an address that cannot be reached is named', () => {
  const { status, stderr } = fetchEngine({ QUICKJS_COMMIT: commit });
  assert.is(status, 1);
  assert.ok(stderr.includes(nowhere), stderr);
});

test("the Makefile takes upstream's own archive of the same release", () => {
  const makefile = readFileSync('openwrt-package/Makefile', 'utf8');
  assert.match(
    makefile,
    /^PKG_SOURCE_URL:=https:\/\/codeload\.github\.com\/quickjs-ng\/quickjs\/tar\.gz\/refs\/tags\/v\$\(QUICKJS_VERSION\)\?$/m,
  );
  assert.match(makefile, /^PKG_HASH:=[0-9a-f]{64}$/m);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
