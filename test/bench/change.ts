// How long the running agent takes to a changed table and to repair a deleted one. Prints {"reload", "repair"}: medians
// in milliseconds, from the start of `whp reload` to the last commit, and from the commit that deletes the table to the
// one that makes it. The generation number is asked for: for a listener the kernel writes a notification of 4 KiB for
// each element of a transaction, more than the router's memory. Usage: change CONFIGURATION
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { readGeneration } from '../../agent/src/kernel/generation.ts';
import { openNetlink } from '../../agent/src/kernel/netlink-socket.ts';
import { NETLINK_NETFILTER } from '../../agent/src/netlink/constants.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { TABLE } from '../../agent/src/ruleset/names.ts';

const [, configuration = ''] = scriptArgs;
/** Even: the configuration is the first one again. */
const TIMES = 4;
/** Milliseconds between two questions. */
const EACH = 5;
/** Milliseconds after the last commit, after which no other is expected; and the longest wait for one. */
const SETTLED = 1000;
const LONGEST = 60_000;
/** It ends the section of the app, and the table gets rules of it. */
const CHANGE = "\tlist device '192.168.1.0/24'\n";

const opened = openNetlink(NETLINK_NETFILTER);
if (!opened.ok) throw new Error(errorText(opened.error));
const socket = opened.value;
/** When each generation was first seen, since the list was cleared. */
let commits: number[] = [];
let last = { generation: readGeneration(socket), at: monotonic() };
const nothing = os.open('/dev/null', os.O_RDWR);

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => void os.setTimeout(resolve, milliseconds));

async function next(): Promise<void> {
  await sleep(EACH);
  const generation = readGeneration(socket);
  if (generation === last.generation) return;
  last = { generation, at: monotonic() };
  commits.push(last.at);
}

/** Resolves when no commit has followed the last one for a while. */
async function quiet(): Promise<void> {
  while (monotonic() - last.at < SETTLED) await next();
}

/** Runs a program, and notes the commits meanwhile. Its exit status is not looked at: a slow agent answers later than
 * its command waits, and the commits are what is measured. */
async function program(command: string[]): Promise<void> {
  const child = os.exec(command, { block: false, stdout: nothing });
  while (os.waitpid(child, os.WNOHANG)[0] !== child) await next();
}

/** Resolves when there were `count` commits. */
async function committed(count: number): Promise<void> {
  const began = monotonic();
  while (commits.length < count) {
    if (monotonic() - began > LONGEST) throw new Error(`${commits.length} of ${count} commits`);
    await next();
  }
}

async function times(measure: (i: number) => Promise<number>): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    commits = [];
    took.push(await measure(i));
  }
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
await quiet();
const text = std.loadFile(configuration) ?? '';
const reload = await times(async (i) => {
  write(configuration, i % 2 === 0 ? text + CHANGE : text);
  const began = monotonic();
  await program(['/usr/bin/whp', 'reload']);
  await committed(1);
  await quiet();
  return commits.at(-1)! - began;
});
const repair = await times(async () => {
  await program(['nft', `delete table inet ${TABLE}`]);
  await committed(2);
  const [deleted, made] = commits as [number, number];
  await quiet();
  return made - deleted;
});
std.out.puts(`${JSON.stringify({ reload, repair })}\n`);
std.exit(0);
