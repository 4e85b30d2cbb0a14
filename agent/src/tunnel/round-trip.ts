// tunnel/round-trip: the round trip time of the probes of a proxy, and how long a reply is waited for (RFC 6298).

/** A probe is lost after RTT + 4 deviations, within these bounds, milliseconds. */
const TIMEOUT_FIRST = 1000;
const TIMEOUT_LEAST = 300;
const TIMEOUT_MOST = 2000;

/** Round trip time and its deviation, milliseconds; 0 = not measured yet. */
export interface RoundTrip {
  rtt: number;
  deviation: number;
}

export function createRoundTrip(): RoundTrip {
  return { rtt: 0, deviation: 0 };
}

/** Section 2. */
export function measure(trip: RoundTrip, sample: number): void {
  if (trip.rtt === 0) {
    trip.rtt = Math.max(sample, 0.1);
    trip.deviation = sample / 2;
    return;
  }
  trip.deviation += (Math.abs(sample - trip.rtt) - trip.deviation) / 4;
  trip.rtt += (sample - trip.rtt) / 8;
}

/** Milliseconds until an unanswered probe is lost. */
export function timeoutOf(trip: RoundTrip): number {
  if (trip.rtt === 0) return TIMEOUT_FIRST;
  const wanted = trip.rtt + 4 * trip.deviation;
  return Math.min(TIMEOUT_MOST, Math.max(TIMEOUT_LEAST, wanted));
}
