/** Where the programs of the world leave their logs and sockets. */
export const LOGS = '/tmp/world';

/** What starts a program of the world ("call", "flood", ...); its words follow. No watchdog: it is that
 * of the router's agent, and setting it again before each callback costs an emulated machine time. */
export function worldProgram(name: string): string {
  return `env WHP_WATCHDOG_SECONDS=0 WHP_MEMORY_MB=128 /usr/lib/whp/whp-host /usr/lib/world/${name}.js`;
}
