// os/signals: what procd (or a person) asks for: SIGTERM and SIGINT end the agent in order,
// SIGHUP loads the configuration again. Handlers run from the event loop, never inside a call.
import * as os from 'qjs:os';

/** Linux number, the same on every architecture; the engine has no name for it. */
const SIGHUP = 1;

export interface Asked {
  /** Fulfilled when the agent shall end. */
  readonly stopped: Promise<void>;
  /** Called at each SIGHUP from now on, and at once when one came already. */
  onReload(reload: () => void): void;
}

/** Takes signals from now on: one that comes during the start waits for its end, so that nothing is
 * left half made. */
export function listenSignals(): Asked {
  let reload: (() => void) | null = null;
  let missed = false;
  const stopped = new Promise<void>((resolve) => {
    os.signal(os.SIGTERM, resolve);
    os.signal(os.SIGINT, resolve);
  });
  os.signal(SIGHUP, () => {
    if (reload === null) missed = true;
    else reload();
  });
  return {
    stopped,
    onReload: (wanted) => {
      reload = wanted;
      if (missed) wanted();
    },
  };
}
