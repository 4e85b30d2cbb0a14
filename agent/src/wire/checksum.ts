// wire/checksum: the Internet checksum (RFC 1071), ones' complement, of packets that the agent sends: echo requests
// (echo) and TCP questions (tcp-question).

/** Checksum of `bytes`, added to the partial sum `start`. An odd last byte is padded with a zero byte. */
export function checksum(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
