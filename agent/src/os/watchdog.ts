// os/watchdog: starts and restarts the second watchdog (agent/native/watch.c), a small process that queries the
// agent twice a second over the control socket. The first one, an alarm in the host program, ends an agent in an
// endless loop; the second also one that is stopped.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { EINTR } from 'whp:socket';
import { spawn } from 'whp:system';
import { errnoText } from './errno.ts';
import { log } from './log.ts';

export interface Watchdog {
  /** Starts it again if it has ended. To be called regularly. */
  look(): void;
}

/** `socket`: path of the control socket, which must exist already. */
export function startWatchdog(socket: string): Watchdog {
  let pid = watch(socket);
  return {
    look: () => {
      const [got] = pid < 0 ? [pid] : os.waitpid(pid, os.WNOHANG);
      if (got !== 0 && got !== -EINTR) pid = watch(socket);
    },
  };
}

/** Starts it and returns its pid or -errno. It ends when its connection to the agent is closed. */
function watch(socket: string): number {
  const self = '/proc/self/exe';
  const pid = spawn(self, [self, '--watch', socket], settings(), 0, 1, 2);
  if (pid < 0) log('error', `no second watchdog: ${self}: ${errnoText(-pid)}`);
  return pid;
}

/** Passes the time limit of the first watchdog on to the second. */
function settings(): string[] {
  const name = 'WHP_WATCHDOG_SECONDS';
  const seconds = std.getenv(name);
  return seconds === undefined ? [] : [`${name}=${seconds}`];
}
