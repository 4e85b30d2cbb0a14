// `whp replay` from any folder and without options: it finds the profiles, refuses a wrong configuration, and
// reports what it did not read.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplayReport } from '../../agent/src/replay/report.ts';
import { udp } from '../fixtures/packets.ts';
import { captureOf } from '../fixtures/pcap.ts';
import { answerOf } from '../lib/answers.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'whp-replay-'));
test.after(() => rmSync(FOLDER, { recursive: true }));

const toNode = udp(
  { src: '192.168.1.10', dst: '111.221.74.20', sport: 13021, dport: 33033 },
  new Uint8Array(20),
);
writeFileSync(join(FOLDER, 'call.pcap'), captureOf([[0, toNode]]));

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function run(program: readonly string[], ...words: string[]): Run {
  const [head = '', ...rest] = [...program, ...words];
  const { status, stdout, stderr } = spawnSync(head, rest, { encoding: 'utf8', cwd: FOLDER });
  return { status, out: stdout, err: stderr };
}

const WHP = [resolve('out/host/x86_64/whp-host'), resolve('out/whp'), 'replay'];
const SCRIPT = [resolve('scripts/replay.sh')];

for (const [name, program] of [
  ['the program', WHP],
  ['scripts/replay.sh', SCRIPT],
] as const) {
  test(`${name}: from another folder, without options`, () => {
    const { status, out, err } = run(program, 'call.pcap');
    assert.is(status, 0, err);
    assert.match(out, /^call\.pcap: 1 packet,/);
    assert.match(out, /^played by every profile of .*agent\/profiles$/m);
    assert.match(out, /^proxied 1 flow, 1 packet,/m);
    const told = run(program, 'call.pcap', '--json').out;
    assert.is(answerOf<ReplayReport>(['replay'], told).flows.length, 1);
  });
}

test('the script says how it is used', () => {
  assert.match(run(SCRIPT, '--help').out, /replay\.sh FILE/);
  assert.is(run(SCRIPT).status, 2);
});

const CONFIG = `config proxy 'one'
	option address '203.0.113.20'
	option local '10.213.0.1'
	option remote '10.213.0.2'
config app 'kids'
	option profile 'skype'
	list proxy 'one'
`;

test('a configuration is played when it is good, and an error when it is not', () => {
  const write = (name: string, text: string): void => writeFileSync(join(FOLDER, name), text);
  write('good', CONFIG);
  write('two', `${CONFIG}config app 'adults'\n	option profile 'skype'\n	list proxy 'one'\n`);
  write('quote', CONFIG.replace("'skype'", "'skype"));
  write('off', CONFIG.replace("'kids'", "'kids'\n	option enabled '0'"));
  const good = run(WHP, 'call.pcap', '--config', 'good');
  assert.equal([good.status, /^played by good$/m.test(good.out)], [0, true], good.err);
  assert.match(run(WHP, 'call.pcap', '--config', 'off').out, /no\s+app\s+is\s+enabled\s+in\s+off/);
  for (const [file, why] of [
    ['two', /whp\.adults\.profile \(two:9\): app kids uses it already/],
    ['quote', /quote:\d+: ' is never closed/],
    ['nothing', /nothing: cannot be read: No such file/],
    ['.', /\.: cannot be read/],
  ] as const) {
    const { status, out, err } = run(WHP, 'call.pcap', '--config', file);
    assert.equal([status, out], [1, ''], file);
    assert.match(err, why);
  }
});

test('profiles that cannot be read are an error', () => {
  mkdirSync(join(FOLDER, 'bad'));
  writeFileSync(join(FOLDER, 'bad', 'x.json'), '{}');
  const { status, out } = run(WHP, 'call.pcap', '--profiles', 'bad');
  assert.equal([status, out], [1, '']);
  assert.is(run(WHP, 'call.pcap', '--profiles', 'none').status, 1);
});

test('a file that is no capture, and one of a link type that is not known, end with 1', () => {
  writeFileSync(join(FOLDER, 'text.pcap'), 'no capture at all, but a text');
  assert.is(run(WHP, 'text.pcap').status, 1);
  const bluetooth = captureOf([[0, toNode]]);
  bluetooth[20] = 201;
  writeFileSync(join(FOLDER, 'bluetooth.pcap'), bluetooth);
  const { status, out } = run(WHP, 'bluetooth.pcap');
  assert.is(status, 1);
  assert.match(out, /link type 201 is not known here/);
});

test.run();
