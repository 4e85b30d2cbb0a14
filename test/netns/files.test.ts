// Files that commands of the owner write: private, and never through a link or file of another user. The
// support report does not contain the router's name.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unbroken } from '../lib/alarms.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/files-${process.pid}`);
mkdirSync(`${FOLDER}/tmp`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));
writeFileSync(`${FOLDER}/whp`, "config globals 'globals'\n");

const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

function shell(script: string): string {
  const text = `exec 2>&1; cd ${FOLDER}/tmp; chmod 1777 .; whp() { command=$1; shift; timeout 20 ${WHP_TEXT} $command ${OPTIONS} "$@"; }
${script}`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', '-u', 'sh', '-c', text], {
    encoding: 'utf8',
  });
  return stdout + stderr;
}

test('a report goes into a new file or one of the owner, and into nothing else', () => {
  const out = shell(`
whp diag new.txt >/dev/null; echo "new $?"; stat -c '%a %F' new.txt
chmod 644 new.txt; whp diag new.txt >/dev/null; echo "again $?"; stat -c '%a %F' new.txt
echo theirs >victim; ln -s victim link; whp diag link; echo "link $?"; cat victim
mkfifo pipe; whp diag pipe; echo "pipe $?"
echo theirs >other; chown 1 other; whp diag other; echo "other $?"; cat other
whp diag none/file; echo "folder $?"
ls`);
  assert.match(out, 'new 0\n600 regular file\nagain 0\n600 regular file\n', out);
  const said = unbroken(out);
  assert.match(said, /link: cannot be written: File exists .*name another\nlink 1\ntheirs\n/, out);
  assert.match(said, /pipe: cannot be written: File exists .*\npipe 1\n/, out);
  assert.match(said, /other: cannot be written: File exists .*\nother 1\ntheirs\n/, out);
  assert.match(said, /none\/file: cannot be written: No such file .*\nfolder 1\n/, out);
  assert.match(out, /\nlink\nnew\.txt\nother\npipe\nvictim\n$/, 'nothing else is left');
});

test('a report does not say what the router is called', () => {
  const out = shell(`hostname smiths-attic; hostname >&2; ${WHP_TEXT} diag ${OPTIONS}`);
  assert.is(out.split('smiths-attic').length, 2, 'but for the shell here');
  assert.match(out, /==== uname -srvm\nLinux /);
  const usual = shell(`hostname OpenWrt; ${WHP_TEXT} diag ${OPTIONS} --config /etc/os-release`);
  assert.not.match(usual, '<name 1>', 'what most are called tells nobody');
});

test('an imported profile is for root alone', () => {
  const out = shell(`umask 0; rm -f new; whp profile import ${resolve('agent/profiles/skype.json')}
stat -c '%a %n' ../state/profiles.d/skype.json ../state/profiles.d ../state`);
  assert.match(out, /^600 .*skype\.json$/m, out);
  assert.match(out, /^755 .*profiles\.d$/m, out);
});

test.run();
