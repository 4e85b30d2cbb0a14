// bounds/dedupe: recognises repeated announcements of one flow. A flow that is rejected gets no conntrack entry, so
// each of its packets is announced. The packet's raw bytes are compared before anything is decoded, since a call has
// a hundred packets a second.

export interface Repeats {
  /** Start of the current window, milliseconds. */
  since: number;
  seen: Set<string>;
}

const WINDOW_MILLISECONDS = 1000;
const MOST = 512;

export function createRepeats(): Repeats {
  return { since: Number.NEGATIVE_INFINITY, seen: new Set() };
}

/** Whether the flow of the packet bytes[offset, end) was announced with `prefix` in the last second. */
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
  // Key: protocol, addresses and ports, at the offsets of RFC 791 without options and RFC 8200 without extension
  // headers. With those, their first four bytes take the place of the ports.
  const six = bytes[offset]! >> 4 === 6;
  const [protocol, from, to] = six ? [6, 8, 44] : [9, 12, 24];
  if (offset + to > end) return false;
  let key = `${prefix}${bytes[offset + protocol]} ${bytes[offset]} `;
  for (let at = offset + from; at < offset + to; at++) key += String.fromCharCode(bytes[at]!);
  if (repeats.seen.has(key)) return true;
  repeats.seen.add(key);
  return false;
}
