// profile/expiry: removes the address ranges of a profile that have expired: address blocks change their
// owners. policy/build applies it for a given day; cli/ lists the removed ranges.
import type { Profile, ProfileRange } from './profile.ts';

/** The ISO day (UTC) of a time in milliseconds since 1970, comparable with the dates of a profile. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

/** Ranges whose `expires` is before `today`. With a clock of 1970 no range has expired. */
export function expiredRanges(profile: Profile, today: string): readonly ProfileRange[] {
  // ISO dates sort as text.
  return profile.ranges.filter((range) => range.expires < today);
}

/** `profile` without the ranges that expired before `today`; the same object if none has. */
export function believedOn(profile: Profile, today: string): Profile {
  const ranges = profile.ranges.filter((range) => range.expires >= today);
  return ranges.length === profile.ranges.length ? profile : { ...profile, ranges };
}
