// The completion script of the package in a real bash, with a stand-in for `whp` that knows some names: its words are
// those of the command table, and a hostile name is never run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RANGE_NAMES } from '../../agent/src/account/series.ts';
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandShape,
  OPTIONS,
} from '../../agent/src/cli/commands.ts';

const SCRIPT = resolve('openwrt-package/files/completion.bash');
const folder = mkdtempSync(join(tmpdir(), 'whp-completion-'));
const socket = join(folder, 'sock');
const listening = createServer().unref().listen(socket);
writeFileSync(
  join(folder, 'whp'),
  `#!/bin/sh
echo "$@" >>${folder}/asked
case $2 in
  apps) printf 'skype\\nchat\\n' ;;
  proxies) printf 'cloud\\n' ;;
  devices) printf 'tv\\ntablet\\n$(touch\\t%s)\\n*\\n' ${folder}/run ;;
  groups) printf 'kids\\n' ;;
  pins) printf '198.51.100.7\\n' ;;
  profiles) printf 'skype\\n' ;;
esac
`,
  { mode: 0o755 },
);

/** What is offered for the last of the words. */
function offered(...words: string[]): string[] {
  const all = ['whp', '--socket', socket, ...words];
  const quoted = all.map((word) => `'${word}'`).join(' ');
  const script = `PATH=${folder}:$PATH; . ${SCRIPT}
COMP_WORDS=(${quoted}); COMP_CWORD=${all.length - 1}
_whp whp "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
  if (!stderr.includes('compopt')) assert.is(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

test('commands, by their first letters', () => {
  assert.equal(offered(''), COMMAND_NAMES);
  assert.equal(offered('help', ''), [...COMMAND_NAMES, 'more']);
  assert.equal(offered('re'), ['resume', 'reload', 'replay']);
  assert.equal(offered('status', ''), []);
});

for (const name of COMMAND_NAMES) {
  test(`${name}: its options and its own words, and no others`, () => {
    const taken = OPTIONS.filter(({ of }) =>
      'all' in of
        ? !of.all.some((one) => one === name)
        : of.some((one) => one.split(' ')[0] === name),
    );
    assert.equal(offered(name, '--').sort(), taken.map((one) => `--${one.name}`).sort());
    const { words }: CommandShape = COMMANDS[name];
    if (words !== undefined) assert.equal(offered(name, ''), words);
  });
}

test('the value of an option is no operand', () => {
  for (const { name, value } of OPTIONS)
    if (value !== '' && name !== 'socket')
      assert.equal(offered(`--${name}`, 'x', 'proxy', 'use', 'c'), ['cloud'], name);
});

test('names that the agent knows, beside the fixed words', () => {
  assert.equal(offered('pause', ''), ['all', 'forever', 'skype', 'chat']);
  assert.equal(offered('pause', 'skype', ''), ['forever']);
  assert.equal(offered('resume', 's'), ['skype']);
  assert.equal(offered('proxy', 'use', ''), ['auto', 'cloud']);
  assert.equal(offered('profile', 'show', ''), ['skype']);
  assert.equal(offered('pin', '198.51.100.9', 'c'), ['chat']);
  assert.equal(offered('unpin', '1'), ['198.51.100.7']);
  assert.equal(offered('forget', 'k'), ['kids']);
});

test('subjects and ranges of the totals', () => {
  assert.equal(offered('flows', ''), []);
  assert.equal(offered('flows', '--totals', ''), ['app', 'device', 'proxy']);
  assert.equal(offered('--totals', 'flows', 'd'), ['device']);
  assert.equal(offered('flows', '--totals', 'app', ''), ['skype', 'chat']);
  assert.equal(offered('flows', '--totals', 'proxy', 'cloud', ''), RANGE_NAMES);
});

test('a name of a device is neither run nor expanded', () => {
  assert.equal(offered('why', ''), ['tv', 'tablet', '$(touch', `${folder}/run)`, '*', 'kids']);
  assert.not.ok(existsSync(join(folder, 'run')));
});

test('without an agent nobody is asked', () => {
  listening.close();
  rmSync(socket, { force: true });
  rmSync(join(folder, 'asked'), { force: true });
  assert.equal(offered('pause', ''), ['all', 'forever']);
  assert.not.ok(existsSync(join(folder, 'asked')));
});

test('the command prints the line that loads the file which the package installs', () => {
  const makefile = readFileSync('openwrt-package/Makefile', 'utf8');
  const [, path] = /files\/completion\.bash \$\(1\)(\S+)/.exec(makefile) ?? [];
  assert.match(readFileSync('agent/src/cli/print.ts', 'utf8'), `'. ${path}\\n'`);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
