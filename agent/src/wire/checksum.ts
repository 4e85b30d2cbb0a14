// wire/checksum: the Internet checksum (RFC 1071) of what the agent sends itself: echo requests and
// questions to a TCP end.

/** Of bytes that `start` has been summed up before; an odd last byte counts as if a zero followed. */
export function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
