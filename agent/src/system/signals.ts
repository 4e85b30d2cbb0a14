// system/signals: what procd (or a person) asks for: SIGTERM and SIGINT end the daemon in order,
// SIGHUP loads the configuration again. Handlers run from the event loop, never inside a call.
import * as os from 'qjs:os';

/** Linux number, the same on every architecture; the engine has no name for it. */
const SIGHUP = 1;

export interface SignalReactions {
  readonly stop: () => void;
  readonly reload: () => void;
}

/** Installs the reactions; they replace earlier ones. */
export function onSignals(reactions: SignalReactions): void {
  os.signal(os.SIGTERM, reactions.stop);
  os.signal(os.SIGINT, reactions.stop);
  os.signal(SIGHUP, reactions.reload);
}

/** Back to the kernel's defaults: the next SIGTERM ends the program at once. */
export function offSignals(): void {
  for (const number of [os.SIGTERM, os.SIGINT, SIGHUP]) os.signal(number, null);
}
