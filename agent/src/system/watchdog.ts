// system/watchdog: keeps the second watchdog running (agent/native/watch.c), a small process that
// asks this one twice a second over the control socket whether it is there. The first, an alarm in the
// host program, ends an agent that runs without end; this one also an agent that is stopped.
import * as os from 'qjs:os';
import { EINTR } from 'whp:socket';
import { log } from './log.ts';

export interface Watchdog {
  /** Call it now and then: one that has ended is started again. */
  look(): void;
}

/** `socket`: the control socket, which listens already. */
export function startWatchdog(socket: string): Watchdog {
  let pid = spawn(socket);
  return {
    look: () => {
      const [got] = pid < 0 ? [pid] : os.waitpid(pid, os.WNOHANG);
      if (got !== 0 && got !== -EINTR) pid = spawn(socket);
    },
  };
}

/** Ends by itself when the connection to us does, however we end. */
function spawn(socket: string): number {
  const pid = os.exec(['/proc/self/exe', '--watch', socket], { block: false });
  if (pid < 0) log('error', `no second watchdog: fork: errno ${-pid}`);
  return pid;
}
