// answers/works: whether the home is served as configured, in one word: `whp status --quiet`. Pure.
import type { StatusAnswer } from './status.ts';

/** Every app's new flows are proxied, or direct by its schedule, and DNS answers are held if the configuration wants
 * it. False too while no app is enabled, and while one is paused: its new flows show the home's address. */
export function isWorking({ apps, hold, wanted }: StatusAnswer): boolean {
  const isServed = ({ newFlows, direct }: StatusAnswer['apps'][number]): boolean =>
    newFlows.state === 'proxied' || (newFlows.state === 'direct' && direct === 'schedule');
  return apps.length > 0 && apps.every(isServed) && (hold || !wanted);
}
