// What the host program's whp:message does, in TypeScript and for both byte orders: messages of nf_tables as bytes.
import {
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NLA_F_NESTED,
} from '../../agent/src/netlink/constants.ts';
import type { Tree } from '../../agent/src/netlink/nft-tree.ts';
import {
  attributeBe32,
  attributeBytes,
  attributeString,
  beginAttribute,
  beginMessage,
  createWriter,
  endAttribute,
  endMessage,
  putNetfilter,
  type Writer,
} from '../../agent/src/netlink/writer.ts';
import type { Pack } from '../../agent/src/ruleset/encode/table.ts';

export function packFor(order: 'little' | 'big'): Pack {
  return (messages) => {
    const w = createWriter(4096, order);
    for (const [type, flags, attributes] of messages) {
      beginMessage(w, (NFNL_SUBSYS_NFTABLES << 8) | type, flags, 0);
      putNetfilter(w, NFPROTO_INET, 0);
      putTree(w, attributes);
      endMessage(w);
    }
    if (w.overflow) throw new RangeError('an attribute is too long');
    return w.bytes.slice(0, w.length);
  };
}

function putTree(w: Writer, tree: Tree): void {
  for (let i = 0; i < tree.length; i++) {
    const type = tree[i]!;
    if (Array.isArray(type)) {
      putTree(w, type);
      continue;
    }
    i += 1;
    putValue(w, type as number, tree[i]!);
  }
}

function putValue(w: Writer, type: number, value: Tree[number]): void {
  if (typeof value === 'number') attributeBe32(w, type, value);
  else if (typeof value === 'string') attributeString(w, type, value);
  else if (value instanceof Uint8Array) attributeBytes(w, type, value);
  else {
    const at = beginAttribute(w, NLA_F_NESTED | type);
    putTree(w, value);
    endAttribute(w, at);
  }
}
