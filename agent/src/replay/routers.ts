// replay/routers: finds other routers of the home, as a capture has no routes: a MAC that sends from more IPv4
// addresses than a device has is a router's, and identifies no device from then on.

import type { Cidr } from '../wire/address.ts';
import { macText } from '../wire/mac.ts';
import { type Packet, sourceText } from '../wire/packet.ts';
import { isHomeText, wayOf } from './direction.ts';

/** Most IPv4 addresses of one device during a capture. */
const MOST_ADDRESSES = 3;
/** Most MACs watched. */
const MOST_SENDERS = 1024;

/** IPv4 addresses that each MAC sent from. */
export type Senders = Map<string, Set<string>>;

/** Notes the sender of `packet`; returns its MAC when this packet shows that it is a router's, else null. */
export function noteSender(
  senders: Senders,
  home: readonly Cidr[],
  packet: Packet,
  ether: Uint8Array,
): string | null {
  if (packet.family !== 4 || wayOf(home, packet) === 'in') return null;
  const address = sourceText(packet);
  const mac = macText(ether, 0);
  const known = senders.get(mac) ?? new Set<string>();
  if (known.size > MOST_ADDRESSES || known.has(address) || !isHomeText(home, address)) return null;
  if (!senders.has(mac) && senders.size >= MOST_SENDERS) return null;
  senders.set(mac, known.add(address));
  return known.size > MOST_ADDRESSES ? mac : null;
}
