// Starts the agent on the router and measures, without polling beside it: the kernel announces the
// table's commit to this program, which sleeps until then. Prints {"pid", "table", "queue"}:
// milliseconds from exec to the committed table and, looked for every 2 ms after that, to the bound
// queue of held answers (queue 0: for none is waited). Usage: start LOGFILE QUEUE
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { openNetlink, receive } from '../../agent/src/kernel/netlink-socket.ts';
import { NETLINK_NETFILTER } from '../../agent/src/netlink/constants.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { TABLE } from '../../agent/src/ruleset/names.ts';
import { readTableEvent } from '../fixtures/netlink-requests.ts';
import { NFNLGRP_NFTABLES } from '../netlink/nft-constants.ts';

const [, logPath = '/tmp/whp.log', queue = '5300'] = scriptArgs;
const LIMIT = 60_000;

const opened = openNetlink(NETLINK_NETFILTER, {
  groups: [NFNLGRP_NFTABLES],
  receiveQueue: 1 << 20,
  silentOverrun: true,
});
if (!opened.ok) throw new Error(errorText(opened.error));
const socket = opened.value;
const log = os.open(logPath, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644);
const nothing = os.open('/dev/null', os.O_RDWR);
let table = 0;

const began = monotonic();
const pid = os.exec(['/usr/bin/whp', 'daemon'], {
  block: false,
  stdin: nothing,
  stdout: log,
  stderr: log,
});
os.setReadHandler(socket.fd, () => {
  receive(socket, (message, reader) => {
    const event = readTableEvent(reader, message);
    if (event === null || event.kind !== 'table-new' || event.table !== TABLE) return;
    if (table !== 0) return;
    table = monotonic() - began;
    if (queue === '0') finish(0);
    else waitForQueue();
  });
});
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
