// netlink/endian: the machine's byte order; no other file detects it. Netlink headers, attribute headers and
// rtnetlink numbers are in host order, netfilter numbers in network order. Writers and readers take the order as a
// parameter, so that tests cover both on any machine.

export type ByteOrder = 'little' | 'big';

/** The byte order of this machine. */
export const hostOrder: ByteOrder =
  new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 'little' : 'big';

/** A C `int` in host order, for setsockopt. */
export function hostInt(value: number): ArrayBuffer {
  return new Int32Array([value]).buffer;
}

/** struct sockaddr_nl, 12 bytes. `groups`: mask of groups 1..32; 0 if groups are joined by socket option. */
export function netlinkAddress(
  port: number,
  groups: number,
  order: ByteOrder = hostOrder,
): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(12));
  const little = order === 'little';
  view.setUint16(0, 16, little); // AF_NETLINK
  view.setUint32(4, port, little);
  view.setUint32(8, groups, little);
  return view.buffer;
}

/** Port ID of a struct sockaddr_nl that getsockname filled. */
export function netlinkPort(address: ArrayBuffer, order: ByteOrder = hostOrder): number {
  return new DataView(address).getUint32(4, order === 'little');
}

/** struct sockaddr_un of `path`, 1..107 characters of ASCII; undefined: empty or longer. */
export function unixAddress(path: string, order: ByteOrder = hostOrder): ArrayBuffer | undefined {
  if (path.length === 0 || path.length > 107) return undefined;
  const bytes = new Uint8Array(2 + path.length + 1);
  bytes[order === 'little' ? 0 : 1] = 1; // AF_UNIX
  for (let i = 0; i < path.length; i++) bytes[2 + i] = path.charCodeAt(i) & 0xff;
  return bytes.buffer;
}

/** struct sockaddr_in or sockaddr_in6 of an address (4 or 16 bytes), port 0. */
export function inetAddress(address: Uint8Array, order: ByteOrder = hostOrder): ArrayBuffer {
  const bytes = new Uint8Array(address.length === 4 ? 16 : 28);
  // AF_INET, AF_INET6
  bytes[order === 'little' ? 0 : 1] = address.length === 4 ? 2 : 10;
  bytes.set(address, address.length === 4 ? 4 : 8);
  return bytes.buffer;
}
