// Runs the mutations of test/mutations/list.ts (see mutate.sh): each replaces one text of one file in a copy of
// the tree. Its tests pass on the unchanged tree, and at least one must fail on the changed one.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readWords } from './lib/usage.mjs';

const words = readWords(import.meta.url, { options: ['--list', '--table'], more: true });
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const { outputFiles } = await build({
  entryPoints: ['test/mutations/table.ts'],
  write: false,
  bundle: true,
  format: 'esm',
});
const list = Buffer.from(outputFiles[0].contents).toString('base64');
const { MUTATIONS, withTable } = await import(`data:text/javascript;base64,${list}`);
if (words.includes('--list')) {
  for (const { name, promise } of MUTATIONS) console.log(`${name.padEnd(24)} ${promise}`);
  process.exit(0);
}
if (words.includes('--table')) {
  writeFileSync('SECURITY.md', withTable(readFileSync('SECURITY.md', 'utf8')));
  process.exit(0);
}
const unknown = words.filter((word) => !MUTATIONS.some(({ name }) => name === word));
if (unknown.length > 0) {
  console.error(`mutate: there is no mutation ${unknown.join(', ')}; --list has them`);
  process.exit(2);
}
const chosen = MUTATIONS.filter(({ name }) => words.length === 0 || words.includes(name));
const tree = `out/mutate/${process.pid}`;

/** Copies the tracked and new files; node_modules and what is built are linked. */
function copyTree() {
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' });
  for (const file of listed.stdout.split('\n').filter((one) => one !== '' && existsSync(one))) {
    mkdirSync(join(tree, dirname(file)), { recursive: true });
    cpSync(file, join(tree, file), { verbatimSymlinks: true });
  }
  mkdirSync(join(tree, 'out'), { recursive: true });
  for (const built of ['node_modules', 'out/host']) {
    if (existsSync(built)) symlinkSync(join(root, built), join(tree, built));
  }
}

/** Runs one test file in the copy. A tree that does not bundle is an error, no caught mutation. */
function runTest(test) {
  const isUnit = test.startsWith('test/unit/');
  const isNative = /^test\/(?:native|runtime)\//.test(test);
  const command = isUnit
    ? ['scripts/unit.mjs', 'node', test]
    : isNative
      ? ['scripts/unit.mjs', 'out/host/x86_64/whp-host', test]
      : ['scripts/node.mjs', test];
  const run = spawnSync('node', command, { cwd: tree, encoding: 'utf8', maxBuffer: 64 << 20 });
  const text = run.stdout + run.stderr;
  const counts = /: (\d+) passed, (\d+) failed/.exec(text);
  if (counts === null || /Build failed|✘ \[ERROR\]/.test(text)) return { error: text.slice(-2000) };
  return { failed: Number(counts[2]), text };
}

function bundle() {
  const run = spawnSync('node', ['scripts/bundle.mjs'], { cwd: tree, encoding: 'utf8' });
  return run.status === 0 ? null : run.stdout + run.stderr;
}

const hosts = join(tree, 'out/host');
const linkHosts = () => {
  rmSync(hosts, { recursive: true, force: true });
  symlinkSync(join(root, 'out/host'), hosts);
};

/** Builds the changed host program in the copy. */
function buildHost() {
  rmSync(hosts);
  const WHP_CACHE = process.env.WHP_CACHE ?? join(root, 'out/cache');
  const run = spawnSync('scripts/host.sh', ['x86_64'], {
    cwd: tree,
    encoding: 'utf8',
    env: { ...process.env, WHP_CACHE },
  });
  return run.status === 0 ? null : run.stdout + run.stderr;
}

/** Tests that start the agent's bundle. */
const needsBundle = (tests) => tests.some((one) => /^test\/(?:netns|node)\//.test(one));

let passed = 0;
let failed = 0;
const good = (line) => {
  passed += 1;
  console.log(line);
};
const bad = (line, text = '') => {
  failed += 1;
  console.log(`${line}\n${text}`);
};

function play({ name, file, from, to, tests }) {
  const started = performance.now();
  const path = join(tree, file);
  const before = readFileSync(path, 'utf8');
  const parts = before.split(from);
  if (parts.length !== 2)
    return bad(`STALE  ${name}: ${file} has its text ${parts.length - 1} times`);
  writeFileSync(path, parts.join(to));
  const isOfHost = file.startsWith('agent/native/');
  try {
    const wrong = isOfHost ? buildHost() : needsBundle(tests) ? bundle() : null;
    if (wrong !== null) return bad(`ERROR  ${name}: does not build`, wrong);
    for (const test of tests) {
      const { error, failed: count } = runTest(test);
      if (error !== undefined) return bad(`ERROR  ${name}: ${test}`, error);
      if (count === 0) continue;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      return good(`caught ${name.padEnd(24)} ${count} failed in ${test}  ${seconds} s`);
    }
    return bad(`MISSED ${name}: ${tests.join(', ')} pass without it`);
  } finally {
    writeFileSync(path, before);
    if (isOfHost) linkHosts();
  }
}

try {
  copyTree();
  const tests = Array.from(new Set(chosen.flatMap((one) => one.tests)));
  if (needsBundle(tests)) bundle();
  const broken = tests.filter((test) => {
    const { error, failed: count, text } = runTest(test);
    if (error === undefined && count === 0) return false;
    bad(`ERROR  ${test} fails on the tree as it is`, error ?? text);
    return true;
  });
  for (const one of chosen) {
    if (!one.tests.some((test) => broken.includes(test))) play(one);
  }
} finally {
  rmSync(tree, { recursive: true, force: true });
}
console.log(`mutate: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
