// syntax/local-time: a moment as a person reads it from a clock in the router's time zone.
import { offsetAt, UTC, type Zone } from './timezone.ts';

/** The router's clock and time zone. */
export interface Clock {
  /** null: not known. */
  readonly zone: Zone | null;
  /** Milliseconds since 1970. */
  readonly wall: number;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The moment `at`, read at `seen` (milliseconds since 1970): "18:35", on another day "Tue 1 Dec 18:35 UTC+1". A zone
 * that is not known (null) is UTC, and is named. */
export function momentText(zone: Zone | null, at: number, seen: number): string {
  const [day, clock] = parts(zone ?? UTC, at);
  const [today] = parts(zone ?? UTC, seen);
  const date = day === today ? '' : `${day} `;
  const isPlain = date === '' && zone !== null;
  return `${date}${clock}${isPlain ? '' : ` ${offsetText(offsetAt(zone ?? UTC, at))}`}`;
}

function parts(zone: Zone, at: number): readonly [day: string, clock: string] {
  const local = new Date(at + offsetAt(zone, at) * 60000);
  const day = `${DAYS[local.getUTCDay()]} ${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]}`;
  return [day, local.toISOString().slice(11, 16)];
}

/** "Nov 21 15:04", for columns; the zone is `zoneText`. */
export function stampText(zone: Zone | null, at: number): string {
  const local = new Date(at + offsetAt(zone ?? UTC, at) * 60000);
  const day = `${MONTHS[local.getUTCMonth()]} ${String(local.getUTCDate()).padStart(2)}`;
  return `${day} ${local.toISOString().slice(11, 16)}`;
}

/** The zone at a moment: "UTC", "UTC+1", "UTC-3:30". */
export function zoneText(zone: Zone | null, at: number): string {
  return offsetText(offsetAt(zone ?? UTC, at));
}

function offsetText(minutes: number): string {
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  const rest = size % 60 === 0 ? '' : `:${String(size % 60).padStart(2, '0')}`;
  return `UTC${minutes < 0 ? '-' : '+'}${Math.floor(size / 60)}${rest}`;
}
