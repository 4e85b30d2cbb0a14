// The host as a process: its end when the bundle throws, loops or blocks, the watchdog, and modules that a
// bundle cannot import.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOSTS as ALL, UJAIL } from '../lib/bare.ts';

const HOSTS = Object.entries(ALL);

type End = { status: number | null; out: string; err: string };

const folder = mkdtempSync(join(tmpdir(), 'whp-host-'));
let files = 0;

function run(
  host: readonly string[],
  source: string,
  env: Record<string, string> = {},
  args: string[] = [],
): Promise<End> {
  files += 1;
  const file = join(folder, `${files}.js`);
  writeFileSync(file, source);
  const [command = '', ...before] = host;
  const child = spawn(command, [...before, file, ...args], {
    env: { ...UJAIL, WHP_WATCHDOG_SECONDS: '20', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) =>
    child.on('close', (status) => resolve({ status, out, err: err.trim() })),
  );
}

const OS = 'import * as os from "qjs:os";';
const WATCHED = { WHP_WATCHDOG_SECONDS: '1' };
const BITTEN = /watchdog: the event loop did not come round in 1 s, exit 70/;

/** Writes `file` with modification time `second`. */
function writeStamped(file: string, source: string, second: number): void {
  writeFileSync(file, source);
  utimesSync(file, second, second);
}

/** Runs `file` with its bytecode kept in `kept`; returns what it printed. */
function runKept(host: readonly string[], file: string, kept: string): string {
  const [command = '', ...before] = host;
  const { status, stdout, stderr } = spawnSync(command, [...before, file], {
    env: { ...UJAIL, WHP_WATCHDOG_SECONDS: '20', WHP_BYTECODE: kept },
    encoding: 'utf8',
  });
  return `${status} ${stdout}${stderr}`;
}

test('a bundle may take longer to compile than the watchdog waits', async () => {
  // The emulated processor compiles it in some seconds. A function that is not called costs nothing else.
  const lines = Array.from({ length: 300_000 }, (_, i) => `x = x + ${i} * x;`);
  const source = `function unused(x) { ${lines.join('\n')} }\nconsole.log("done")`;
  const began = Date.now();
  const end = await run(ALL.mips!, source, { ...WATCHED, WHP_MEMORY_MB: '0' });
  assert.equal(end, { status: 0, out: 'done\n', err: '' });
  assert.ok(
    Date.now() - began > 1000,
    'it compiled within the time of the watchdog: nothing is shown',
  );
});

for (const [name, host] of HOSTS) {
  test(`${name}: a bundle that ends well`, async () => {
    const end = await run(
      host,
      '#!/usr/lib/whp/whp-host\nconsole.log(...scriptArgs.slice(1))',
      {},
      ['a', 'b c'],
    );
    assert.equal(end, { status: 0, out: 'a b c\n', err: '' });
  });

  test(`${name}: the bytecode of a bundle is kept, used, and made anew for another bundle`, () => {
    const kept = join(folder, `kept-${name}`);
    const file = join(folder, `kept-${name}.js`);
    writeStamped(file, 'console.log("one")', 1);
    assert.is(runKept(host, file, kept), '0 one\n');
    // The kept bytecode runs: a bundle with the same size and time is not read again.
    writeStamped(file, 'console.log("two")', 1);
    assert.is(runKept(host, file, kept), '0 one\n');
    writeStamped(file, 'console.log("two")', 2);
    assert.is(runKept(host, file, kept), '0 two\n');
    assert.equal(readdirSync(kept), ['bundle.bytecode'], 'nothing is left beside it');
  });

  test(`${name}: bytecode that others could have written, or a part of it, is not used`, () => {
    const kept = join(folder, `foreign-${name}`);
    const file = join(folder, `foreign-${name}.js`);
    const bytecode = join(kept, 'bundle.bytecode');
    writeStamped(file, 'console.log("evil")', 1);
    runKept(host, file, kept);
    const evil = readFileSync(bytecode);
    writeStamped(file, 'console.log("ours")', 1);
    assert.is(runKept(host, file, kept), '0 evil\n', 'the test can see it');
    chmodSync(bytecode, 0o666);
    assert.is(runKept(host, file, kept), '0 ours\n', 'a file that anybody may write');
    writeFileSync(bytecode, evil);
    chmodSync(kept, 0o777);
    assert.is(runKept(host, file, kept), '0 ours\n', 'a directory that anybody may write');
    chmodSync(kept, 0o755);
    writeFileSync(bytecode, evil.subarray(0, evil.length - 9));
    assert.is(runKept(host, file, kept), '0 ours\n', 'a part');
    writeFileSync(bytecode, evil.fill(1, evil.length - 9));
    assert.is(runKept(host, file, kept), '0 ours\n', 'a damaged end');
    rmSync(bytecode);
    mkdirSync(bytecode);
    assert.is(runKept(host, file, kept), '0 ours\n', 'no place to keep it');
  });

  test(`${name}: what goes wrong ends with status 1 and says so`, async () => {
    const cases: [string, RegExp][] = [
      ['throw new Error("boom")', /Error: boom/],
      ['let = ;', /SyntaxError/],
      ['Promise.reject(new Error("left alone"))', /unhandled.*left alone/],
      ['await new Promise(() => {})', /top-level await was waiting/],
      [`${OS} os.setTimeout(() => { throw new Error("late") }, 1)`, /Error: late/],
      [`${OS} const [r] = os.pipe(); os.setWriteHandler(r + 1, () => x())`, /x is not defined/],
      ['import "./other.js"', /other.js' is not part of the bundle/],
      ['await import("/etc/passwd")', /passwd' is not part of the bundle/],
      ['import "qjs:bjson"', /qjs:bjson' is not part of the bundle/],
    ];
    const ends = await Promise.all(cases.map(([source]) => run(host, source)));
    ends.forEach((end, index) => {
      const [source, message] = cases[index]!;
      assert.is(end.status, 1, source);
      assert.match(end.err, message);
    });
  });

  test(`${name}: out of memory is an orderly end`, async () => {
    const source = 'const all = []; for (;;) all.push(new Uint8Array(65536))';
    const end = await run(host, source, { WHP_MEMORY_MB: '8' });
    assert.is(end.status, 1);
    assert.match(end.err, /InternalError: out of memory/);
  });

  test(`${name}: the watchdog ends what does not come round`, async () => {
    const sources = [
      'for (;;);',
      'await 0; for (;;);',
      `${OS} os.setTimeout(() => { for (;;); }, 10)`,
      `${OS} const next = () => { queueMicrotask(next) }; next()`,
      `${OS} os.sleep(10000)`,
      `${OS} const [r] = os.pipe(); os.read(r, new ArrayBuffer(1), 0, 1)`,
      `${OS} os.exec(["sleep", "1.5"])`,
    ];
    const ends = await Promise.all(sources.map((source) => run(host, source, WATCHED)));
    ends.forEach((end, index) => {
      assert.is(end.status, 70, sources[index]);
      assert.match(end.err, BITTEN);
    });
  });

  test(`${name}: the watchdog says where the program was`, async () => {
    const end = await run(host, 'function turn() { for (;;); }\nturn();', WATCHED);
    assert.match(end.err, BITTEN);
    assert.match(end.err, /at turn /);
  });
}

test('the watchdog leaves the idle and the busy alone', async () => {
  const sources = [
    `${OS} os.setTimeout(() => console.log("fine"), 2200)`,
    `${OS} const [r, w] = os.pipe();
     os.setReadHandler(r, () => { os.setReadHandler(r, null); console.log("fine"); });
     os.exec(["sh", "-c", "sleep 2.2; echo >&1"], { block: false, stdout: w })`,
    `${OS} const [r, w] = os.pipe(); os.setReadHandler(r, () => {});
     os.write(w, new ArrayBuffer(1), 0, 1);
     os.setTimeout(() => { os.setReadHandler(r, null); console.log("fine"); }, 2200)`,
  ];
  const runs = HOSTS.flatMap(([, host]) => sources.map((source) => run(host, source, WATCHED)));
  for (const end of await Promise.all(runs))
    assert.equal(end, { status: 0, out: 'fine\n', err: '' });
});

const native = HOSTS[0]![1];

test('a setting that is no number is refused', async () => {
  for (const wrong of ['', 'x', '-1', '1.5', '99999999999']) {
    const end = await run(native, '1', { WHP_WATCHDOG_SECONDS: wrong });
    assert.is(end.status, 64);
    assert.match(end.err, /WHP_WATCHDOG_SECONDS=.*: not a whole number from 0 to 3600/);
  }
});

test('a missing bundle is named', async () => {
  const child = spawn(native[0]!, ['/nowhere/bundle.js'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.is(status, 1);
  assert.match(err, /could not read '\/nowhere\/bundle.js': No such file/);
});

test('a pipe that is closed early is an error to the bundle, not a signal', async () => {
  const source = `${OS} const [r, w] = os.pipe(); os.close(r);
    console.log(os.write(w, new ArrayBuffer(1), 0, 1) < 0)`;
  assert.equal(await run(native, source), { status: 0, out: 'true\n', err: '' });
});

test('a reload asked for while the agent loads does not end it; a shell that closes ends the rest', async () => {
  const source = `${OS} os.kill(os.getpid(), 1); console.log("goes on")`;
  assert.equal(await run(native, source, {}, ['daemon']), { status: 0, out: 'goes on\n', err: '' });
  assert.is((await run(native, source, {}, ['monitor'])).status, null);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
