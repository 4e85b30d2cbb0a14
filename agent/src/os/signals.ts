// os/signals: signals from procd or a person: SIGTERM and SIGINT stop the agent, SIGHUP reloads the configuration.
// Handlers run from the event loop, never inside a call.
import * as os from 'qjs:os';

/** The same number on every architecture; the engine has no constant for it. */
const SIGHUP = 1;

export interface Asked {
  /** Resolves at SIGTERM or SIGINT. */
  readonly stopped: Promise<void>;
  /** Sets the function called at each SIGHUP, and calls it at once if one came before. */
  onReload(reload: () => void): void;
}

/** Handles signals from now on. One that comes during the start takes effect after it, so that nothing is left
 * half made. */
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
