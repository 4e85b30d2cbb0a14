// replay/routers: a capture has no routes, so another router of the home shows itself by the addresses that
// it sends for: a MAC with more IPv4 addresses than a device has tells no device from then on.

import type { Cidr } from '../wire/address.ts';
import { macText } from '../wire/mac.ts';
import { type Packet, sourceText } from '../wire/packet.ts';
import { isHomeText, wayOf } from './direction.ts';

/** IPv4 addresses of one device in the course of a capture. */
const MOST_ADDRESSES = 3;
/** MACs that are watched. */
const MOST_SENDERS = 1024;

/** IPv4 addresses by the MAC that sent for them. */
export type Senders = Map<string, Set<string>>;

/** Notes who sent `packet`; answers its MAC when it has just shown that it is another router's. */
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
