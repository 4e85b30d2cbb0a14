// `whp-host --watch SOCKET`, the second watchdog: leaves an answering agent alone, kills a stopped one, and
// ends with the agent.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOSTS, UJAIL } from '../lib/bare.ts';

const folder = mkdtempSync(join(tmpdir(), 'whp-watch-'));
/** Ends what a failed test has left: it would keep this process alive. */
const started: ChildProcess[] = [];
test.after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const AGENT = `
require('net').createServer((one) => {
  one.on('data', (bytes) => { console.log(bytes.toString().trim()); one.write('{"ok":true}\\n'); });
  one.on('error', () => {});
}).listen(process.argv[1], () => console.log('ready'));`;

interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
}

const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve) => child.on('exit', (status, signal) => resolve({ status, signal })));

async function startBoth(name: string, host: readonly string[]) {
  const path = join(folder, name);
  const agent = spawn('node', ['-e', AGENT, path]);
  let said = '';
  await new Promise((resolve) => agent.stdout.once('data', resolve));
  agent.stdout.on('data', (bytes) => {
    said += bytes;
  });
  const [program = '', ...words] = [...host, '--watch', path];
  const watch = spawn(program, words, { env: { ...UJAIL, WHP_WATCHDOG_SECONDS: '2' } });
  started.push(agent, watch);
  let told = '';
  watch.stderr.on('data', (bytes) => {
    told += bytes;
  });
  const ends = { agent: ended(agent), watch: ended(watch) };
  return { agent, ends, said: () => said, told: () => told };
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const [name, host] of Object.entries(HOSTS)) {
  test(`${name}: one that answers is left alone, one that is stopped is killed`, async () => {
    const { agent, ends, said, told } = await startBoth(`${name}-stop`, host);
    for (let i = 0; i < 400 && said().split('\n').length <= 3; i += 1) await sleep(50);
    assert.equal(said().split('\n').slice(0, 3), Array(3).fill('{"method":"alive"}'));
    agent.kill('SIGSTOP');
    const [one, two] = await Promise.all([ends.agent, ends.watch]);
    assert.is(one.signal, 'SIGKILL');
    assert.is(two.status, 0);
    assert.match(told(), 'no sign of life in 1 s, killed');
  });

  test(`${name}: it ends with the agent, and where there is none`, async () => {
    const { agent, ends } = await startBoth(`${name}-end`, host);
    await sleep(300);
    agent.kill('SIGKILL');
    assert.is((await ends.watch).status, 0);
    const [program = '', ...words] = [...host, '--watch', join(folder, 'none')];
    assert.is((await ended(spawn(program, words, { env: UJAIL }))).status, 1);
  });
}

test.run();
