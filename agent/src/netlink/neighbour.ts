// netlink/neighbour: requests and decodes the kernel's neighbour table (ARP and NDP), which maps addresses of the
// home to hardware addresses. It covers devices that DHCP does not know: static addresses, IPv6 privacy addresses.

import { type Family, formatAddress } from '../wire/address.ts';
import { macText } from '../wire/mac.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  NDA_DST,
  NDA_LLADDR,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  RTM_GETNEIGH,
} from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getU32,
  has,
  type Message,
  type MessageReader,
  readAttributes,
} from './message.ts';
import { beginMessage, endMessage, putU8, putU32, type Writer } from './writer.ts';

/** Bytes of struct ndmsg. */
const NEIGHBOUR_HEADER = 12;

export interface KernelNeighbour {
  /** Device index. */
  readonly link: number;
  readonly family: Family;
  readonly address: string;
  /** "02:00:00:00:00:0a"; null: unresolved (incomplete, failed), or the device has none. */
  readonly mac: string | null;
}

/** Requests the whole table, both families; the replies are RTM_NEWNEIGH messages. */
export function putNeighbourDump(w: Writer, seq: number): void {
  beginMessage(w, RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putU8(w, AF_UNSPEC);
  for (let i = 0; i < 3; i++) putU8(w, 0);
  putU32(w, 0);
  putU32(w, 0);
  endMessage(w);
}

/** Reused for every message. */
const fields = createAttributes(NDA_LLADDR);

/** Decodes RTM_NEWNEIGH. Entries of bridges (family AF_BRIDGE) have no address and are refused. */
export function readNeighbour(r: MessageReader, m: Message): Decoded<KernelNeighbour> {
  if (m.body + NEIGHBOUR_HEADER > m.end)
    return { ok: false, reason: 'neighbour: header too short' };
  const af = r.bytes[m.body]!;
  if (af !== AF_INET && af !== AF_INET6) return { ok: false, reason: `neighbour: family ${af}` };
  const family: Family = af === AF_INET ? 4 : 6;
  const reason = readAttributes(r, m.body + NEIGHBOUR_HEADER, m.end, fields);
  if (reason) return { ok: false, reason: `neighbour: ${reason}` };
  if (!has(fields, NDA_DST, family === 4 ? 4 : 16))
    return { ok: false, reason: 'neighbour: no address' };
  const at = fields.at[NDA_LLADDR]!;
  const value = {
    link: getU32(r, m.body + 4),
    family,
    address: formatAddress(r.bytes, fields.at[NDA_DST]!, family),
    mac: has(fields, NDA_LLADDR, 6) ? macText(r.bytes, at) : null,
  };
  return { ok: true, value };
}
