// `whp check` and `whp reload` beside a running agent: both use the files and the other programs' state of this
// moment, not what the agent has read before. The agent runs in namespaces of its own.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN } from '../fixtures/uci.ts';
import { JOINED } from '../lib/alarms.ts';
import { answerOf } from '../lib/answers.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/check-${process.pid}`);
const PROFILE = readFileSync('agent/profiles/skype.json', 'utf8');
mkdirSync(`${FOLDER}/profiles`, { recursive: true });
mkdirSync(`${FOLDER}/new`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

const OPTIONS = `--config ${FOLDER}/whp --profiles ${FOLDER}/profiles --state ${FOLDER}/state --socket ${FOLDER}/sock`;

function dohList(address: string, format = 1): string {
  const service = { name: 'x', source: 'x', date: '2026-01-01', addresses: [address] };
  return JSON.stringify({ format, services: [service] });
}

/** Runs `script` beside an agent; `whp` is the command, `good` prints the problems except for the missing
 * GRE, new/ contains `files`. Returns the output. */
function play(files: Readonly<Record<string, string>>, script: string): string {
  writeFileSync(`${FOLDER}/whp`, PLAIN);
  copyFileSync('agent/profiles/skype.json', `${FOLDER}/profiles/skype.json`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${FOLDER}/new/${name}`, text);
  const text = `
cd ${FOLDER}; : >log
# A report is one line: what is broken for a terminal is joined.
whp() { command=$1; shift; ${WHP_TEXT} $command ${OPTIONS} "$@" >said; status=$?; joined <said; return $status; }
${JOINED}
good() { ! whp check | grep -v '^kmod-gre: \\|^note: \\|: good: '; }
ip link add br-lan type bridge; ip link set br-lan up; ip address add 192.168.1.1/24 dev br-lan
${WHP_TEXT} daemon ${OPTIONS} >>log 2>&1 &
agent=$!
for i in $(seq 200); do grep -q '^whp: enforcing' log && break; sleep 0.1; done
${script}
kill $agent; wait $agent`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', text], { encoding: 'utf8' });
  for (const [, answer] of stdout.matchAll(/(\{"file":.*\})$/gm)) answerOf(['check'], answer!);
  return stdout + stderr;
}

test('check is about the files as they are, whatever was read before', () => {
  const out = play(
    {
      whp: `${PLAIN}	option fallback 'maybe'\n`,
      'skype.json': PROFILE.replace('"tcp"', '"tcq"'),
      'other.json': PROFILE.replace('"name": "skype"', '"name": "other"'),
      'empty.json': '{}',
      'doh.json': dohList('198.51.100.61', 2),
    },
    `
good && echo "first: good"
cp whp whp.good; cp profiles/skype.json skype.good
cp new/whp whp; whp check; cp whp.good whp; good && echo "configuration: good"
cp new/skype.json profiles; whp check; cp skype.good profiles/skype.json; good && echo "profile: good"
cp new/other.json profiles/skype.json; whp check; cp skype.good profiles/skype.json; good && echo "name: good"
cp new/empty.json profiles/x.json; whp check; rm profiles/x.json; good && echo "folder: good"
cp new/doh.json .; whp check; rm doh.json; good && echo "list: good"`,
  );
  for (const what of ['first', 'configuration', 'profile', 'name', 'folder', 'list']) {
    assert.match(out, `${what}: good`, out);
  }
  assert.match(out, /whp\.skype\.fallback \(.*\): "maybe" is not one of/);
  assert.match(out, /skype\.json: \/ranges\/0\/protocols\/0: must be one of "tcp", "udp"/);
  assert.match(out, 'no profile "skype" is installed (known: other)');
  assert.match(out, /x\.json: \/format: is missing/);
  assert.match(out, 'doh.json: needs "format": 1');
});

test('check of the file in force looks at the router, by whatever path; of another it says that it did not', () => {
  const lan = PLAIN.replace("option hold '0'", "option hold '0'\n\tlist lan 'eth9'");
  const out = play(
    { other: lan },
    `
cp new/other whp; ln -s whp link
for file in "" ${FOLDER}/whp ${FOLDER}/link whp ./link; do
  whp check $file | grep -c 'there is no device "eth9"' | sed "s|^|beside '$file': |"
  whp check $file | grep -c 'no agent runs' | sed "s|^|denies '$file': |"
done
whp check new/other; whp check --json new/other; whp check ${FOLDER}/new/other
whp diag d.txt; grep -c 'looked at: agent: runs' d.txt | sed 's/^/diag: /'
kill $agent; wait $agent
for file in ${FOLDER}/link whp; do
  whp check $file | grep -c 'there is no device "eth9"' | sed "s|^|alone '$file': |"
  whp check $file | grep -c 'no agent runs' | sed "s|^|says '$file': |"
done
whp check new/other`,
  );
  for (const file of ['', `${FOLDER}/whp`, `${FOLDER}/link`, 'whp', './link']) {
    assert.match(out, `beside '${file}': 1\ndenies '${file}': 0\n`, out);
  }
  for (const file of [`${FOLDER}/link`, 'whp'])
    assert.match(out, `alone '${file}': 1\nsays '${file}': 1\n`, out);
  assert.match(out, 'diag: 1\n');
  const last =
    /other: good: skype by .*; the file alone: this router was not looked at, which whp check does$/gm;
  assert.is([...out.matchAll(last)].length, 3, out);
  assert.match(out, /"file":"new\/other","ok":true,"router":false,/);
});

test('check --explain of a file that cannot be read says what was seen of the router', () => {
  const out = play(
    { bad: `${PLAIN}	option fallback 'maybe'\n`, torn: "config app 'x\n" },
    `
for file in bad torn; do
  cp new/$file whp; whp check --explain | sed "s/^/$file: /"; echo "$file exit"
  whp check --json | sed "s/^/$file json: /"; whp check | grep -c 'looked at' | sed "s/^/$file plain: /"
done
kill $agent; wait $agent; whp check --explain | sed "s/^/alone: /"`,
  );
  for (const file of ['bad', 'torn']) {
    assert.match(
      out,
      `${file}: looked at: configuration: cannot be read; this router is seen by the configuration in force\n`,
      out,
    );
    assert.match(out, new RegExp(`^${file}: looked at: lan devices: br-lan `, 'm'), out);
    assert.match(out, new RegExp(`^${file}: looked at: agent: runs$`, 'm'), out);
    assert.match(
      out,
      new RegExp(`^${file} json: .*"looked":\\[{"subject":"configuration"`, 'm'),
      out,
    );
    assert.match(out, `${file} plain: 0\n`, out);
  }
  assert.match(out, /^bad: whp\.skype\.fallback .*"maybe" is not one of/m);
  const alone =
    'alone: looked at: configuration: cannot be read; this router is seen by the defaults, without an app\n';
  assert.match(out, alone, out);
  assert.match(out, /^alone: looked at: agent: none runs$/m);
  assert.match(out, /^alone: looked at: way out: /m);
});

test('check finds a neighbour that has come since, and none that has gone', () => {
  const out = play(
    {},
    `
good && echo "alone: good"; good && echo "again: good"
nft 'table ip greedy { chain p { meta mark set 0x1; }; }'; whp check
nft flush chain ip greedy p; good && echo "emptied: good"
nft add rule ip greedy p meta mark set 0x2; whp check | sed 's/^/later: /'
nft delete table ip greedy; ip rule add pref 29000 fwmark 0x1000000/0xff000000 lookup main; whp check
ip rule del pref 29000; ip link set lo up; ip route add 192.0.2.0/24 dev lo table 15004; whp check
ip route flush table 15004; good && echo "last: good"`,
  );
  for (const what of ['alone', 'again', 'emptied', 'last']) assert.match(out, `${what}: good`, out);
  assert.is(out.split('nftables table ip greedy writes all bits').length, 3, out);
  assert.match(out, 'later: whp.globals.mask: a rule in nftables table ip greedy');
  assert.match(out, /ip rule 29000 .* reads our bits/);
  assert.match(out, 'routing table 15004 is used by another program too');
});

test('a file that is too large: the message fits what fills it', () => {
  const many = (line: (i: number) => string): string =>
    PLAIN + Array.from({ length: 3000 }, (_, i) => `\tlist ${line(i)}\n`).join('');
  const out = play(
    {
      names: many((i) => `name 'host-${i}.example.com'`),
      addresses: many((i) => `address '198.51.${i >> 8}.${i & 255}'`),
    },
    'whp check new/names; whp check new/addresses',
  );
  assert.match(out, /names: is larger than 65536 bytes; write a name once for all names below it/);
  assert.match(out, /addresses: is larger than 65536 bytes; write networks/);
  assert.is(out.split('write networks').length, 2, out);
});

test('a reload takes in what has changed of files that were read before', () => {
  const out = play(
    { 'a.json': dohList('198.51.100.61'), 'b.json': dohList('198.51.100.62') },
    `
for file in a b; do cp new/$file.json doh.json; whp reload; nft list set inet whp doh4 | grep 198.51; done
rm doh.json; whp reload; nft list set inet whp doh4 >/dev/null 2>&1 || echo "no list"
nft list set inet whp bogon4 | grep -c 203.0.113.20
sed -i s/203.0.113.20/203.0.113.21/ whp; whp reload; nft list set inet whp bogon4 | grep -o 203.0.113.2[0-9]`,
  );
  const order = [/198\.51\.100\.61/, /198\.51\.100\.62/, /no list\n1\n/, /203\.0\.113\.21/];
  const at = order.map((one) => out.search(one));
  assert.ok(at[0]! >= 0 && at.every((one, i) => i === 0 || one > at[i - 1]!), out);
});

test.run();
