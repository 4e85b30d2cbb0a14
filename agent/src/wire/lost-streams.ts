// DNS flows over TCP that were given up in the middle of a message: nobody knows where the next one begins,
// so what they still carry cannot be read and must not pass. Bounded; a device makes room among its own.
// Before: dns-stream. After: step/answer, which refuses their segments.

interface Lost {
  readonly device: string;
  readonly reason: string;
  /** Of its last segment, milliseconds. */
  at: number;
}

/** By flow, the one silent for longest first. */
export type LostStreams = Map<string, Lost>;

/** As many as a home has flows to resolvers; each is some 200 bytes. */
const MOST_LOST = 256;
/** Longer than a device goes on sending into a connection that nobody answers. */
const LOST_MILLISECONDS = 600_000;

export function noteLost(
  lost: LostStreams,
  key: string,
  device: string,
  reason: string,
  now: number,
): void {
  lost.delete(key);
  lost.set(key, { device, reason, at: now });
  if (lost.size > MOST_LOST) forgetOne(lost);
}

/** A segment of the flow `key` has come: whether it is lost. */
export function isLost(lost: LostStreams, key: string, now: number): boolean {
  const known = lost.get(key);
  if (known === undefined) return false;
  known.at = now;
  lost.delete(key);
  lost.set(key, known);
  return true;
}

function forgetOne(lost: LostStreams): void {
  const byDevice = new Map<string, number>();
  for (const { device } of lost.values()) byDevice.set(device, (byDevice.get(device) ?? 0) + 1);
  const most = Math.max(...byDevice.values());
  for (const [key, { device }] of lost) {
    if (byDevice.get(device) !== most) continue;
    lost.delete(key);
    return;
  }
}

export function expireLost(lost: LostStreams, now: number): void {
  for (const [key, { at }] of lost) {
    if (now - at < LOST_MILLISECONDS) return;
    lost.delete(key);
  }
}
