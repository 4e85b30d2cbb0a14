// Address ranges change owners, so a profile says until when each is believed; this takes out what
// is out of date. Used by policy/build when it is told the day, and by cli/ to say what was left out.
import type { Profile, ProfileRange } from './profile.ts';

/** The ISO day (UTC) of a time in milliseconds, to compare with the dates of a profile. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

/** Ranges whose last day is before `today`. A clock that starts in 1970 makes none expire. */
export function expiredRanges(profile: Profile, today: string): readonly ProfileRange[] {
  // ISO dates sort as text.
  return profile.ranges.filter((range) => range.expires < today);
}

/** The profile with only the ranges that are still believed on `today`. */
export function believedOn(profile: Profile, today: string): Profile {
  const ranges = profile.ranges.filter((range) => range.expires >= today);
  return ranges.length === profile.ranges.length ? profile : { ...profile, ranges };
}
