// ruleset/encode/encoder: the state of encoding a table. The rules of a table have a few hundred different expressions,
// and most of them many times: each is encoded once and copied after that.
import {
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NLM_F_CREATE,
  NLM_F_REQUEST,
} from '../../netlink/constants.ts';
import type { ByteOrder } from '../../netlink/endian.ts';
import type { Expression } from '../../netlink/nft-expression.ts';
import {
  beginMessage,
  createWriter,
  putBytes,
  putNetfilter,
  type Writer,
} from '../../netlink/writer.ts';

export interface Encoder {
  /** The messages of one part of the table. */
  w: Writer;
  readonly table: string;
  readonly known: Map<string, Uint8Array>;
  /** Number of the last anonymous set: unique in a transaction. */
  sets: number;
}

export function createEncoder(table: string, order?: ByteOrder): Encoder {
  return { w: createWriter(1 << 14, order), table, known: new Map(), sets: 0 };
}

/** Writes expressions. Equal keys mean equal expressions. */
export function put({ w, known }: Encoder, key: string, of: () => readonly Expression[]): void {
  const bytes = known.get(key);
  if (bytes !== undefined) {
    putBytes(w, bytes);
    return;
  }
  const from = w.length;
  for (const one of of()) one(w);
  known.set(key, w.bytes.slice(from, w.length));
}

/** Opens a message NFT_MSG_*; its sequence number is given when it is sent. */
export function beginChange({ w }: Pick<Encoder, 'w'>, message: number, flags = 0): void {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | message;
  beginMessage(w, type, NLM_F_REQUEST | NLM_F_CREATE | flags, 0);
  putNetfilter(w, NFPROTO_INET, 0);
}
