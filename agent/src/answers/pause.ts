// answers/pause: what a pause does, in a sentence. Pure.
import { CLOCK_IS_SET } from '../policy/schedule.ts';
import { momentText } from '../syntax/local-time.ts';
import type { Zone } from '../syntax/timezone.ts';

/** `minutes`: null for a pause without an end; `wall`: the time, milliseconds since 1970. */
export function pauseText(
  apps: readonly string[],
  minutes: number | null,
  wall: number,
  zone: Zone | null,
): string {
  const what = `new ${apps.join(', ')} connections now show your home's address`;
  if (minutes === null) return `${what} until whp resume, or a restart of the agent`;
  if (wall < CLOCK_IS_SET) return `${what} for ${minutes} min`;
  return `${what} until ${momentText(zone, wall + minutes * 60000, wall)}`;
}
