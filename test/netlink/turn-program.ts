// Runs in the host in a fresh network namespace, with a real log group: packets whose handling takes long do not keep
// the event loop from its other work. One line a claim.
import * as os from 'qjs:os';
import { now } from '../../agent/src/os/clock.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { realKernel } from '../lib/kernel.ts';
import { claimLater, finish, holds } from './claims.ts';
import { openUdp, sendUdp } from './udp.ts';

const GROUP = 5313;
const PORT = 5455;
/** Of one packet, as on a slow router; and the most of a callback, with the packet that it ends with. */
const HANDLING = 400;
const MOST = 4;
const PACKETS = 8;

const loaded = await runProgram(['nft', '-f', '-'], {
  input: `table inet whpt { chain out { type filter hook output priority 0;
    udp dport ${PORT} log prefix "whp:query" group ${GROUP}
  }; }`,
});
if (loaded.status !== 0) throw new Error(loaded.stderr);
await runProgram(['ip', 'link', 'set', 'lo', 'up']);

/** How many packets were handled in each turn of the event loop that handled some. */
const turns: number[] = [];
let isSameTurn = false;

const listened = realKernel().feeds.announced(
  GROUP,
  () => {
    if (!isSameTurn) {
      turns.push(0);
      isSameTurn = true;
      os.setTimeout(() => {
        isSameTurn = false;
      }, 0);
    }
    turns.push(turns.pop()! + 1);
    const until = now() + HANDLING;
    while (now() < until);
  },
  () => {},
);
if (!listened.ok) throw new Error('no log group');

await claimLater('packets-that-take-long-end-the-turn', async () => {
  const fd = openUdp(0);
  for (let i = 0; i < PACKETS; i++) sendUdp(fd, PORT, `${i}`);
  await new Promise<void>((done) => os.setTimeout(done, PACKETS * HANDLING + 1000));
  const all = turns.reduce((sum, count) => sum + count, 0);
  holds(all === PACKETS, `${all} packets`);
  holds(Math.max(...turns) <= MOST, `packets in one turn: ${turns.join(' ')}`);
});
listened.value.close();
finish();
