// Faults of the agent and of other programs, in a namespace under a stand-in for procd: a stopped or hung agent
// is killed and the next one takes over, a second agent changes nothing, other users of our marks and tables
// are reported with the fix, and the fix works.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN } from '../fixtures/uci.ts';
import { JOINED } from '../lib/alarms.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/faults-${process.pid}`);
mkdirSync(`${FOLDER}/state`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

/** Runs `script` beside a supervised agent; `whp` is the command, `good` prints the problems of a check
 * except for the missing GRE. Returns the output. */
function play(script: string): string {
  writeFileSync(`${FOLDER}/whp`, PLAIN);
  const text = `
cd ${FOLDER}; : >log
whp() { command=$1; shift; ${WHP_TEXT} $command ${OPTIONS} "$@"; }
${JOINED}
check() { whp check >said; status=$?; joined <said; return $status; }
good() { ! check | grep -v '^kmod-gre: \\|^note: \\|: good: '; }
ip link add br-lan type bridge; ip link set br-lan up; ip address add 192.168.1.1/24 dev br-lan
starts() { grep -c '^whp: enforcing' log; }
until_starts() { for i in $(seq 200); do [ $(starts) -ge $1 ] && return; sleep 0.1; done; echo "not started"; cat log; }
{ while [ ! -e end ]; do
  ${WHP_TEXT} daemon ${OPTIONS} >>log 2>&1 &
  echo $! >pid; wait $!; echo "ended $?" >>log; sleep 0.3
done; } 2>/dev/null &
until_starts 1
${script}
touch end; kill $(cat pid); wait; rm -f end`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', text], { encoding: 'utf8' });
  return stdout + stderr;
}

test('a stopped agent is killed, a hung one ends, and the table is taken over', () => {
  // The alarm of a hung agent is sent by the test: nothing that the agent reads or runs blocks it.
  const out = play(`
from=$(date +%s%N); kill -STOP $(cat pid); until_starts 2; echo "stopped $(( ($(date +%s%N) - from) / 1000000 ))"
kill -ALRM $(cat pid); until_starts 3
nft list tables
cat log`);
  const stopped = Number(/stopped (\d+)/.exec(out)?.[1]);
  assert.ok(stopped > 3000 && stopped < 15_000, out);
  assert.match(out, 'no sign of life in 4 s, killed');
  assert.match(out, 'the event loop did not come round in 5 s, exit 70');
  assert.match(out, 'ended 70');
  assert.is(out.split('a table stands: taken over').length, 3, out);
  assert.match(out, 'table inet whp_guard');
});

test('a pipe in the place of the configuration makes nobody wait, and is no empty one', () => {
  const out = play(`
mv whp whp.good; mkfifo whp
whp reload; echo "reload $?"; whp status | grep 'last good'; check; echo "check $?"
rm whp; mv whp.good whp; whp reload; echo "again $?"; echo "starts $(starts)"`);
  const refused = `${FOLDER}/whp: cannot be read: Invalid argument`;
  assert.match(out, 'reload 1', out);
  assert.match(out, 'whp: reload: not loaded', out);
  assert.match(out, new RegExp(`^${refused}`, 'm'), out);
  assert.match(out, 'the last good configuration stands', out);
  assert.match(out, new RegExp(`${refused}.*\ncheck 1`), out);
  assert.match(out, 'again 0');
  assert.match(out, 'starts 1');
});

test('a second agent says that one runs, and changes nothing', () => {
  // The first agent refuses the app as soon as it gives the proxy up, which this kernel cannot make.
  const out = play(`
for i in $(seq 100); do nft list ruleset | grep -q 'elements = { ipv4, ipv6 }' && break; sleep 0.1; done
nft list ruleset >before; ip rule >>before; whp daemon; echo "status $?"
nft list ruleset >after; ip rule >>after; cmp before after && echo same; cat log`);
  assert.match(out, 'another agent answers here; stop it first');
  assert.match(out, 'status 1');
  assert.match(out, 'same');
  assert.is(out.split('enforcing').length, 2, out);
});

test('who uses what is ours is named by check and status, with the option that ends it', () => {
  const out = play(`
good && echo "alone: good"
ip rule add pref 29998 fwmark 0x10000/0xff0000 lookup 256
nft 'table ip pbr { chain p { type filter hook prerouting priority -150; ip saddr 192.0.2.1 meta mark set meta mark & 0xff00ffff | 0x00010000; }; }'
good && echo "beside pbr: good"
ip rule add pref 2001 fwmark 0x100/0x3f00 lookup 1
ip rule add pref 29000 fwmark 0x1000000/0xff000000 lookup main
nft 'table ip greedy { chain p { type filter hook prerouting priority -149; ip saddr 192.0.2.1 meta mark set 0x1; }; }'
ip link add lo2 type veth peer name lo3 && ip link set lo2 up && ip route add 192.0.2.0/24 dev lo2 table 15004
check; good >/dev/null || echo "not good"
alarms() { whp status | tr -s '\\n ' ' ' | sed 's/ ! /\\n! /g'; }
for i in $(seq 70); do alarms | grep -q 'ip greedy' && break; sleep 0.5; done
alarms | grep '^! collision' | sed 's/^/status: /'
ip rule del pref 2001; nft delete table ip greedy; ip route flush table 15004
sed -i "s/option hold '0'/option hold '0'\\n\\toption preference '1500'\\n\\toption mask '0x000000f0'/" whp
whp reload; good && echo "fixed: good"; ip rule | grep 'proto 119'
nft list table inet whp | grep -c 'mark & 0x0f000000'`);
  assert.match(out, 'alone: good');
  assert.match(out, 'beside pbr: good');
  assert.match(out, 'not good');
  for (const said of ['', 'status: ! collision: ']) {
    assert.match(out, `\n${said}whp.globals.preference: ip rule 2001`);
    assert.match(out, `\n${said}whp.globals.mask: ip rule 29000`);
    assert.match(out, `\n${said}whp.globals.mask: a rule in nftables table ip greedy`);
    assert.match(out, `\n${said}whp.globals.table: routing table 15004`);
  }
  assert.match(out, 'uci set whp.globals.preference=1500');
  assert.match(out, 'uci set whp.globals.mask=0x000000f0');
  assert.match(out, 'fixed: good');
  assert.match(out, /\n1501:\s+from all fwmark 0x10\/0xf0 lookup 15001 proto 119\n0\n/);
});

test.run();
