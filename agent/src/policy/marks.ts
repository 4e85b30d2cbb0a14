// policy/marks: every bit of the packet mark and the conntrack mark that is ours, and why.
// ruleset/ writes these values, tunnel/plan turns them into ip rules, status reads them back.
//
// Bits 24-27 (mask 0x0f000000, configurable): mwan3 uses 0x3f00, pbr and Tailscale 0x00ff0000;
// these are the lowest four that none of them touches. One nibble, not one bit per application:
// sixteen values are worth more than four. All writes are masked, foreign bits stay.
//   0       unrelated: direct, and the one comparison such a packet costs
//   1..11   slot of an application; its ip rule, routing table and path follow from it
//   12      cut: a flow that the agent is ending; its device is told, and nothing of it leaves
//   13      judged: a packet mark on the first packets of a direct flow, from our prerouting chain
//           to our forward chain; tells the guard (netlink/nft-guard) that the table stands
//   14      undecided: a new TLS flow whose ClientHello has not been seen yet
//   15      watched: a DNS flow of a device, whichever resolver it asks
// 14 and 15 are conntrack marks of direct flows; no packet carries them. 13 is a conntrack mark as well:
// crowd, a DNS flow of a device that asks more than its share. 12 is carried by one packet: the agent's
// question to the device of a flow that is being ended (runtime/cuts), in the router alone.

export const FIRST_SLOT = 1;
export const LAST_SLOT = 11;
export const CUT = 12;
export const JUDGED = 13;
/** The same number on a connection. */
export const CROWD = 13;
export const UNDECIDED = 14;
export const WATCHED = 15;
/** The highest slot that has an ip rule and a routing table, by any version of the agent. */
export const LAST_TABLE_SLOT = WATCHED;

/** How far the nibble is shifted: the number of zero bits below the mask. */
function maskShift(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Whether the mask is four contiguous bits of a 32-bit mark: the only form we can work with. */
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

/** The slot that a mark carries; 0 when it carries none. */
export function slotOf(mask: number, mark: number): number {
  return (mark & mask) >>> maskShift(mask);
}

/** The mask of everybody else's bits: what a masked write keeps. */
export function foreignBits(mask: number): number {
  return ~mask >>> 0;
}
