// Starts the agent on the router and measures. Asks every 10 ms for the generation number: for a listener the kernel
// writes a notification of 4 KiB for each element of a transaction, more than the router's memory. Prints {"pid",
// "table", "queue"}: milliseconds from exec to the committed table and to the bound queue of held answers (queue 0: for
// none is waited). Usage: start LOGFILE QUEUE
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { readGeneration } from '../../agent/src/kernel/generation.ts';
import { openNetlink } from '../../agent/src/kernel/netlink-socket.ts';
import { NETLINK_NETFILTER } from '../../agent/src/netlink/constants.ts';
import { errorText } from '../../agent/src/os/errno.ts';

const [, logPath = '/tmp/whp.log', queue = '5300'] = scriptArgs;
const LIMIT = 60_000;
const EACH = 10;

const opened = openNetlink(NETLINK_NETFILTER);
if (!opened.ok) throw new Error(errorText(opened.error));
const socket = opened.value;
const log = os.open(logPath, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644);
const nothing = os.open('/dev/null', os.O_RDWR);
let table = 0;
const before = readGeneration(socket);

const began = monotonic();
const pid = os.exec(['/usr/bin/whp', 'daemon'], {
  block: false,
  stdin: nothing,
  stdout: log,
  stderr: log,
});
/** The table is the first thing that the agent commits. */
function waitForTable(): void {
  if (readGeneration(socket) === before) {
    os.setTimeout(waitForTable, EACH);
    return;
  }
  table = monotonic() - began;
  if (queue === '0') finish(0);
  else waitForQueue();
}

waitForTable();
os.setTimeout(() => finish(0), LIMIT);

function waitForQueue(): void {
  const text = std.loadFile('/proc/net/netfilter/nfnetlink_queue') ?? '';
  const bound = text.split('\n').some((line) => line.trim().startsWith(`${queue} `));
  if (bound) finish(monotonic() - began);
  else os.setTimeout(waitForQueue, 2);
}

function finish(bound: number): void {
  std.out.puts(`${JSON.stringify({ pid, table, queue: bound })}\n`);
  std.exit(table === 0 || (bound === 0 && queue !== '0') ? 1 : 0);
}
