// ruleset/encode/transaction: one transaction of nf_tables from the parts of an encoded table.
import { NLM_F_ACK } from '../../netlink/constants.ts';
import type { ByteOrder } from '../../netlink/endian.ts';
import { createMessage, createReader, readMessage } from '../../netlink/message.ts';
import {
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWTABLE,
  NFT_OBJECT_COUNTER,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_OBJ_DATA,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_TABLE_NAME,
} from '../../netlink/nft-constants.ts';
import { nest } from '../../netlink/nft-expression.ts';
import { putBatchBegin, putBatchEnd } from '../../netlink/nft-set.ts';
import {
  attributeBe32,
  attributeBe64,
  attributeString,
  createWriter,
  endMessage,
  putBytes,
  type Writer,
} from '../../netlink/writer.ts';
import { type Counts, type Held, heldElements, type Standing } from '../transaction.ts';
import { beginChange } from './encoder.ts';
import { putElements } from './set.ts';
import type { EncodedTable } from './table.ts';

/** A transaction in the making. */
export interface Transaction {
  readonly w: Writer;
}

export function beginTransaction(order?: ByteOrder): Transaction {
  const w = createWriter(1 << 16, order);
  putBatchBegin(w, 0);
  return { w };
}

/** Deletes the table, if there is one. */
export function putWithout({ w }: Transaction, table: string): void {
  // It is added first, so that there is one to delete.
  putTable(w, NFT_MSG_NEWTABLE, table);
  putTable(w, NFT_MSG_DELTABLE, table);
}

/** Replaces the table, with known elements in the learned sets and counters that go on from `counts`. */
export function putWhole(
  { w }: Transaction,
  { table, chains, sets }: EncodedTable,
  standing: Standing,
  held: Held,
  counts: Counts,
): void {
  putWithout({ w }, table);
  putTable(w, NFT_MSG_NEWTABLE, table);
  for (const { head } of chains) putBytes(w, head);
  for (const name of standing.counters) putCounter(w, table, name, counts);
  for (const [i, { name, head, elements }] of sets.entries()) {
    putBytes(w, head);
    putBytes(w, elements);
    putElements({ w, table }, name, heldElements(standing.sets[i]!, held));
  }
  for (const { rules } of chains) putBytes(w, rules);
}

function putTable(w: Writer, message: number, table: string): void {
  beginChange({ w }, message);
  attributeString(w, NFTA_TABLE_NAME, table);
  endMessage(w);
}

function putCounter(w: Writer, table: string, name: string, counts: Counts): void {
  const { packets, bytes } = counts.get(name) ?? { packets: 0, bytes: 0 };
  beginChange({ w }, NFT_MSG_NEWOBJ);
  attributeString(w, NFTA_OBJ_TABLE, table);
  attributeString(w, NFTA_OBJ_NAME, name);
  attributeBe32(w, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
  nest(w, NFTA_OBJ_DATA, () => {
    attributeBe64(w, NFTA_COUNTER_BYTES, bytes);
    attributeBe64(w, NFTA_COUNTER_PACKETS, packets);
  });
  endMessage(w);
}

/** The transaction as it is sent: sequence numbers first..last; the kernel acknowledges `acknowledged`. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly first: number;
  readonly last: number;
  readonly acknowledged: number;
}

/** `first`: the first sequence number. */
export function endTransaction({ w }: Transaction, first: number): Batch {
  const closing = w.length;
  putBatchEnd(w, 0);
  const bytes = w.bytes.subarray(0, w.length);
  const view = new DataView(bytes.buffer);
  const reader = createReader(bytes, w.little ? 'little' : 'big');
  const message = createMessage();
  let seq = first;
  for (let at = 0; at < bytes.length; seq++) {
    const next = readMessage(reader, at, bytes.length, message);
    view.setUint32(at + 8, seq, w.little);
    // Linux before 6.10 does not acknowledge the end, so the last change asks for it.
    if (next === closing) view.setUint16(at + 6, message.flags | NLM_F_ACK, w.little);
    at = next;
  }
  return { bytes, first, last: seq - 1, acknowledged: seq - 2 };
}
