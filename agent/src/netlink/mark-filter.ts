// netlink/mark-filter: a classic BPF socket filter that accepts conntrack events only of connections that carry our
// mark. A router has hundreds of other events a second, which must not wake the agent.
import { CTA_MARK } from './constants.ts';
import { type ByteOrder, hostOrder } from './endian.ts';

/** struct nlmsghdr and struct nfgenmsg. */
const ATTRIBUTES = 20;
/** SKF_AD_OFF + SKF_AD_NLATTR (linux/filter.h): sets A to the offset of attribute X at or after A; 0: none. */
const FIND_ATTRIBUTE = 0xfffff000 + 12;

/** code, jt, jf, k (linux/bpf_common.h). */
export type Instruction = readonly [code: number, yes: number, no: number, k: number];

/** Accepts an event if its CTA_MARK has a bit of `mask`. BPF loads convert from network order, the order of
 * CTA_MARK. */
export function markFilter(mask: number, order: ByteOrder = hostOrder): ArrayBuffer {
  const program: readonly Instruction[] = [
    [0x00, 0, 0, ATTRIBUTES], // A = offset of the first attribute
    [0x01, 0, 0, CTA_MARK], // X = attribute type
    [0x30, 0, 0, FIND_ATTRIBUTE],
    [0x15, 4, 0, 0], // none: drop
    [0x07, 0, 0, 0], // X = A
    [0x40, 0, 0, 4], // A = the 32 bits after the attribute header
    [0x54, 0, 0, mask >>> 0],
    [0x15, 0, 1, 0],
    [0x06, 0, 0, 0], // drop
    [0x06, 0, 0, 0xffffffff], // accept the whole message
  ];
  return socketFilter(program, order);
}

/** The program as struct sock_filter, for `filter` of whp:socket. */
export function socketFilter(
  program: readonly Instruction[],
  order: ByteOrder = hostOrder,
): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  const little = order === 'little';
  program.forEach(([code, yes, no, k], i) => {
    view.setUint16(i * 8, code, little);
    view.setUint8(i * 8 + 2, yes);
    view.setUint8(i * 8 + 3, no);
    view.setUint32(i * 8 + 4, k, little);
  });
  return view.buffer;
}
