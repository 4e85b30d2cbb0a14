// State files that the agent cannot read: renamed and kept, reported by log and status, never overwritten; and
// a restart whose pins were in such a file.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN } from '../fixtures/uci.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/kept-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;
writeFileSync(
  `${FOLDER}/whp`,
  `${PLAIN}	list device 'box'
config device 'box'
	list name 'xbox'
`,
);

/** Runs `script` with `start`, `stop` and `whp`; state/ contains `files` at first. */
function play(files: Readonly<Record<string, string>>, script: string): string {
  rmSync(`${FOLDER}/state`, { recursive: true, force: true });
  mkdirSync(`${FOLDER}/state`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${FOLDER}/${name}`, text);
  const text = `
cd ${FOLDER}
start() { : >log; ${WHP_TEXT} daemon ${OPTIONS} >log 2>&1 & agent=$!
  for i in $(seq 200); do grep -q '^whp: enforcing' log && break; kill -0 $agent 2>/dev/null || break; sleep 0.1; done; }
stop() { kill $1 $agent; wait $agent; }
whp() { command=$1; shift; ${WHP_TEXT} $command ${OPTIONS} "$@"; }
${script}`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', text], { encoding: 'utf8' });
  return stdout + stderr;
}

const PIN = '{"app":"skype","address":"192.0.2.9"}';
const DAMAGED: readonly [string, string, RegExp][] = [
  ['an empty file, as a power cut leaves it', '', /is empty/],
  ['half a file', `{"pins":[${PIN}`, /is not JSON/],
  ['another program', '# pins\n', /is not JSON/],
  ['bytes', '\0\u0001\ufffd', /is not JSON/],
];

test('pins that cannot be read are not lost, and not without a word', () => {
  for (const [what, text, reason] of DAMAGED) {
    const out = play(
      { 'state/owner.json': text },
      'start; grep error log; whp status | tr -s "\\n " " "; echo; whp pin 192.0.2.1 skype; whp pin 192.0.2.2 skype; stop; start; whp pin; stop',
    );
    assert.match(out, reason, `${what}: ${out}`);
    assert.match(out, `kept as ${FOLDER}/state/owner.json.unreadable`, `${what}: ${out}`);
    assert.match(
      out,
      /! \S*owner\.json\.unreadable could not be read and is not in force; .* rm /m,
      out,
    );
    assert.match(out, '192.0.2.2', out);
    assert.is(readFileSync(`${FOLDER}/state/owner.json.unreadable`, 'utf8'), text, what);
  }
});

test('of a file that can be read in part the rest counts, over a restart too', () => {
  const text = `{"pins":[${PIN},{"app":"skype","address":"nowhere"}],"preferred":null}\n`;
  const out = play(
    { 'state/owner.json': text },
    'start; grep error log; whp pin; stop; start; echo again; grep error log; whp pin; stop',
  );
  assert.match(out, '1 of its pins cannot be read; kept as', out);
  assert.is(out.split('192.0.2.9').length, 3, out);
  assert.not.match(out, /again\n(?:.*\n)*.*cannot be read/, out);
  assert.is(readFileSync(`${FOLDER}/state/owner.json.unreadable`, 'utf8'), text);
});

test('one after the other is kept, and the word is gone when the file is', () => {
  const out = play(
    { 'state/owner.json': 'one' },
    `start; stop; echo two >state/owner.json; start; stop; ls state | grep owner
start; rm state/owner.json.unreadable*; whp reload; whp status | grep -c json.unreadable; stop`,
  );
  assert.match(out, 'owner.json.unreadable\nowner.json.unreadable.1\n', out);
  assert.is(readFileSync(`${FOLDER}/log`, 'utf8').includes('unreadable'), false);
  assert.match(out, /\n0\n$/, out);
});

test('a damaged file of any kind ends nothing and is kept', () => {
  for (const text of [
    '',
    'null',
    '[null]',
    '7',
    '{"text":7}',
    '{"format":1,"standing":null}',
    '\0',
  ]) {
    const files = ['owner.json', 'names.json', 'last-good.json', 'history', 'learned'];
    const out = play(
      Object.fromEntries(files.map((name) => [`state/${name}`, text])),
      `start; grep -c '^whp: enforcing' log; ls state; stop`,
    );
    assert.match(out, /^1\n/, `${JSON.stringify(text)}: ${out}`);
    for (const name of files) {
      // A valid file of this kind is not reported as lost.
      if (name === 'last-good.json' && text !== '' && text !== '\0') continue;
      if (text === '' && name === 'names.json') continue;
      assert.match(out, `${name}.unreadable`, `${JSON.stringify(text)} ${name}: ${out}`);
    }
  }
});

test('a folder or a pipe in the place of a file is kept aside too, and holds nobody up', () => {
  const out = play(
    {},
    'mkdir state/owner.json; mkfifo state/history; start; whp pin 192.0.2.1 skype; stop; ls -F state',
  );
  assert.match(out, 'owner.json\n', out);
  assert.match(out, 'owner.json.unreadable/\n', out);
  assert.match(out, 'history.unreadable|\n', out);
});

test('a damaged note of the standing table: the table is replaced, and the note is kept', () => {
  for (const text of [
    '',
    '{"format":1}',
    '{"format":1,"fingerprint":"x","standing":{"table":"whp","counters":["a;b"],"sets":[],"chains":[]},"slots":[]}',
  ]) {
    const out = play(
      {},
      `start; stop -9; cp note sock.standing; printf '[{"app":1},null]' >sock.standing.names; start; cat log; ls; stop`.replace(
        'cp note',
        `printf '%s' '${text}' >note; cp note`,
      ),
    );
    assert.match(out, 'sock.standing: is no table of this version; kept as', `${text}: ${out}`);
    assert.match(out, 'sock.standing.unreadable', out);
    assert.match(out, 'sock.standing.names.unreadable', out);
    assert.match(out, 'whp: enforcing 1 app', out);
  }
});

test.run();
