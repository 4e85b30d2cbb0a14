// The scripts' --help, and that an unknown word is refused with one line and exit status 2 before anything is
// installed, built or booted.
import { spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Options, ROUTER, readOptions } from '../lab/machine/options.ts';

const scripts = readdirSync('scripts').filter((name) => /\.(sh|mjs)$/.test(name));

/** Runs it without a compiler, an emulator or apt. */
function run(name: string, ...words: string[]) {
  const path = `scripts/${name}`;
  const [program, ...all] = name.endsWith('.mjs') ? ['node', path, ...words] : [path, ...words];
  const { status, stdout, stderr } = spawnSync(program!, all, {
    encoding: 'utf8',
    env: { ...process.env, WHP_MIRROR: 'file:///nowhere', WHP_CACHE: '/proc/nowhere' },
  });
  return { status, stdout, lines: stderr.trimEnd().split('\n') };
}

test('every script prints its opening comment for --help and -h, wherever it stands', () => {
  for (const name of scripts)
    for (const words of [['--help'], ['-h'], ['--bogus', '--help']]) {
      const { status, stdout } = run(name, ...words);
      assert.is(status, 0, `${name} ${words.join(' ')}`);
      const first = /^(?:#!.*\n# |\/\/ )(.*)\n/.exec(readFileSync(`scripts/${name}`, 'utf8'))?.[1];
      assert.is(stdout.split('\n')[0], first, name);
    }
});

const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['unit.mjs', ['--fast', 'node'], /unknown word --fast/],
  ['unit.mjs', ['node', 'test/unit/nowhere.test.ts'], /nowhere.test.ts: no such file/],
  ['node.mjs', [], /no FOLDER/],
  ['node.mjs', ['test/node/nowhere.test.ts'], /nowhere.test.ts: no such file/],
  ['node.mjs', ['test/node', 'test/nowhere'], /nowhere: no such file/],
  ['node.mjs', ['--all'], /unknown word --all/],
  [
    'node.mjs',
    ['--beside', 'test/node/nowhere.test.ts', 'test/node'],
    /nowhere.test.ts: no such file/,
  ],
  ['bundle.mjs', ['all'], /unknown word all/],
  ['captures.mjs', ['all'], /unknown word all/],
  ['figures.mjs', ['--chek'], /unknown word --chek/],
  ['pictures.mjs', ['--check', 'all'], /unknown word all/],
  ['screens.mjs', ['all'], /unknown word all|--png FOLDER/],
  ['screens.mjs', ['--png', '/nowhere'], /\/nowhere: no such file/],
  ['third-party.mjs', ['-c'], /unknown word -c/],
  ['applications.mjs', ['--all'], /unknown word --all/],
  ['applications.mjs', ['/nowhere'], /\/nowhere: no such file/],
  ['fuzz.mjs', [], /no engine/],
  ['fuzz.mjs', ['--inputs', '1'], /unknown word --inputs/],
  ['mutate.mjs', ['--all'], /unknown word --all/],
  ['mutate.mjs', ['nothing'], /there is no mutation nothing/],
  ['test.sh', ['--fast'], /unknown word --fast/],
  ['test.sh', ['--full', 'netns'], /unknown word netns/],
  [
    'package.sh',
    ['arm_cortex-a7'],
    /no build for 'arm_cortex-a7'; known: .*opkg print-architecture/,
  ],
  ['package.sh', ['x86_64', 'mips_24kf'], /no build for 'mips_24kf'/],
  ['package.sh', [''], /no build for ''/],
  ['package.sh', ['x86_64 mips_24kc'], /no build for 'x86_64 mips_24kc'/],
  ['package.sh', ['--fast'], /unknown option --fast/],
  ['package.sh', ['--version'], /--version : such as 0.1.0-r1/],
  ['package.sh', ['--version', 'one'], /--version one: such as/],
  ['host.sh', ['arm'], /no build for 'arm'/],
  ['kernel-mips.sh', ['6.6'], /kernel '6.6'; known: 6.1 and 6.12/],
  ['fuzz.sh', ['--inputs'], /--inputs ''/],
  ['fuzz.sh', ['--seconds', 'x'], /--seconds 'x'/],
  ['fuzz.sh', ['all'], /unknown option all/],
  ['must-fail.sh', [], /no runner/],
  ['scale.sh', ['--only', 'agents'], /--only agents: known are agent, kernel/],
  ['scale.sh', ['all'], /all: nothing but options/],
  ['bench.sh', ['--only', 'answers,speed'], /--only answers,speed: known are answers, router/],
  ['lab.sh', ['bogus'], /no command 'bogus'; known: .*boot faults/],
  ['lab.sh', ['probe'], /probe '': no such file/],
  ['lab.sh', ['probe', 'nowhere.ts'], /probe 'nowhere.ts': no such file/],
  ['lab.sh', ['--sessions', 'x'], /--sessions x: a whole number above 0/],
  ['lab.sh', ['--router', 'arm'], /--router arm: known are mipsel, x86_64/],
  ['lab.sh', ['--kernel', '6.6'], /--kernel 6.6: known are 6.1, 6.12/],
  ['lab.sh', ['boot', '--kernel=5'], /--kernel 5: known/],
  ['lab.sh', ['boot', '--router', 'mips'], /--router mips: known are/],
  ['lab.sh', ['faults', 'bogus'], /bogus: known are steady/],
  ['lab.sh', ['golden', '--none'], /unknown option --none/],
  ['lab.sh', ['big-endian', '--all'], /unknown option --all/],
  ['lab.sh', ['walkthrough', 'twice'], /twice: nothing but options/],
];

test('what is not known is refused with one line', () => {
  for (const [name, words, text] of REFUSED) {
    const { status, lines } = run(name, ...words);
    assert.is(status, 2, `${name} ${words.join(' ')}: ${lines.join('\n')}`);
    assert.is(lines.length, 1, lines.join('\n'));
    assert.match(lines[0]!, text);
  }
});

/** Words with which each script that starts Node begins its work. */
const WITH_NODE: Readonly<Record<string, readonly string[]>> = {
  'bench.sh': [],
  'fuzz.sh': [],
  'lab.sh': ['boot'],
  'package.sh': ['mips_24kc'],
  'replay.sh': ['a.pcap'],
  'scale.sh': [],
  'test.sh': [],
};

/** Runs it in a copy of scripts/ without modules, on a machine whose programs are `bin`. */
function runBare(name: string, bin: string): { status: number | null; stderr: string } {
  const root = mkdtempSync(join(tmpdir(), 'whp-bare-'));
  symlinkSync(resolve('scripts'), join(root, 'scripts'));
  const { status, stderr } = spawnSync(
    '/bin/bash',
    [join(root, 'scripts', name), ...WITH_NODE[name]!],
    { encoding: 'utf8', env: { PATH: bin } },
  );
  const made = readdirSync(root);
  rmSync(root, { recursive: true });
  assert.equal(made, ['scripts'], `${name} has made something`);
  return { status, stderr };
}

test('without Node 20 or npm each script says what to type, before it makes anything', () => {
  const bin = mkdtempSync(join(tmpdir(), 'whp-bin-'));
  for (const one of ['dirname', 'sed', 'mktemp', 'rm', 'id'])
    symlinkSync(`/usr/bin/${one}`, join(bin, one));
  const node = (version: string): void =>
    writeFileSync(join(bin, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  const machines: [says: RegExp, version: string | null][] = [
    [/: needs Node 20 or later, and here is none\. On Debian 12, as root:\n/, null],
    [/: needs Node 20 or later, and here is v18\.20\.4\. On/, 'v18.20.4'],
    [/: needs npm, which comes with Node 20, and here is none\. On/, 'v20.19.0'],
  ];
  for (const [says, version] of machines) {
    if (version !== null) node(version);
    for (const name of Object.keys(WITH_NODE)) {
      const { status, stderr } = runBare(name, bin);
      assert.is(status, 1, `${name}: ${stderr}`);
      assert.match(stderr, new RegExp(`^${name.replace('.sh', '')}${says.source}`));
      assert.match(stderr, /^ {2}apt-get install -y nodejs$/m);
    }
  }
  rmSync(bin, { recursive: true });
});

test('every script that starts Node or npm looks for them first', () => {
  // What needs the modules that another script has installed.
  const prepared = ['must-fail.sh', 'mutate.sh'];
  for (const name of scripts.filter((one) => one.endsWith('.sh'))) {
    const text = readFileSync(`scripts/${name}`, 'utf8');
    const starts = /^(?!#).*\b(node|npm) (ci|scripts|--enable)/m.test(text);
    if (starts && !prepared.includes(name))
      assert.ok(name in WITH_NODE && /^need_node$/m.test(text), name);
  }
});

/** Lines of a script of suites, and its exit status; `seconds` are left out. */
function suites(...lines: string[]) {
  const script = ['set -uo pipefail; . scripts/lib/suites.sh', ...lines].join('\n');
  const { status, stdout } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  const told = stdout.trimEnd().split('\n');
  return {
    status,
    told: told.map((line) => line.replace(/ +[\d.]+ s$/, '').replace(/ +/g, ' ')),
  };
}

test('a suite runs beside those after it, and all are told of in order', () => {
  // The one waits for the other.
  const waits = 'until [ -e "$0" ]; do sleep 0.05; done; echo "b: 3 passed, 0 failed, 1 skipped"';
  const { status, told } = suites(
    'suite first echo "a: 2 passed, 0 failed"',
    `beside slow timeout 20 sh -c '${waits}' "$folder/quick"`,
    'suite quick sh -c \'echo "c: 4 passed, 0 failed" | tee "$0"\' "$folder/quick"',
    'end_suites',
  );
  assert.equal(told, [
    'ok first 2 passed, 0 failed',
    'ok slow 3 passed, 0 failed, 1 skipped',
    'ok quick 4 passed, 0 failed',
    '9 passed, 0 failed, 1 skipped',
  ]);
  assert.is(status, 0);
});

test('a failure of either is told of with its output, and is the status', () => {
  for (const [slow, quick] of [
    ['beside', 'suite'],
    ['suite', 'beside'],
  ]) {
    const { status, told } = suites(
      `${slow} slow sh -c 'sleep 0.2; echo wrong: 1; echo "b: 3 passed, 1 failed"; exit 1'`,
      `${quick} quick sh -c 'echo ended; exit 3'`,
      'suite after true',
      'end_suites',
    );
    assert.equal(told, [
      'wrong: 1',
      'b: 3 passed, 1 failed',
      'FAILED slow 3 passed, 1 failed',
      'ended',
      'FAILED quick 0 passed, 1 failed',
      'ok after 1 passed, 0 failed',
      '4 passed, 2 failed',
    ]);
    assert.is(status, 1);
  }
});

test('the end of the script is the end of what runs beside', () => {
  const folder = mkdtempSync(join(tmpdir(), 'whp-beside-'));
  const { status } = suites(
    `beside slow sh -c 'sleep 60 & echo $! >"$0"; wait' ${folder}/pid`,
    `until [ -s ${folder}/pid ]; do sleep 0.05; done`,
    'exit 7',
  );
  assert.is(status, 7);
  const pid = readFileSync(`${folder}/pid`, 'utf8').trim();
  rmSync(folder, { recursive: true });
  const left = spawnSync('sh', ['-c', `! grep -q '^State:.[^Z]' /proc/${pid}/status`]);
  assert.is(left.status, 0, 'it still runs');
});

test('each processor has its flags, its emulator, a line of help and a row in the documents', () => {
  const script =
    '. scripts/lib/musl.sh; echo $PROCESSORS; for one in $PROCESSORS; do musl_target $one; echo "$triplet $emulator"; done';
  const { stdout, status } = spawnSync('bash', ['-euc', script], { encoding: 'utf8' });
  assert.is(status, 0);
  const [names = '', ...targets] = stdout.trim().split('\n');
  const processors = names.split(' ');
  assert.is(targets.length, processors.length);
  for (const target of targets) assert.match(target, /^\S+-linux-gnu\S* qemu-\S+ -cpu \S+$/);
  const help = run('package.sh', '--help').stdout;
  const page = readFileSync('docs/package.md', 'utf8');
  for (const one of processors) {
    assert.ok(help.includes(`  ${one} `), one);
    assert.ok(page.includes(`| \`${one}\` |`), one);
  }
});

const RULES = {
  router: ROUTER,
  rounds: { above: 0, otherwise: 5 },
  only: { list: ['a', 'b'] },
  out: { text: 'out/x' },
  all: false,
} as const;
const read = (...words: string[]): Options<typeof RULES> => readOptions(RULES, ['one'], words);

test("the lab's options: values, defaults and words", () => {
  const { values } = read();
  assert.equal(values, { router: 'mipsel', rounds: 5, only: ['a', 'b'], out: 'out/x', all: false });
  const given = read(
    'one',
    '--router=x86_64',
    '--rounds',
    '7',
    '--only',
    'b',
    '--all',
    '--',
    'one',
  );
  assert.equal(given.words, ['one', 'one']);
  assert.equal(given.values, { router: 'x86_64', rounds: 7, only: ['b'], out: 'out/x', all: true });
});

test('an option without its value, with one too many, or of an object is refused', () => {
  for (const words of [
    ['--out'],
    ['--out', '--all'],
    ['--out='],
    ['--rounds', '1e3'],
    ['--rounds', '-1'],
    ['--rounds', '99999999999'],
    ['--only', ''],
    ['--all=no'],
    ['--router'],
    ['--constructor', 'x'],
    ['-a'],
    ['two'],
  ])
    assert.throws(() => read(...words), undefined, words.join(' '));
});

test.run();
