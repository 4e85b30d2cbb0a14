// netlink/mark-filter: a program for the kernel's socket filter that lets only those conntrack events
// through whose connection carries our mark: a router sees hundreds of others a second, and none of
// them should wake the agent.
import { type ByteOrder, hostOrder } from './endian.ts';

const CTA_MARK = 8;
/** struct nlmsghdr and struct nfgenmsg. */
const ATTRIBUTES = 20;
/** SKF_AD_OFF + SKF_AD_NLATTR (linux/filter.h): A becomes where attribute X lies at or after A, or 0. */
const FIND_ATTRIBUTE = 0xfffff000 + 12;

/** code, jt, jf, k (linux/bpf_common.h). */
type Instruction = readonly [code: number, yes: number, no: number, k: number];

/** Lets an event pass when its CTA_MARK has a bit of `mask`. Loads of a filter read network order, as
 * the attribute has it. */
export function markFilter(mask: number, order: ByteOrder = hostOrder): ArrayBuffer {
  const program: readonly Instruction[] = [
    [0x00, 0, 0, ATTRIBUTES], // A = where the attributes begin
    [0x01, 0, 0, CTA_MARK], // X = the one wanted
    [0x30, 0, 0, FIND_ATTRIBUTE],
    [0x15, 4, 0, 0], // none: drop
    [0x07, 0, 0, 0], // X = A
    [0x40, 0, 0, 4], // A = the 32 bits behind its header
    [0x54, 0, 0, mask >>> 0],
    [0x15, 0, 1, 0],
    [0x06, 0, 0, 0], // drop
    [0x06, 0, 0, 0xffffffff], // all of it
  ];
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
