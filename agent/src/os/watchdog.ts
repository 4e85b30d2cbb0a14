// os/watchdog: keeps the second watchdog running (agent/native/watch.c), a small process that
// asks this one twice a second over the control socket whether it is there. The first, an alarm in the
// host program, ends an agent that runs without end; this one also an agent that is stopped.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { EINTR } from 'whp:socket';
import { spawn } from 'whp:system';
import { errnoText } from './errno.ts';
import { log } from './log.ts';

export interface Watchdog {
  /** Call it now and then: one that has ended is started again. */
  look(): void;
}

/** `socket`: the control socket, which listens already. */
export function startWatchdog(socket: string): Watchdog {
  let pid = watch(socket);
  return {
    look: () => {
      const [got] = pid < 0 ? [pid] : os.waitpid(pid, os.WNOHANG);
      if (got !== 0 && got !== -EINTR) pid = watch(socket);
    },
  };
}

/** Ends by itself when the connection to us does, however we end. */
function watch(socket: string): number {
  const self = '/proc/self/exe';
  const pid = spawn(self, [self, '--watch', socket], settings(), 0, 1, 2);
  if (pid < 0) log('error', `no second watchdog: ${self}: ${errnoText(-pid)}`);
  return pid;
}

/** The first watchdog's time is the second's too. */
function settings(): string[] {
  const name = 'WHP_WATCHDOG_SECONDS';
  const seconds = std.getenv(name);
  return seconds === undefined ? [] : [`${name}=${seconds}`];
}
