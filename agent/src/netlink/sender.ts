// netlink/sender: the hardware address of a packet's sender, from NFLOG and NFQUEUE. A device of the home is
// identified by its MAC. Packets without an Ethernet header (PPP, a tunnel, the router's own) have none.
import { isDeviceMac, macText } from '../wire/mac.ts';
import { getBe16, type MessageReader } from './message.ts';

/** Bytes of an Ethernet address. */
const MAC_BYTES = 6;
/** Bytes of struct nfulnl_msg_packet_hw and nfqnl_msg_packet_hw before the address. */
const LENGTH_AND_PAD = 4;

/** Offset of the address in the attribute of `length` bytes at `at`; 0: no address of six bytes. */
export function senderAt(b: Uint8Array, at: number, length: number): number {
  if (length < 4 + LENGTH_AND_PAD + MAC_BYTES || getBe16(b, at + 4) !== MAC_BYTES) return 0;
  return at + 4 + LENGTH_AND_PAD;
}

/** "02:00:00:00:00:0a"; null: `at` is 0, or the address cannot be a sender's (group address, all zero). */
export function senderMac({ bytes }: MessageReader, at: number): string | null {
  if (at === 0 || at + MAC_BYTES > bytes.length) return null;
  const mac = macText(bytes, at);
  return isDeviceMac(mac) ? mac : null;
}
