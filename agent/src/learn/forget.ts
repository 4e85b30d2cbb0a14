// learn/forget: takes endpoints out of the store before their time: the owner said so, or a name is
// no longer the application's. The caller takes them out of the kernel's sets.
import type { Endpoint, Learned } from './learned.ts';

/** Removes and answers the endpoints that `isMeant`. */
export function forgetEndpoints(
  learned: Learned,
  isMeant: (endpoint: Endpoint) => boolean,
): Endpoint[] {
  const gone: Endpoint[] = [];
  for (const set of learned.sets.values()) {
    for (const endpoint of set.values()) {
      if (!isMeant(endpoint)) continue;
      set.delete(endpoint.address);
      gone.push(endpoint);
    }
  }
  return gone;
}
