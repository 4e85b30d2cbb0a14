// `whp-host --ask SOCKET`, which rpcd's plugin uses: one line there, one line back, no engine.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const HOSTS = {
  x86_64: ['out/host/x86_64/whp-host'],
  asan: ['out/host/asan/whp-host'],
  mips: ['qemu-mips', 'out/host/mips/whp-host'],
};
const folder = mkdtempSync(join(tmpdir(), 'whp-ask-'));
const path = join(folder, 'socket');

interface End {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function ask(host: readonly string[], question: string, socket = path): Promise<End> {
  const [program = '', ...words] = [...host, '--ask', socket];
  const child = spawn(program, words);
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes) => {
    out += bytes;
  });
  child.stderr.on('data', (bytes) => {
    err += bytes;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(question);
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out, err })));
}

/** A server that answers `reply(line)` to the first line of each connection. */
function serve(reply: (line: string) => string | null): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      text += bytes;
      if (!text.includes('\n')) return;
      const said = reply(text.slice(0, text.indexOf('\n')));
      if (said === null) socket.destroy();
      else socket.write(said);
    });
  });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

const close = (server: Server): Promise<unknown> =>
  new Promise((resolve) => server.close(() => resolve(rmSync(path, { force: true }))));

for (const [name, host] of Object.entries(HOSTS)) {
  test(`${name}: a line there, a line back, however long, and nothing after it`, async () => {
    const long = 'x'.repeat(300_000);
    const server = await serve((line) => `${line} ${long}\nmore\n`);
    const end = await ask(host, '{"method":"status"}\nignored\n');
    await close(server);
    assert.is(end.out.split('\n')[0], `{"method":"status"} ${long}`);
    assert.is(end.status, 0);
  });

  test(`${name}: nobody listens, a question without an end, an answer that breaks off`, async () => {
    const missing = await ask(host, 'x\n', join(folder, 'none'));
    assert.is(missing.status, 1);
    assert.match(missing.err, 'No such file');
    assert.is((await ask(host, 'x\n', `/tmp/${'y'.repeat(200)}`)).status, 1);
    const server = await serve(() => null);
    assert.is((await ask(host, 'x\n')).status, 1);
    assert.is((await ask(host, 'x')).status, 1);
    assert.is((await ask(host, 'x'.repeat(100_000))).status, 1);
    await close(server);
  });
}

test.after(() => {
  if (existsSync(folder)) rmSync(folder, { recursive: true });
});

test.run();
