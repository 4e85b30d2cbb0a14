// Texts that try to end their string or statement, with nft itself and with a daemon that starts with them: the
// table has the same structure, and a refused configuration leaves the standing table in force.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { HOSTILE, withTexts } from '../fixtures/hostile-texts.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { homeWith } from '../fixtures/uci.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/hostile-${process.pid}`);
mkdirSync(`${FOLDER}/state`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

function shell(script: string): string {
  const { stdout, stderr } = spawnSync('unshare', ['-n', '-m', 'sh', '-c', script], {
    encoding: 'utf8',
    cwd: FOLDER,
  });
  return stdout + stderr;
}

/** The structure of chains and rules, without names and comments. */
const shape = (list: string): string =>
  list
    .replace(/"[^"]*"/g, '""')
    .replace(/\b(chain|set|counter|counter name|goto|jump) \S+/g, '$1 x')
    .replace(/@[A-Za-z]\w*/g, '@x');

test('nft reads every one of them as the text of what it stands in', () => {
  const ruleset = compile(policyFrom({ app: { devices: ['192.168.1.50'] } }));
  const places = ['name', 'set', 'chain', 'counter', 'counters', 'comment', 'prefix'];
  const isName = (text: string, of: string): boolean =>
    places.includes(of) || text === 'br-lan' || text.startsWith('whp-');
  const listed = (name: string): string => {
    const out = shell(
      `nft -f ${name} && nft -s list table inet whp; nft list tables | grep -v 'inet whp$'`,
    );
    return shape(out);
  };
  writeFileSync(`${FOLDER}/plain`, renderLoad(withTexts(ruleset, (old) => old, isName)));
  const wanted = listed('plain');
  assert.match(wanted, 'hook prerouting');
  for (const [at, text] of HOSTILE.entries()) {
    const put = (old: string): string => (old === 'whp' ? old : old + text);
    writeFileSync(`${FOLDER}/${at}`, renderLoad(withTexts(ruleset, put, isName)));
    assert.is(listed(String(at)), wanted, JSON.stringify(text));
  }
});

const CONFIG = homeWith("\toption hold '0'\n\tlist lan 'br-lan'\n");
const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

/** Starts the agent with the good file, then with `second`; `script` runs beside the second start. */
function boot(second: string, script: string): string {
  rmSync(`${FOLDER}/state`, { recursive: true, force: true });
  writeFileSync(`${FOLDER}/whp`, CONFIG);
  writeFileSync(`${FOLDER}/second`, second);
  return shell(`
start() { : >log; ${WHP_TEXT.replace('env -i', 'env -i $preload')} daemon ${OPTIONS} >log 2>&1 & agent=$!
  for i in $(seq 200); do grep -q '^whp: enforcing' log && break; kill -0 $agent 2>/dev/null || break; sleep 0.1; done; }
start; kill $agent; wait $agent
cp second whp
${script}
kill $agent 2>/dev/null; wait $agent; echo "ended $?"; cat log`);
}

test('a name that cannot be taken in at boot: the last good configuration stands', () => {
  for (const name of ['br"lan', 'a"}accept#', 'br*', 'br lan']) {
    const out = boot(
      CONFIG.replace('br-lan', name),
      `start; nft list chain inet whp prerouting | grep -c br-lan; ${WHP_TEXT} status ${OPTIONS}; ${WHP_TEXT} check ${OPTIONS}`,
    );
    assert.match(out, /^[1-9]/, out);
    assert.match(out, '! the last good configuration stands', out);
    assert.match(out, "write: list lan 'br-lan'", out);
    assert.match(out, 'ended 0', out);
  }
});

/** Refuses a transaction with the address of the second configuration, as a kernel may. */
const KERNEL = `#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
ssize_t send(int fd, const void *bytes, size_t size, int flags) {
  if (size > 8192 && memmem(bytes, size, "\\xcb\\x00\\x71\\x63", 4)) { errno = EOPNOTSUPP; return -1; }
  return sendto(fd, bytes, size, flags, 0, 0);
}
`;

test('a table that is refused at boot, whatever for: the last good configuration stands', () => {
  const refusing = `#!/bin/sh
for file; do :; done
grep -q 203.0.113.99 "$file" && { echo "refused by test" >&2; exit 1; }
exec ${FOLDER}/real "$@"
`;
  writeFileSync(`${FOLDER}/nft`, refusing, { mode: 0o755 });
  writeFileSync(`${FOLDER}/kernel.c`, KERNEL);
  const out = boot(
    CONFIG.replace('203.0.113.20', '203.0.113.99'),
    `cc -shared -fPIC -o kernel.so kernel.c || exit
cp /usr/sbin/nft real; mount --bind nft /usr/sbin/nft; preload=LD_PRELOAD=${FOLDER}/kernel.so; start
./real list set inet whp bogon4 | grep -o '203.0.113.[0-9]*'; ${WHP_TEXT} status ${OPTIONS}
kill $agent; wait $agent; umount /usr/sbin/nft; cat log; preload=; start; nft list set inet whp bogon4 | grep -o '203.0.113.[0-9]*'`,
  );
  assert.match(out, /^203\.0\.113\.20$/m, out);
  assert.match(out, '! the last good configuration stands', out);
  assert.match(out, 'not supported (errno 95); nft refused the table: refused by test', out);
  assert.match(out, /^203\.0\.113\.99$/m, `taken in when it can be: ${out}`);
});

test.run();
