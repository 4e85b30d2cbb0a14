// How long a program takes on the router, from fork to exit. Prints the median in milliseconds.
// Usage: process TIMES COMMAND [WORD...]
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';

const [, times = '1', ...command] = scriptArgs;
const nothing = os.open('/dev/null', os.O_RDWR);
const took: number[] = [];
for (let i = 0; i < Number(times); i++) {
  const t0 = monotonic();
  const status = os.exec(command, { block: true, stdout: nothing });
  if (status !== 0) throw new Error(`${command.join(' ')}: status ${status}`);
  took.push(monotonic() - t0);
}
took.sort((a, b) => a - b);
std.out.puts(`${took[took.length >> 1]}\n`);
