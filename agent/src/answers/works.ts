// answers/works: whether the home is served as configured, in one word: `whp status --quiet`. Pure.
import type { StatusAnswer } from './status.ts';

/** All new flows of every app are proxied, or direct by its schedule, and DNS answers are held if the configuration wants
 * it. False too while no app is enabled, and while one is paused: its new flows show the home's address. */
export function isWorking({ apps, dns_answers, hold_wanted }: StatusAnswer): boolean {
  const isServed = ({
    new_connections: { state, cause, partly },
  }: StatusAnswer['apps'][number]): boolean =>
    (state === 'proxied' && !partly) || cause === 'schedule';
  return apps.length > 0 && apps.every(isServed) && (dns_answers === 'held' || !hold_wanted);
}
