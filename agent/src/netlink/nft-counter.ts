// netlink/nft-counter: requests and decodes the named counters of a table. ruleset/compile defines what they count;
// kernel/tables sends the request.
import { NFNL_SUBSYS_NFTABLES, NLM_F_DUMP, NLM_F_REQUEST } from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe32,
  getBe64,
  getText,
  has,
  type Message,
  type MessageReader,
  readAttributes,
  readNested,
} from './message.ts';
import {
  NFT_MSG_GETOBJ,
  NFT_MSG_NEWOBJ,
  NFT_OBJECT_COUNTER,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_OBJ_DATA,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
} from './nft-constants.ts';
import {
  attributeBe32,
  attributeString,
  beginMessage,
  endMessage,
  putNetfilter,
  type Writer,
} from './writer.ts';

/** Message type of a dumped counter. */
export const COUNTER = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWOBJ;

/** Requests the counters of `table`; the replies are COUNTER messages for `readCounter`. A missing table has none. */
export function putCounterDump(w: Writer, seq: number, family: number, table: string): void {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETOBJ;
  beginMessage(w, type, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putNetfilter(w, family, 0);
  attributeString(w, NFTA_OBJ_TABLE, table);
  attributeBe32(w, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
  endMessage(w);
}

export interface Counter {
  readonly table: string;
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

const fields = createAttributes(NFTA_OBJ_DATA);
const values = createAttributes(NFTA_COUNTER_PACKETS);

/** Decodes one COUNTER message; another kind of object is a reason. */
export function readCounter(r: MessageReader, m: Message): Decoded<Counter> {
  if (m.body + 4 > m.end) return { ok: false, reason: 'counter: no nfgenmsg' };
  const reason =
    readAttributes(r, m.body + 4, m.end, fields) ?? readNested(r, fields, NFTA_OBJ_DATA, values);
  if (reason) return { ok: false, reason: `counter: ${reason}` };
  const isCounter =
    has(fields, NFTA_OBJ_TYPE, 4) &&
    getBe32(r.bytes, fields.at[NFTA_OBJ_TYPE]!) === NFT_OBJECT_COUNTER;
  const isWhole = has(values, NFTA_COUNTER_PACKETS, 8) && has(values, NFTA_COUNTER_BYTES, 8);
  if (!isCounter || !isWhole) return { ok: false, reason: 'counter: another kind of object' };
  const text = (a: number): string => getText(r.bytes, fields.at[a]!, fields.size[a]!);
  const value = {
    table: text(NFTA_OBJ_TABLE),
    name: text(NFTA_OBJ_NAME),
    packets: getBe64(r.bytes, values.at[NFTA_COUNTER_PACKETS]!),
    bytes: getBe64(r.bytes, values.at[NFTA_COUNTER_BYTES]!),
  };
  return { ok: true, value };
}
