// os/ in the host: programs, files, text and the control socket; also with sanitizers.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import {
  EADDRINUSE,
  ECONNREFUSED,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTSOCK,
  EOVERFLOW,
  umask,
} from 'whp:socket';
import { spawn, user } from 'whp:system';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { now, wallTime } from '../../agent/src/os/clock.ts';
import { readText, writeText } from '../../agent/src/os/file.ts';
import { reasonOf, runProgram } from '../../agent/src/os/process.ts';
import { listenSignals } from '../../agent/src/os/signals.ts';
import {
  connectLines,
  DEFAULT_LIMITS,
  endLine,
  type Line,
  listenLines,
  sendValue,
} from '../../agent/src/os/unix-socket.ts';
import { decodeUtf8, encodeUtf8 } from '../../agent/src/os/utf8.ts';

const base = `/tmp/whp-test-${os.getpid()}`;
const pause = (ms: number): Promise<void> => new Promise((done) => os.setTimeout(done, ms));

/** Waits until `what` holds, two seconds at most. */
async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !what(); i++) await pause(5);
  assert.ok(what(), 'not within two seconds');
}

test('the clocks', async () => {
  const before = now();
  await pause(20);
  assert.ok(now() - before >= 19);
  assert.ok(wallTime() > 1.6e12);
});

test('UTF-8 there and back, and bytes that are none', () => {
  const text = 'a\u00e9\u20ac\u{1f600}\n';
  assert.is(decodeUtf8(encodeUtf8(text)), text);
  assert.equal([...encodeUtf8('\u{1f600}')], [0xf0, 0x9f, 0x98, 0x80]);
  assert.is(decodeUtf8(encodeUtf8('\ud800x')), '\ufffdx');
  const bad = [
    [0xff],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80],
    [0xe2, 0x82],
  ];
  for (const bytes of bad) assert.ok(decodeUtf8(Uint8Array.from(bytes)).startsWith('\ufffd'));
  // Any bytes decode to a text that encodes back (random bytes: Park and Miller's generator).
  for (let seed = 1, round = 0; round < 2000; round += 1) {
    const bytes = Uint8Array.from({ length: round % 40 }, () => {
      seed = (seed * 48271) % 0x7fffffff;
      return (seed % 256) | (round % 3 === 0 ? 0xc0 : 0);
    });
    const read = decodeUtf8(bytes);
    assert.is(decodeUtf8(encodeUtf8(read)), read);
  }
  const long = 'x\u20ac'.repeat(10000);
  assert.is(decodeUtf8(encodeUtf8(long)), long);
});

test('a file is written whole and read whole', () => {
  const text = 'line\n'.repeat(5000);
  assert.is(writeText(`${base}.txt`, text), 0);
  assert.equal(readText(`${base}.txt`), { ok: true, text });
  assert.equal(readText(`${base}.txt`, 100), { ok: false, errno: EOVERFLOW });
  assert.is(writeText(`${base}.txt`, ''), 0);
  assert.equal(readText(`${base}.txt`), { ok: true, text: '' });
  os.remove(`${base}.txt`);
  assert.equal(readText(`${base}.txt`), { ok: false, errno: ENOENT });
  assert.is(writeText(`${base}/no/folder`, text), ENOENT);
  const proc = readText('/proc/self/status');
  assert.ok(proc.ok && proc.text.includes('Pid:'));
});

test('a file of exactly the limit is read, one byte more is too much', () => {
  // Below, at and above the size that a read begins with.
  for (const size of [0, 1, 100, 4095, 4096, 4097, 8192, 10000]) {
    const text = 'x'.repeat(size);
    assert.is(writeText(`${base}.txt`, text), 0);
    assert.equal(readText(`${base}.txt`, size), { ok: true, text }, `${size}`);
    assert.equal(readText(`${base}.txt`, size + 1), { ok: true, text }, `${size}`);
    if (size === 0) continue;
    const refused = { ok: false, errno: EOVERFLOW };
    assert.equal(readText(`${base}.txt`, size - 1), refused, `${size}`);
  }
  os.remove(`${base}.txt`);
});

const modeOf = (path: string): number => (os.lstat(path)[0]?.mode ?? 0) & 0o7777;

test('a file that is written is private, whatever the mode mask and the file before', async () => {
  const path = `${base}-private`;
  const mask = umask(0);
  assert.is(writeText(path, 'one'), 0);
  umask(mask);
  assert.is(modeOf(path), 0o600);
  await runProgram(['chmod', '666', path]);
  assert.is(writeText(path, 'two'), 0);
  assert.is(modeOf(path), 0o600);
  os.remove(path);
});

test('what somebody else has put in the place of a file is neither followed nor written into', async () => {
  const [path, victim] = [`${base}-place`, `${base}-victim`];
  assert.is(writeText(victim, 'theirs'), 0);
  const put = async (...command: string[]): Promise<void> => {
    os.remove(path);
    const ended = await runProgram(command);
    assert.is(ended.status, 0, reasonOf(ended));
  };
  await put('ln', '-s', victim, path);
  assert.is(writeText(path, 'ours'), EEXIST, 'a link');
  await put('ln', '-s', `${base}-nothing`, path);
  assert.is(writeText(path, 'ours'), EEXIST, 'a link to nothing');
  assert.is(readText(`${base}-nothing`).ok, false);
  await put('mkfifo', path);
  assert.is(writeText(path, 'ours'), EEXIST, 'a pipe');
  assert.equal(readText(path), { ok: false, errno: EINVAL });
  os.remove(path);
  assert.is(writeText(path, 'before'), 0);
  if (user() === 0) {
    await runProgram(['chown', '1', path]);
    assert.is(writeText(path, 'ours'), EEXIST, 'a file of another user');
  }
  os.remove(path);
  assert.equal(readText(victim), { ok: true, text: 'theirs' });
  os.remove(victim);
});

test('a new file has a name nobody can prepare where others write, and one name elsewhere', async () => {
  const folder = `${base}-folder`;
  const victim = `${base}-target`;
  assert.is(writeText(victim, 'theirs'), 0);
  const shell = async (script: string): Promise<string> =>
    (await runProgram(['sh', '-c', script])).stdout;
  await shell(`mkdir -m 1777 ${folder}; ln -s ${victim} ${folder}/file.new`);
  assert.is(writeText(`${folder}/file`, 'ours'), 0);
  assert.is(await shell(`ls ${folder}`), 'file\nfile.new\n', 'the link is not even looked at');
  await shell(`chmod 700 ${folder}`);
  assert.is(writeText(`${folder}/file`, 'again'), 0, 'what is left behind goes');
  assert.is(await shell(`ls ${folder}; cat ${folder}/file`), 'file\nagain');
  assert.equal(readText(victim), { ok: true, text: 'theirs' });
  await shell(`rm -r ${folder} ${victim}`);
});

test('a socket takes the place of no other file', () => {
  const path = `${base}-file`;
  assert.is(writeText(path, 'kept'), 0);
  assert.equal(listenLines(path, { onValue: () => {} }), { ok: false, errno: ENOTSOCK });
  assert.equal(readText(path), { ok: true, text: 'kept' });
  os.remove(path);
});

test('a program gets its input and gives output, errors and status', async () => {
  const input = 'x'.repeat(300000);
  const copy = await runProgram(['cat'], { input });
  assert.is(copy.stdout, input);
  assert.equal([copy.status, copy.stderr, copy.timedOut], [0, '', false]);
  const script = 'echo out; echo err >&2; exit 3';
  const result = await runProgram(['sh', '-c', script]);
  const { failure, ...rest } = result;
  assert.is(failure, null);
  assert.equal(rest, {
    status: 3,
    stdout: 'out\n',
    stderr: 'err\n',
    isCut: false,
    timedOut: false,
  });
});

test('a program that is missing, deaf, endless, too loud or survived by a child', async () => {
  assert.is((await runProgram([`${base}-none`])).status, 127);
  // The program closes its input unread: no SIGPIPE, no error.
  const deaf = await runProgram(['sh', '-c', 'exec <&-; exit 4'], { input: 'x'.repeat(200000) });
  assert.is(deaf.status, 4);
  const endless = await runProgram(['sleep', '60'], { timeout: 50 });
  assert.equal([endless.status, endless.timedOut], [-9, true]);
  const loud = await runProgram(['sh', '-c', 'head -c 500000 /dev/zero'], { limit: 1000 });
  assert.ok(loud.isCut);
  // The limit counts bytes: "é" has two.
  const accents = ['printf', '\u00e9\u00e9'];
  for (const [limit, stdout, isCut] of [
    [4, '\u00e9\u00e9', false],
    [3, '\u00e9\ufffd', true],
  ] as const) {
    const printed = await runProgram(accents, { limit });
    assert.equal([printed.stdout, printed.isCut], [stdout, isCut]);
  }
  assert.equal([loud.status, loud.stdout.length], [0, 1000]);
  const started = now();
  const survived = await runProgram(['sh', '-c', 'sleep 5 & echo done']);
  assert.is(survived.stdout, 'done\n');
  assert.ok(now() - started < 3000);
});

test('programs are found without a PATH, and get an environment that is always the same', async () => {
  assert.is(std.getenv('PATH'), undefined, 'the tests run as under ujail');
  const sysctl = await runProgram(['sysctl', '-n', 'kernel.ostype']);
  assert.equal([sysctl.status, sysctl.stdout], [0, 'Linux\n']);
  const { stdout } = await runProgram(['env']);
  assert.equal(stdout.trim().split('\n'), ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C']);
});

test('a program has no signal blocked or ignored, and no descriptor but its three', async () => {
  os.signal(os.SIGUSR1, undefined);
  const { stdout } = await runProgram(['cat', '/proc/self/status']);
  os.signal(os.SIGUSR1, null);
  assert.equal(/^SigBlk:\s*(\S+)/m.exec(stdout)?.[1], '0'.repeat(16));
  assert.equal(/^SigIgn:\s*(\S+)/m.exec(stdout)?.[1], '0'.repeat(16));
  const held = os.open('/dev/null', os.O_RDONLY);
  const open = await runProgram([
    'sh',
    '-c',
    'for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do [ ! -e /proc/self/fd/$i ] || echo $i; done',
  ]);
  os.close(held);
  assert.is(open.stdout.replace(/\n/g, ' '), '0 1 2 ');
});

test('a program that cannot be started is named, with the errno and the fix', async () => {
  const missing = await runProgram(['no-such-program']);
  assert.is(missing.status, 127);
  assert.match(
    missing.failure!,
    'no-such-program is not installed (looked in /usr/sbin, /usr/bin, /sbin, /bin, /usr/local/sbin, /usr/local/bin); install no-such-program',
  );
  const file = `${base}-program`;
  const cases: [string, string, string][] = [
    ['#!/bin/true\n', '600', 'cannot be executed: Permission denied'],
    ['no program\n', '700', 'cannot be executed: Exec format error'],
    ['#!/no/such/interpreter\n', '700', 'its loader or interpreter is missing: No such file'],
  ];
  for (const [text, mode, reason] of cases) {
    os.remove(file);
    assert.is(writeText(file, text), 0);
    assert.is((await runProgram(['chmod', mode, file])).status, 0);
    const ended = await runProgram([file]);
    assert.is(ended.status, 127);
    assert.match(
      ended.failure!,
      `${file} ${reason.startsWith('its') ? `cannot be executed: ${reason}` : reason}`,
    );
    assert.is(reasonOf(ended), ended.failure);
  }
  os.remove(file);
});

test('the reason of a failure is never empty', async () => {
  const quiet = await runProgram(['sh', '-c', 'exit 5']);
  assert.is(reasonOf(quiet), 'it ended with status 5 and no word');
  const killed = await runProgram(['sh', '-c', 'kill -9 $$']);
  assert.is(reasonOf(killed), 'it was ended by signal 9');
  const late = await runProgram(['sleep', '60'], { timeout: 30 });
  assert.is(reasonOf(late), 'it did not end in time and was killed');
});

test('wrong arguments throw and start nothing', () => {
  assert.throws(() => spawn('/bin/true', ['true'], [], -1, 1, 2), /not a descriptor/);
  assert.throws(() => spawn('/bin/true', [1 as unknown as string], [], 0, 1, 2), /not a string/);
  assert.throws(() => spawn('/bin/true', 'true' as unknown as [], [], 0, 1, 2), /not an array/);
  assert.throws(() => spawn('/bin/true', Array(65).fill('x'), [], 0, 1, 2), /more than 64/);
  assert.is(spawn(`${base}-none`, ['x'], [], 0, 1, 2), -ENOENT);
});

test('the loop goes on while a program runs', async () => {
  let rounds = 0;
  const timer = os.setInterval(() => {
    rounds += 1;
  }, 10);
  await runProgram(['sleep', '0.3']);
  os.clearInterval(timer);
  assert.ok(rounds >= 10, `${rounds} rounds`);
});

test('signals stop and reload; a reload that comes too early is made up for', async () => {
  const seen: string[] = [];
  const asked = listenSignals();
  void asked.stopped.then(() => seen.push('stop'));
  let rounds = 0;
  const timer = os.setInterval(() => {
    rounds += 1;
  }, 5);
  os.kill(os.getpid(), 1);
  await until(() => rounds >= 2);
  os.clearInterval(timer);
  assert.equal(seen, []);
  asked.onReload(() => seen.push('reload'));
  assert.equal(seen, ['reload']);
  os.kill(os.getpid(), 1);
  await until(() => seen.length === 2);
  os.kill(os.getpid(), os.SIGTERM);
  await until(() => seen.length === 3);
  assert.equal(seen, ['reload', 'reload', 'stop']);
  for (const number of [1, os.SIGTERM, os.SIGINT]) os.signal(number, null);
});

test('values go both ways over the control socket', async () => {
  const path = `${base}.sock`;
  const listening = listenLines(path, {
    onValue: (value, line) => {
      sendValue(line, { echo: value });
      endLine(line);
    },
  });
  if (!listening.ok) throw new Error(`listen: ${listening.errno}`);
  const [stat] = os.stat(path);
  assert.is((stat?.mode ?? 0) & 0o777, 0o600);
  assert.equal(listenLines(path, { onValue: () => {} }), { ok: false, errno: EADDRINUSE });
  const got: unknown[] = [];
  let closed = '';
  const connected = connectLines(path, {
    onValue: (value) => got.push(value),
    onClose: (reason) => {
      closed = reason;
    },
  });
  if (!connected.ok) throw new Error(`connect: ${connected.errno}`);
  const large = { text: '\u20ac'.repeat(20000), n: 1 };
  sendValue(connected.line, large);
  await until(() => closed !== '');
  assert.equal(got, [{ echo: large }]);
  assert.is(closed, 'end');
  listening.server.close();
  const gone = connectLines(path, { onValue: () => {} });
  assert.equal(gone, { ok: false, errno: ENOENT });
});

test('a socket file left behind by a crash is taken over', () => {
  const path = `${base}-left.sock`;
  const first = listenLines(path, { onValue: () => {} });
  if (!first.ok) throw new Error('listen');
  os.rename(path, `${path}.kept`);
  first.server.close();
  os.rename(`${path}.kept`, path);
  assert.equal(connectLines(path, { onValue: () => {} }), { ok: false, errno: ECONNREFUSED });
  const second = listenLines(path, { onValue: () => {} });
  assert.ok(second.ok);
  if (second.ok) second.server.close();
});

test('clients that are too many, too long, no JSON or too slow are ended', async () => {
  const path = `${base}-limits.sock`;
  const closed: string[] = [];
  const lines: Line[] = [];
  const limits = { clients: 2, line: 100, queue: 5000 };
  const events = {
    onValue: (_: unknown, line: Line) => void lines.push(line),
    onClose: (reason: string) => void closed.push(reason),
  };
  const listening = listenLines(path, events, limits);
  if (!listening.ok) throw new Error('listen');
  const ended: number[] = [];
  const client = (number: number): Line => {
    const c = connectLines(path, { onValue: () => {}, onClose: () => ended.push(number) });
    if (!c.ok) throw new Error(`connect: ${c.errno}`);
    return c.line;
  };
  const first = client(1);
  const second = client(2);
  await until(() => listening.server.clients() === 2);
  client(3);
  await until(() => ended.includes(3));
  sendValue(first, 'x'.repeat(9000));
  await until(() => closed.includes('line too long') && ended.includes(1));
  sendValue(second, 1);
  await until(() => lines.length === 1);
  // The reader stops: what exceeds the kernel's buffers is buffered here, up to the limit.
  let accepted = 0;
  while (sendValue(lines[0]!, 'y'.repeat(1000)) && accepted < 100000) accepted += 1;
  assert.ok(accepted > 0 && accepted < 100000);
  assert.ok(closed.includes('too slow'));
  listening.server.close();
  assert.is(DEFAULT_LIMITS.clients, 8);
});

test.run();
