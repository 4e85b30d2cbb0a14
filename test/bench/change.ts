// How long the running agent takes to a changed table and to repair a deleted one, by what the kernel announces. Prints
// {"reload", "repair"}: medians in milliseconds, from the start of `whp reload` to the last commit, and from the commit
// that deletes the table to the one that makes it. Usage: change CONFIGURATION
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { openNetlink, receive } from '../../agent/src/kernel/netlink-socket.ts';
import { NETLINK_NETFILTER } from '../../agent/src/netlink/constants.ts';
import { readNftEvent } from '../../agent/src/netlink/nft-event.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { TABLE } from '../../agent/src/ruleset/names.ts';
import { readTableEvent } from '../fixtures/netlink-requests.ts';
import { NFNLGRP_NFTABLES } from '../netlink/nft-constants.ts';

const [, configuration = ''] = scriptArgs;
/** Even: the configuration is the first one again. */
const TIMES = 4;
/** Milliseconds after the last commit, after which no other is expected; and the longest that a repair may take. */
const SETTLED = 1000;
const LONGEST = 60_000;
/** It ends the section of the app, and the table gets rules of it. */
const CHANGE = "\tlist device '192.168.1.0/24'\n";

const opened = openNetlink(NETLINK_NETFILTER, {
  groups: [NFNLGRP_NFTABLES],
  receiveQueue: 1 << 20,
  silentOverrun: true,
});
if (!opened.ok) throw new Error(errorText(opened.error));
const socket = opened.value;
/** When the table was deleted and made, and the last commit; 0: not since they were cleared. */
const seen = { deleted: 0, made: 0, commit: monotonic() };
const nothing = os.open('/dev/null', os.O_RDWR);

os.setReadHandler(socket.fd, () => {
  receive(socket, (message, reader) => {
    const generation = readNftEvent(reader, message);
    if (generation.ok && generation.value.kind === 'generation') seen.commit = monotonic();
    const event = readTableEvent(reader, message);
    if (event === null || event.table !== TABLE) return;
    if (event.kind === 'table-new') seen.made = monotonic();
    // A transaction that makes the table can delete it before.
    else if (seen.deleted === 0) seen.deleted = monotonic();
  });
});

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => void os.setTimeout(resolve, milliseconds));

/** Resolves when no commit has followed the last one for a while. */
async function quiet(): Promise<void> {
  while (monotonic() - seen.commit < SETTLED) await sleep(50);
}

/** Runs a program beside the event loop, which notes the time of what the kernel announces. */
async function program(command: string[]): Promise<void> {
  const child = os.exec(command, { block: false, stdout: nothing });
  for (;;) {
    const [pid, status] = os.waitpid(child, os.WNOHANG);
    if (pid === child && status === 0) return;
    if (pid === child) throw new Error(`${command.join(' ')}: status ${status}`);
    await sleep(5);
  }
}

async function times(measure: (i: number) => Promise<number>): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    Object.assign(seen, { deleted: 0, made: 0, commit: 0 });
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
  if (seen.commit === 0) throw new Error('the reload has committed nothing');
  await quiet();
  return seen.commit - began;
});
const repair = await times(async () => {
  await program(['nft', `delete table inet ${TABLE}`]);
  const began = monotonic();
  while (seen.made === 0) {
    if (monotonic() - began > LONGEST) throw new Error('the table was not made again');
    await sleep(50);
  }
  await quiet();
  return seen.made - seen.deleted;
});
std.out.puts(`${JSON.stringify({ reload, repair })}\n`);
std.exit(0);
