// Starts the agent on the router and measures. Prints {"pid", "table", "queue"}: milliseconds from exec to the committed
// table and to the bound queue of held answers (queue 0: for none is waited). Usage: start LOGFILE QUEUE
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { LOOK, noting, pause } from './moments.ts';

const [, logPath = '/tmp/whp.log', queue = '5300'] = scriptArgs;
const LIMIT = 120_000;

const log = os.open(logPath, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644);
const nothing = os.open('/dev/null', os.O_RDWR);
const moments = await noting(queue);

const began = monotonic();
const pid = os.exec(['/usr/bin/whp', 'daemon'], {
  block: false,
  stdin: nothing,
  stdout: log,
  stderr: log,
});
let table = 0;
let bound = 0;
while ((table === 0 || (bound === 0 && queue !== '0')) && monotonic() - began < LIMIT) {
  await pause(LOOK);
  const seen = moments.read();
  // The table is the first thing that the agent commits.
  if (seen.commits[0] !== undefined) table = seen.commits[0] - began;
  if (seen.bound !== null) bound = seen.bound - began;
}
moments.end();
std.out.puts(`${JSON.stringify({ pid, table, queue: bound })}\n`);
std.exit(table === 0 || (bound === 0 && queue !== '0') ? 1 : 0);
