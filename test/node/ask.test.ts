// Requests to the agent without starting the engine: `whp-host --ask SOCKET`, which rpcd's plugin uses (one
// line each way), and command lines of `whp` that the agent answers.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST, HOSTS, UJAIL, WHP_TEXT } from '../lib/bare.ts';

const folder = mkdtempSync(join(tmpdir(), 'whp-ask-'));
const path = join(folder, 'socket');

interface End {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function ask(host: readonly string[], question: string, socket = path): Promise<End> {
  return run([...host, '--ask', socket], question);
}

/** A bundle named whp whose output shows that the engine ran it. */
const bundle = join(folder, 'whp');
writeFileSync(bundle, "print('engine', ...scriptArgs.slice(1));");

/** Another, which counts the sockets that it has been left. */
const sockets = join(folder, 'elsewhere', 'whp');
mkdirSync(join(folder, 'elsewhere'));
writeFileSync(
  sockets,
  `import * as os from 'qjs:os';
const links = os.readdir('/proc/self/fd')[0].filter((fd) => fd > 2).map((fd) => os.readlink('/proc/self/fd/' + fd)[0]);
print('sockets', links.filter((link) => link?.startsWith('socket:')).length);`,
);

function whp(host: readonly string[], ...words: string[]): Promise<End> {
  return run([...host, bundle, ...words], '');
}

function run([program = '', ...words]: readonly string[], question: string): Promise<End> {
  const child = spawn(program, words, { env: UJAIL });
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

/** A server that answers the first line of each connection with `reply(line)`. */
function serve(reply: (line: string) => string | { last: string } | null): Promise<Server> {
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      text += bytes;
      if (!text.includes('\n')) return;
      const said = reply(text.slice(0, text.indexOf('\n')));
      if (said === null) socket.destroy();
      else if (typeof said === 'string') socket.write(said);
      else socket.end(said.last);
    });
  });
  // Removes what a failed test has left behind.
  rmSync(path, { force: true });
  return new Promise((resolve) => server.unref().listen(path, () => resolve(server)));
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

for (const [name, host] of Object.entries(HOSTS)) {
  test(`${name}: a command line goes to the agent as it is, and its answer out as it is`, async () => {
    const asked: string[] = [];
    const out = 'x'.repeat(100_000);
    const server = await serve((line) => {
      asked.push(line);
      return `3 ${out.length} 4\n${out}bad\nmore`;
    });
    const words = ['why', 'a "b\\c"\n\u00e9', '--socket', path];
    const end = await whp(host, ...words);
    assert.equal([end.status, end.out === out, end.err], [3, true, 'bad\n']);
    assert.equal(JSON.parse(asked[0]!), { method: 'cli', words });
    await close(server);
  });

  test(`${name}: the engine runs for other words, without an agent, and for one of before`, async () => {
    const engine = async (...words: string[]): Promise<void> => {
      assert.is((await whp(host, ...words)).out, `engine ${words.join(' ')}\n`);
    };
    await engine('status', '--socket', path);
    const server = await serve((line) =>
      line.includes('evidence') ? '-1 0 0\n' : '{"ok":false,"error":"no such method: cli"}\n',
    );
    await engine('check', '--socket', path);
    await engine('status', '--socket', path);
    await engine('evidence', '--socket', path);
    // The connection of the question is closed: of the descriptors above the standard ones none is a socket.
    const open = await run([...host, sockets, 'status', '--socket', path], '');
    assert.is(open.out, 'sockets 0\n');
    await close(server);
    const silent = await serve(() => null);
    const end = await whp(host, 'status', '--socket', path);
    assert.equal(
      [end.status, end.out, end.err],
      [1, '', `whp: ${path}: the agent closed the connection without an answer\n`],
    );
    await close(silent);
  });
}

for (const [name, host] of Object.entries(HOSTS)) {
  test(`${name}: a part of an answer is not printed, and said to be one`, async () => {
    const cut = `whp: ${path}: the agent ended in the middle of its answer; nothing is printed of it\n`;
    for (const part of ['0 9 0\nabc', `0 300000 0\n${'x'.repeat(200_000)}`, '0 3 5\nabcd', '0 3']) {
      const server = await serve(() => ({ last: part }));
      assert.equal(await whp(host, 'flows', '--socket', path), { status: 1, out: '', err: cut });
      const line = await ask(host, 'x\n');
      await close(server);
      if (part.includes('\n')) continue;
      assert.equal(line, { status: 1, out: '', err: cut });
    }
  });

  test(`${name}: an agent that closes at once, and one that answers what nobody can mean`, async () => {
    const closing = createServer((socket) => socket.destroy());
    rmSync(path, { force: true });
    await new Promise<void>((resolve) => closing.unref().listen(path, resolve));
    const gone = `whp: ${path}: the agent closed the connection without an answer\n`;
    const long = 'x'.repeat(60_000);
    assert.equal(await whp(host, 'why', long, `--socket=${path}`), {
      status: 1,
      out: '',
      err: gone,
    });
    assert.equal(await ask(host, `${long}\n`), { status: 1, out: '', err: gone });
    await close(closing);
    for (const head of ['0 99999999999 0\n', '256 0 0\n']) {
      const server = await serve(() => head);
      const end = await whp(host, 'status', '--socket', path);
      await close(server);
      assert.equal([end.status, end.out], [1, '']);
      assert.match(end.err, 'the answer is none of this version');
    }
  });

  test(`${name}: a reader that has gone ends it quietly, a full disk is said`, async () => {
    const out = 'line\n'.repeat(100_000);
    const server = await serve(() => `0 ${out.length} 0\n${out}`);
    const command = [...host, bundle, 'flows', '--socket', path].join(' ');
    for (const shell of [`${command} | head -1`, `trap '' PIPE; ${command} | head -1`]) {
      assert.equal(await run(['sh', '-c', shell], ''), { status: 0, out: 'line\n', err: '' });
    }
    const full = await run(['sh', '-c', `${command} >/dev/full`], '');
    assert.equal([full.status, full.out], [1, '']);
    assert.match(full.err, /^whp: the answer cannot be written: No space left on device/);
    await close(server);
    // The same when the engine prints.
    const printing = join(folder, 'whp-printing');
    writeFileSync(printing, "for (let i = 0; i < 50000; i++) print('line');");
    const engine = [...host, printing].join(' ');
    const read = await run(['sh', '-c', `${engine} | head -1`], '');
    assert.equal(read, { status: 0, out: 'line\n', err: '' });
    const lost = await run(['sh', '-c', `${engine} >/dev/full`], '');
    assert.is(lost.status, 1);
    assert.match(lost.err, 'not all of the answer could be written');
  });

  test(`${name}: what a starter forgot to open, to let through or to close makes no difference`, async () => {
    const server = await serve(() => '0 5 0\ngood\n');
    const command = [...host, bundle, 'status', '--socket', path].join(' ');
    for (const closed of ['<&-', '2>&-', '<&- 2>&-']) {
      const end = await run(['sh', '-c', `${command} ${closed}`], '');
      assert.equal(end, { status: 0, out: 'good\n', err: '' }, closed);
    }
    // No descriptor that is opened later takes the number of the standard output.
    assert.is((await run(['sh', '-c', `${command} >&-`], '')).status, 0);
    await close(server);
    const facts = join(folder, 'whp-facts');
    writeFileSync(
      facts,
      `import * as os from 'qjs:os';
      import * as std from 'qjs:std';
      const status = std.loadFile('/proc/self/status');
      print(/SigBlk:\\s*(\\S+)/.exec(status)[1], /Umask:\\s*(\\S+)/.exec(status)[1], os.exec(['true']));`,
    );
    const odd = `umask 777; trap '' CHLD; exec 9</dev/null; exec ${[...host, facts].join(' ')}`;
    const end = await run(['sh', '-c', odd], '');
    assert.equal(end, { status: 0, out: '0000000000000000 0022 0\n', err: '' });
  });
}

test('monitor ends when nobody reads it any more, and a terminal that does not wait gets it all', async () => {
  const tick = setInterval(() => {
    for (const one of open) one.write('{"kind":"asked"}\n');
  }, 20);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve) => server.unref().listen(path, resolve));
  const command = `timeout 20 ${WHP_TEXT} monitor --json --socket ${path}`;
  const end = await run(['sh', '-c', `{ ${command}; echo "status $?" >&2; } | head -1`], '');
  clearInterval(tick);
  for (const one of open) one.destroy();
  await close(server);
  assert.equal(end, { status: 0, out: '{"kind":"asked"}\n', err: 'status 1\n' });
  const out = 'x'.repeat(300_000);
  const answering = await serve(() => `0 ${out.length} 0\n${out}`);
  const nonblocking = "perl -MFcntl -e 'fcntl STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK; exec @ARGV'";
  const words = [...HOST, bundle, 'flows', '--socket', path].join(' ');
  const slow = `${nonblocking} ${words} | { sleep 0.3; wc -c; }`;
  const all = await run(['sh', '-c', slow], '');
  await close(answering);
  assert.equal([all.out.trim(), all.err], ['300000', '']);
});

test('the words are those that the agent answers', () => {
  const text = /asked\[\] = \{([^}]+)\}/.exec(readFileSync('agent/native/ask.c', 'utf8'))![1]!;
  assert.equal(
    Array.from(text.matchAll(/"(\w+)"/g), (found) => found[1]),
    [
      'status',
      'flows',
      'why',
      'learned',
      'evidence',
      'devices',
      'counters',
      'log',
      'reload',
      'pause',
      'resume',
      'pin',
      'unpin',
      'forget',
      'proxy',
      'profile',
      'ruleset',
      'check',
      // The agent answers it, so that the client need not start the engine.
      'version',
      'help',
      'completion',
    ],
  );
});

test.after(() => {
  if (existsSync(folder)) rmSync(folder, { recursive: true });
});

test.run();
