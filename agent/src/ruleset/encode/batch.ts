// ruleset/encode/batch: the parts of a change become one transaction of nf_tables, sent as one datagram: the kernel
// makes all of its changes or none.
import {
  AF_UNSPEC,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NLM_F_ACK,
  NLM_F_REQUEST,
} from '../../netlink/constants.ts';
import { beginMessage, createWriter, endMessage, putNetfilter } from '../../netlink/writer.ts';
import type { Parts } from './change.ts';
import { joinedBytes, type Messages, type Pack } from './table.ts';

/** The bytes of a transaction. The first message is acknowledged if the kernel accepts all of it: Linux before 6.10
 * does not acknowledge the end. A part in bytes is never the first. */
export function batchOf(parts: Parts, isLittle: boolean, pack: Pack): Uint8Array<ArrayBuffer> {
  const [first, ...rest] = parts as [Parameters<Pack>[0][number], ...Parts];
  const [type, flags, attributes] = first;
  const pieces = [
    frame(NFNL_MSG_BATCH_BEGIN, isLittle),
    pack([[type, flags | NLM_F_ACK, attributes]]),
    ...rest.map((part) => (part instanceof Uint8Array ? part : pack([part]))),
    frame(NFNL_MSG_BATCH_END, isLittle),
  ];
  return joinedBytes(pieces);
}

function frame(type: number, isLittle: boolean): Messages {
  const w = createWriter(32, isLittle ? 'little' : 'big');
  beginMessage(w, type, NLM_F_REQUEST, 0);
  putNetfilter(w, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  endMessage(w);
  return w.bytes.slice(0, w.length);
}
