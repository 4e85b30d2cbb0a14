// Announcements of one flow that say what was said a moment ago: while its way is closed (no device,
// no proxy) the flow never stands, and each of its packets is announced like the first. Known by
// their bytes before anything is decoded, so that a call of a hundred packets a second costs the
// agent next to nothing. Pure.

export interface Repeats {
  /** When `seen` was begun, milliseconds. */
  since: number;
  seen: Set<string>;
}

const WINDOW_MILLISECONDS = 1000;
const MOST = 512;

export function createRepeats(): Repeats {
  return { since: Number.NEGATIVE_INFINITY, seen: new Set() };
}

/** Whether the flow of the packet bytes[offset, end) was announced with `prefix` within a second. */
export function isRepeat(
  repeats: Repeats,
  prefix: string,
  bytes: Uint8Array,
  offset: number,
  end: number,
  now: number,
): boolean {
  if (now - repeats.since >= WINDOW_MILLISECONDS || repeats.seen.size >= MOST) {
    repeats.since = now;
    repeats.seen.clear();
  }
  // Protocol, addresses and ports: RFC 791 without options (with them the key says more, not less),
  // RFC 8200 without extension headers.
  const six = bytes[offset]! >> 4 === 6;
  const [protocol, from, to] = six ? [6, 8, 44] : [9, 12, 24];
  if (offset + to > end) return false;
  let key = `${prefix}${bytes[offset + protocol]} ${bytes[offset]} `;
  for (let at = offset + from; at < offset + to; at++) key += String.fromCharCode(bytes[at]!);
  if (repeats.seen.has(key)) return true;
  repeats.seen.add(key);
  return false;
}
