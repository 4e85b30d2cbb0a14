// The package's command lines with the environment of ujail: the init script's, the rpcd plugin's and every
// command of the owner. A missing program, right or loader is named. Descriptors, signals and a deleted working
// directory of the parent change nothing.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ErrorAnswer } from '../../agent/src/answers/error.ts';
import { COMMAND_NAMES } from '../../agent/src/cli/commands.ts';
import { PLAIN } from '../fixtures/uci.ts';
import { rpcAnswerOf } from '../lib/answers.ts';
import { BARE } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';

const FOLDER = resolve(`out/netns/bare-${process.pid}`);
mkdirSync(`${FOLDER}/empty`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

const HOST = resolve('out/host/x86_64/whp-host');
const BUNDLE = resolve('out/whp');
const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;
/** The shipped files with other paths. */
const shipped = (text: string): string =>
  text
    .replaceAll('/usr/lib/whp/whp-host', HOST)
    .replaceAll('/usr/bin/whp', BUNDLE)
    .replaceAll('/var/run/whp.sock', `${FOLDER}/sock`);
const init = readFileSync('openwrt-package/files/whp.init', 'utf8');
const START = shipped(/procd_set_param command (.*)/.exec(init)?.[1] ?? 'no command');
writeFileSync(`${FOLDER}/plugin`, shipped(readFileSync('openwrt-package/files/whp.rpcd', 'utf8')), {
  mode: 0o755,
});
writeFileSync(`${FOLDER}/whp`, PLAIN);

/** Runs `script` in namespaces of its own: `agent WORD...` starts the init script's command after these
 * words, `whp` is the owner's command; `agent` returns when the agent counts. Returns what was printed. */
function play(script: string): string {
  const text = `
cd ${FOLDER}; : >log
BARE='${BARE.join(' ')}'
whp() { command=$1; shift; timeout 20 $BARE ${HOST} ${BUNDLE} $command ${OPTIONS} "$@"; }
begun() { agent=$!; for i in $(seq 200); do whp flows --totals >/dev/null 2>&1 && return; sleep 0.1; done; echo "not begun"; cat log; }
ended() { kill $agent; wait $agent; echo "ended $?"; nft list tables | grep whp; }
${script}`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', '-m', 'sh', '-c', text], {
    encoding: 'utf8',
  });
  return stdout + stderr;
}

const AGENT = `${START} ${OPTIONS}`;

test('the init script starts it, and every command of the owner has its answer', () => {
  const words: { readonly [name: string]: string } = {
    why: 'why 192.0.2.1',
    pin: 'pin 192.0.2.1 skype',
    unpin: 'unpin 192.0.2.1',
    pause: 'pause skype 1',
    forget: 'forget skype',
    proxy: 'proxy list',
    profile: 'profile import agent/profiles/skype.json',
    replay: 'replay test/fixtures/none.pcap',
  };
  const asked = COMMAND_NAMES.filter((name) => !['daemon', 'monitor', 'audit'].includes(name)).map(
    (name) => `whp ${words[name] ?? name} >out 2>err; echo "${name} $? $(cat err | head -1)"`,
  );
  const out = play(`
$BARE ${AGENT} >>log 2>&1 & begun
ln -s ${resolve('agent')} agent
${asked.join('\n')}
timeout 1 $BARE ${HOST} ${BUNDLE} monitor ${OPTIONS}; echo "monitor $?"
ended`);
  for (const name of COMMAND_NAMES) {
    if (['daemon', 'monitor', 'audit'].includes(name)) continue;
    const said = new RegExp(`^${name} (\\d+) (.*)$`, 'm').exec(out);
    if (name === 'replay') assert.match(said?.[2] ?? '', /cannot be read/, out);
    // This namespace has no bridge and no GRE.
    else if (name === 'check') assert.is(said?.[1], '1', out);
    else if (name === 'test') assert.is(said?.[1], '5', out);
    else assert.is(said?.[1], '0', `${name}: ${out}`);
  }
  assert.match(out, /^monitor 124$/m, 'until it is interrupted');
  assert.match(out, /ended 0\n$/, `no table is left: ${out}`);
});

test('the plugin of rpcd answers each of its methods', () => {
  const methods = ['status', 'flows', 'learned', 'devices', 'counters', 'log'];
  const out = play(`
$BARE ${AGENT} >>log 2>&1 & begun
$BARE ${FOLDER}/plugin list
for method in ${methods.join(' ')}; do echo '{}' | $BARE ${FOLDER}/plugin call $method; done
echo '{"name":"pause","operand":"skype 1"}' | $BARE ${FOLDER}/plugin call action
ended
echo '{}' | $BARE ${FOLDER}/plugin call status`);
  const lines = out.split('\n').filter((line) => line.startsWith('{'));
  assert.is(lines.length, methods.length + 3, out);
  for (const [at, method] of [...methods, 'action'].entries()) {
    const input = method === 'action' ? { name: 'pause' } : {};
    const { error } = rpcAnswerOf<{ error?: string }>(method, input, lines[at + 1]!);
    assert.is(error, undefined, method);
  }
  assert.match(rpcAnswerOf<ErrorAnswer>('status', {}, lines.at(-1)!).fix!, 'whp start');
});

test('without nft the table is loaded all the same', () => {
  const out = play(`
mount --bind empty /usr/sbin
$BARE ${AGENT} >>log 2>&1 & begun
kill $agent; wait $agent; echo "ended $?"; cat log`);
  assert.match(out, /^ended 0$/m);
  assert.match(out, 'enforcing 1 app');
});

test('a text that the host program does not read is left to nft, and what nft lacks is named', () => {
  const load = `$BARE ${HOST} ${resolve(bundleForHost('test/netlink/fallback-program.ts'))}; echo "status $?"`;
  const unread = 'line 3: tcp: not understood';
  const loaded = play(`${load}; nft list ruleset`);
  assert.match(
    loaded,
    `whp: a table was loaded by nft, which takes longer: ${unread}\nloaded\nstatus 0\n`,
  );
  assert.match(loaded, 'tcp sport 7');
  const missing = play(`mount --bind empty /usr/sbin; ${load}`);
  assert.match(missing, `${unread}; nft is not installed (looked in /usr/sbin, `);
  assert.match(missing, 'install nftables');
  assert.match(missing, 'status 1');
  const cases: [string, RegExp][] = [
    ['chmod 644 file', /nft cannot be executed: Permission denied \(errno 13\); install nftables/],
    ['echo x >file; chmod 755 file', /cannot be executed: Exec format error \(errno 8\)/],
    ['echo "#!/no/loader" >file; chmod 755 file', /its loader or interpreter is missing/],
    ['printf "#!/bin/sh\\nexit 3\\n" >file; chmod 755 file', /it ended with status 3 and no word/],
  ];
  for (const [make, reason] of cases) {
    const out = play(`: >file; ${make}; mount --bind file /usr/sbin/nft; ${load}`);
    assert.match(out, reason, out);
    assert.match(out, 'status 1', out);
  }
});

test('descriptors, signals and folders of the starter make no difference', () => {
  const starts: { readonly [name: string]: string } = {
    'all three closed': `$BARE ${AGENT} <&- >&- 2>&- &`,
    'input closed': `$BARE ${AGENT} <&- >>log 2>&1 &`,
    'signals blocked and ignored': `(trap '' TERM CHLD HUP PIPE; exec env --block-signal -i container=ujail ${AGENT} >>log 2>&1) &`,
    'a folder that is gone': `mkdir gone; (cd gone; rmdir ../gone; exec $BARE ${AGENT} >>${FOLDER}/log 2>&1) &`,
    'no file mode': `(umask 777; exec $BARE ${AGENT} >>log 2>&1) &`,
    'a PATH of somebody else': `mkdir -p theirs; printf '#!/bin/sh\\necho theirs >${FOLDER}/run\\n' >theirs/nft; chmod 755 theirs/nft
      PATH=${FOLDER}/theirs:$PATH LD_LIBRARY_PATH=${FOLDER} ${AGENT} >>log 2>&1 &`,
  };
  for (const [name, start] of Object.entries(starts)) {
    const out = play(`
rm -rf state run; ${start}
begun; nft list tables | sed 's/^/table: /'; whp pin 192.0.2.1 skype; ls -l state/owner.json; ended; ls run 2>/dev/null`);
    assert.match(out, 'table: table inet whp\n', `${name}: ${out}`);
    assert.match(out, /^-rw------- .*owner\.json$/m, `${name}: ${out}`);
    assert.match(out, /ended 0\n$/, `${name}: ${out}`);
  }
});

test('a lock that the starter holds is not held by the agent', () => {
  const out = play(`
(exec 9>lock; flock 9; exec $BARE ${AGENT} >>log 2>&1) & begun
flock -n lock echo free
ended`);
  assert.match(out, 'free', out);
});

test.run();
