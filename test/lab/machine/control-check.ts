// Part of `lab.sh boot`: the control channel of a machine carries any bytes both ways, reports
// status and standard error, streams lines, and gets a channel back from a command that hangs.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from './machine.ts';

/** Rejects with what is wrong with the control channel of `machine`. */
export async function controlCheck(machine: Machine): Promise<void> {
  const expect = (what: string, good: boolean): void => {
    if (!good) throw new Error(`${machine.name}: control channel: ${what}`);
  };
  const sent = randomBytes(1_000_000);
  const started = Date.now();
  await machine.put('/tmp/check/bytes', sent, 0o600);
  const received = await machine.get('/tmp/check/bytes');
  expect('bytes of a file differ', received.equals(sent));
  const seconds = (Date.now() - started) / 1000;

  const failed = await machine.run('printf out; echo err >&2; exit 7');
  expect(`status ${failed.status}, not 7`, failed.status === 7);
  expect(`output ${JSON.stringify(failed.stdout)}`, failed.stdout === 'out');
  expect(`errors ${JSON.stringify(failed.stderr)}`, failed.stderr === 'err\n');

  const lines: string[] = [];
  const echo = await machine.spawn('while read -r word; do echo "<$word>"; done', (line) => {
    lines.push(line);
  });
  echo.write('one\ntwo\n');
  const deadline = Date.now() + 10_000;
  while (lines.length < 2 && Date.now() < deadline) await sleep(20);
  await echo.kill();
  const { status } = await echo.done;
  expect(`lines ${JSON.stringify(lines)}`, lines.join() === '<one>,<two>');
  expect(`killed program's status ${status}`, status === 143);

  const late = await machine.run('sleep 60', { timeout: 500 }).catch((error: Error) => error);
  expect('a timeout did not reject', late instanceof Error && late.message.includes('500 ms'));
  const many = await Promise.all(
    ['1', '2', '3', '4', '5', '6'].map((n) => machine.run(`echo ${n}`)),
  );
  expect('parallel commands', many.map((one) => one.stdout.trim()).join('') === '123456');
  await machine.must('rm -r /tmp/check');
  console.log(`${machine.name}: control channel works, ${(2 / seconds).toFixed(1)} MB/s`);
}
