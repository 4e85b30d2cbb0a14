// Netlink messages to begin with: what our own encoders write that the kernel echoes in the same
// form, and a few that only the kernel sends, built attribute by attribute.

import { putAddressAdd } from '../../agent/src/netlink/address.ts';
import { CONNTRACK_ENTRY } from '../../agent/src/netlink/conntrack.ts';
import { putConntrackDelete } from '../../agent/src/netlink/conntrack-request.ts';
import type { ByteOrder } from '../../agent/src/netlink/endian.ts';
import { putGreCreate } from '../../agent/src/netlink/link.ts';
import { LOGGED_PACKET } from '../../agent/src/netlink/nflog.ts';
import { QUEUED_PACKET } from '../../agent/src/netlink/nfqueue.ts';
import { putSetBatch } from '../../agent/src/netlink/nft-set.ts';
import { putRouteReplace } from '../../agent/src/netlink/route.ts';
import { putRuleAdd } from '../../agent/src/netlink/rule.ts';
import {
  attributeBe32,
  attributeBytes,
  attributeString,
  attributeU8,
  beginAttribute,
  beginMessage,
  createWriter,
  endAttribute,
  endMessage,
  putNetfilter,
  putU32,
  type Writer,
} from '../../agent/src/netlink/writer.ts';
import { putTableQuery } from '../netlink/requests.ts';
import { DEVICE, DNS_SEEDS, ROUTER, udp4 } from './dns-seeds.ts';

const TUPLE = {
  source: '192.168.1.11',
  destination: '198.51.100.7',
  protocol: 17,
  sourcePort: 13021,
  destinationPort: 33033,
};
const packet = udp4(ROUTER, 53, DEVICE, 40000, DNS_SEEDS[0]!);

/** struct nfulnl_msg_packet_hw: length, padding, eight bytes with the address first. */
const HARDWARE = Uint8Array.of(0, 6, 0, 0, 2, 0, 0, 0, 0, 10, 0, 0);

const MESSAGES: readonly ((w: Writer) => void)[] = [
  (w) => {
    const elements = [1, 2, 3].map((i) => ({
      key: Uint8Array.of(203, 0, 113, i),
      timeout: 300000,
    }));
    const change = { operation: 'renew' as const, set: 'skype_addr4', elements };
    putSetBatch(w, 1, { family: 1, table: 'whp' }, [change]);
  },
  (w) => void putGreCreate(w, 1, GRE),
  (w) =>
    void putGreCreate(w, 1, { ...GRE, remote: '2001:db8::7', local: '2001:db8::1', key: null }),
  (w) => putRuleAdd(w, 2, RULE),
  (w) => putRouteReplace(w, 3, ROUTE),
  (w) =>
    void putAddressAdd(w, 4, { link: 7, address: '10.254.1.2', peer: '10.254.1.1', prefix: 32 }),
  (w) => putTableQuery(w, 5, 1, 'whp'),
  (w) => {
    putConntrackDelete(w, 6, { family: 4, original: TUPLE, zone: 0, id: 77 });
    // Under the type of an entry, once more as the reply.
    retype(w, CONNTRACK_ENTRY);
  },
  (w) => {
    beginMessage(w, QUEUED_PACKET, 0, 0);
    putNetfilter(w, 2, 5300);
    attributeBytes(w, 11, Uint8Array.of(0, 0, 1, 2, 8, 0, 2));
    attributeBytes(w, 9, HARDWARE);
    attributeBe32(w, 3, 0x01000000);
    attributeBytes(w, 10, packet);
    endMessage(w);
  },
  (w) => {
    beginMessage(w, LOGGED_PACKET, 0, 0);
    putNetfilter(w, 2, 5300);
    attributeBytes(w, 1, Uint8Array.of(8, 0, 3, 0));
    attributeString(w, 10, 'whp:range:skype');
    attributeBytes(w, 8, HARDWARE);
    attributeBytes(w, 9, packet);
    endMessage(w);
  },
  (w) => {
    // NLMSG_ERROR with the kernel's words (struct nlmsgerr, capped).
    beginMessage(w, 2, 0x300, 9);
    putU32(w, -17 >>> 0);
    for (const word of [20, 0x00050a0c, 9, 0]) putU32(w, word);
    attributeString(w, 1, 'File exists');
    endMessage(w);
  },
  (w) => {
    const at = w.length;
    beginMessage(w, CONNTRACK_ENTRY, 0, 0);
    putNetfilter(w, 2, 0);
    for (const direction of [1, 2]) {
      const tuple = beginAttribute(w, 0x8000 | direction);
      const ip = beginAttribute(w, 0x8001);
      attributeBytes(w, 1, Uint8Array.from(DEVICE));
      attributeBytes(w, 2, Uint8Array.from(ROUTER));
      endAttribute(w, ip);
      const proto = beginAttribute(w, 0x8002);
      attributeU8(w, 1, 17);
      endAttribute(w, proto);
      endAttribute(w, tuple);
    }
    attributeBe32(w, 8, 0x01000000);
    endMessage(w);
    w.message = at;
  },
];

export const GRE = {
  name: 'whp-a',
  local: '192.0.2.1',
  remote: '198.51.100.7',
  key: 7,
  ttl: 64,
  pathMtu: true,
  mtu: 1472,
};
export const RULE = {
  family: 4 as const,
  preference: 15001,
  mark: 0x01000000,
  mask: 0x0f000000,
  table: 15001,
  protocol: 87,
};
export const ROUTE = { family: 4 as const, table: 15001, link: 7, metric: 10, protocol: 87 };

function retype(w: Writer, type: number): void {
  const low = w.little ? 4 : 5;
  w.bytes[w.message + low] = type;
  w.bytes[w.message + 9 - low] = type >> 8;
}

export function netlinkSeeds(order: ByteOrder): Uint8Array[] {
  return MESSAGES.map((put) => {
    const w = createWriter(256, order);
    put(w);
    return w.bytes.slice(0, w.length);
  });
}
