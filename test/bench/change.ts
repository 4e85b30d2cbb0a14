// How long the running agent takes to a changed table and to repair a deleted one. Prints {"reload", "repair"}: medians
// in milliseconds, from the start of `whp reload` to the last commit, and from the commit that deletes the table to the
// one that makes it. Usage: change CONFIGURATION
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { TABLE } from '../../agent/src/ruleset/names.ts';
import { LOOK, noting, pause } from './moments.ts';

const [, configuration = ''] = scriptArgs;
/** Even: the configuration is the first one again. */
const TIMES = 4;
/** Milliseconds after the last commit, after which no other is expected; and the longest wait for one. */
const SETTLED = 3000;
const LONGEST = 120_000;
/** It ends the section of the app, and the table gets rules of it. */
const CHANGE = "\tlist device '192.168.1.0/24'\n";

const nothing = os.open('/dev/null', os.O_RDWR);
const moments = await noting('0');

/** The times of all commits since `from`, when at least `count` have come and no other has followed for a while. */
async function commits(from: number, count: number): Promise<number[]> {
  for (;;) {
    await pause(LOOK);
    const seen = moments.read().commits.filter((at) => at >= from);
    const last = seen.at(-1) ?? from;
    if (seen.length >= count && monotonic() - last > SETTLED) return seen;
    if (monotonic() - last > LONGEST) throw new Error(`${seen.length} of ${count} commits`);
  }
}

/** Runs a program. Its exit status is not looked at: a slow agent answers later than its command waits, and the commits
 * are what is measured. */
async function program(command: string[]): Promise<void> {
  const child = os.exec(command, { block: false, stdout: nothing });
  while (os.waitpid(child, os.WNOHANG)[0] !== child) await pause(LOOK);
}

async function times(measure: (i: number) => Promise<number>): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < TIMES; i++) took.push(await measure(i));
  took.sort((a, b) => a - b);
  return (took[1]! + took[2]!) / 2;
}

function write(path: string, content: string): void {
  const bytes = Uint8Array.from(content, (letter) => letter.charCodeAt(0));
  const file = os.open(path, os.O_WRONLY | os.O_TRUNC);
  if (os.write(file, bytes.buffer, 0, bytes.length) !== bytes.length) throw new Error(path);
  os.close(file);
}

// What the start has left to do.
await commits(monotonic(), 0);
const text = std.loadFile(configuration) ?? '';
const reload = await times(async (i) => {
  write(configuration, i % 2 === 0 ? text + CHANGE : text);
  const began = monotonic();
  await program(['/usr/bin/whp', 'reload']);
  return (await commits(began, 1)).at(-1)! - began;
});
const repair = await times(async () => {
  const began = monotonic();
  await program(['nft', `delete table inet ${TABLE}`]);
  const [deleted, made] = (await commits(began, 2)) as [number, number];
  return made - deleted;
});
moments.end();
std.out.puts(`${JSON.stringify({ reload, repair })}\n`);
std.exit(0);
