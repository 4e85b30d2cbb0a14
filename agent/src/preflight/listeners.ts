// preflight/listeners: finds listening sockets on DNS ports in /proc/net/udp, udp6, tcp and tcp6. Pure;
// router/resolvers finds the names of the programs.
import { type ByteOrder, hostOrder } from '../netlink/endian.ts';
import { formatAddress } from '../wire/address.ts';

export interface Listener {
  readonly port: number;
  readonly address: string;
  readonly inode: number;
}

/** TCP_CLOSE (unconnected UDP) and TCP_LISTEN (net/tcp_states.h). */
const STATES = ['07', '0A'];

/**
 * Sockets in `text` on one of `ports`, without loopback ones. The kernel prints an address as 32-bit words in
 * host byte order.
 */
export function readListeners(
  text: string,
  ports: readonly number[],
  order: ByteOrder = hostOrder,
): Listener[] {
  // A busy machine has thousands of lines: only lines with one of the ports are parsed.
  const marks = ports.map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')} `);
  return text.split('\n').flatMap((line) => {
    if (!marks.some((mark) => line.includes(mark))) return [];
    const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    const [hex = '', port = ''] = local.split(':');
    const number = Number.parseInt(port, 16);
    if (!STATES.includes(state) || !ports.includes(number)) return [];
    if (hex.length !== 8 && hex.length !== 32) return [];
    const bytes = bytesOf(hex, order);
    const address = formatAddress(bytes, 0, bytes.length === 4 ? 4 : 6);
    const isLoopback = address.startsWith('127.') || address === '::1';
    return isLoopback ? [] : [{ port: number, address, inode: Number(inode) }];
  });
}

function bytesOf(hex: string, order: ByteOrder): Uint8Array {
  const plain = Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16),
  );
  return order === 'big' ? plain : plain.map((_, i) => plain[(i & ~3) + 3 - (i & 3)]!);
}
