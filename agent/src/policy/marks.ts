// policy/marks: the bits of the packet mark and the conntrack mark that the agent uses. ruleset/ writes them,
// tunnel/plan turns them into ip rules, status reads them.
//
// Bits 24-27 (mask 0x0f000000, configurable): SQM uses 0xff, mwan3 0x3f00, pbr and Tailscale 0x00ff0000; these are
// the lowest four neighbouring bits that none of them uses. One nibble with sixteen values, not one bit for each application.
// All rules write masked: foreign bits stay. Sockets of the agent write all 32 bits: 12, and ELEMENT_MARK
// (ruleset/element-packet).
//   0       unrelated: direct; such a packet costs one comparison
//   1..11   slot of an application; determines its ip rule, routing table and tunnel
//   12      cut: a flow that the agent is ending; its packets do not leave the router
//   13      judged: packet mark on the first packets of a direct flow, from our prerouting chain
//           to our forward chain; shows the guard (ruleset/guard) that the table is loaded
//   14      undecided: a new TLS flow whose ClientHello has not been seen yet
//   15      watched: a DNS flow of a device, to any resolver
// 14 and 15 are conntrack marks of direct flows; no packet carries them. As a conntrack mark, 13 is crowd: a
// DNS flow of a device beyond its share of queries. One packet carries 12: the question that the agent sends
// to the device of a flow that it ends (runtime/cuts); the question stays in the home.

export const FIRST_SLOT = 1;
export const LAST_SLOT = 11;
export const CUT = 12;
export const JUDGED = 13;
/** As a conntrack mark. */
export const CROWD = 13;
export const UNDECIDED = 14;
export const WATCHED = 15;
/** The highest slot for which any version of the agent has used an ip rule and a routing table. */
export const LAST_TABLE_SLOT = WATCHED;

/** Whether `number` may be that of a slot with an ip rule and a routing table, of any version. */
export function isSlot(number: number): boolean {
  return number >= FIRST_SLOT && number <= LAST_TABLE_SLOT;
}

/** The number of zero bits below the mask. */
function maskShift(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Whether the mask is four contiguous bits of a 32-bit mark. */
export function isUsableMask(mask: number): boolean {
  return (
    Number.isInteger(mask) &&
    mask > 0 &&
    mask <= 0xffffffff &&
    (mask >>> maskShift(mask)) >>> 0 === 15
  );
}

/** The bits of a mark that carry this slot (or WATCHED). */
export function markOf(mask: number, slot: number): number {
  return (slot << maskShift(mask)) >>> 0;
}

/** The slot in a mark; 0: none. */
export function slotOf(mask: number, mark: number): number {
  return (mark & mask) >>> maskShift(mask);
}

/** How many marks have each slot. `marks`: each with its number. */
export function countSlots(
  mask: number,
  marks: Iterable<readonly [mark: number, count: number]>,
): number[] {
  const counts = new Array<number>(16).fill(0);
  for (const [mark, count] of marks) counts[slotOf(mask, mark)]! += count;
  return counts;
}

/** The complement of the mask: the bits that a masked write keeps. */
export function foreignBits(mask: number): number {
  return ~mask >>> 0;
}
