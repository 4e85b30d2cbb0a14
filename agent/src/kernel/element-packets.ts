// kernel/element-packets: adds elements to sets, and deletes them, by packets to loopback that a rule of our table
// reads and drops (ruleset/element-packet). `send` fails with EPERM then, and an element costs no transaction.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { IPPROTO_RAW, MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostInt, inetAddress } from '../netlink/endian.ts';
import { ELEMENT_MARK } from '../ruleset/element-packet.ts';
import type { Family } from '../wire/address.ts';

const LOOPBACK: { readonly [family in Family]: Uint8Array } = {
  4: Uint8Array.of(127, 0, 0, 1),
  6: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
};

export interface ElementPackets {
  /** Whether a rule has taken the packet. Another table that drops packets on loopback takes them too: the element
   * of the first packet has to be read back (kernel/sets). */
  send(packet: Uint8Array): boolean;
  /** The socket of a family; -1: none is open. */
  socket(family: Family): number;
}

/** Opens a socket for each family with its first packet. A socket is connected to loopback: the addresses in the
 * packets are parts of keys, and lead nowhere. */
export function elementPackets(): ElementPackets {
  const sockets = new Map<Family, number>();
  return {
    send: (packet) => {
      const family = packet[0]! >> 4 === 4 ? 4 : 6;
      const fd = sockets.get(family) ?? connected(family);
      if (fd < 0) return false;
      sockets.set(family, fd);
      const sent = sys.send(fd, packet.buffer as ArrayBuffer, 0, packet.length, MSG_DONTWAIT);
      return sent === -sys.EPERM;
    },
    socket: (family) => sockets.get(family) ?? -1,
  };
}

/** The descriptor, or -errno: IPv6 may be off, and lo down. */
function connected(family: Family): number {
  const domain = family === 4 ? sys.AF_INET : sys.AF_INET6;
  const fd = sys.socket(domain, sys.SOCK_RAW | sys.SOCK_NONBLOCK, IPPROTO_RAW);
  if (fd < 0) return fd;
  let result = sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_MARK, hostInt(ELEMENT_MARK));
  if (result >= 0) result = sys.connect(fd, inetAddress(LOOPBACK[family]));
  if (result >= 0) return fd;
  os.close(fd);
  return result;
}
