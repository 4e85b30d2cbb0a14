// Where records of a DNS message lead: the types that name somebody else, and where in their data that name
// begins. Before: dns-walk and dns (the reading), which read the name.

export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_NAPTR = 35;
export const TYPE_DNAME = 39;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;

/**
 * Where a record of this type with the data bytes[rdata, end) names somebody else that an address is
 * then looked up for; -1: nowhere. MX is for mail servers to follow, which no application here is.
 */
export function targetOffset(type: number, bytes: Uint8Array, rdata: number, end: number): number {
  switch (type) {
    case TYPE_CNAME:
    case TYPE_DNAME:
      return rdata;
    // RFC 9460 section 2.2: priority, then the target name.
    case TYPE_HTTPS:
    case TYPE_SVCB:
      return rdata + 2;
    // RFC 2782: priority, weight, port, target.
    case TYPE_SRV:
      return rdata + 6;
    case TYPE_NAPTR:
      return replacementOffset(bytes, rdata, end);
    default:
      return -1;
  }
}

/** RFC 3403 section 4.1: order, preference, then flags, services and regular expression, each a byte of
 * length and that many characters, then the replacement. */
function replacementOffset(bytes: Uint8Array, rdata: number, end: number): number {
  let at = rdata + 4;
  for (let text = 0; text < 3; text++) {
    if (at >= end) return end;
    at += bytes[at]! + 1;
  }
  return Math.min(at, end);
}

/** Whether records of this type name somebody else. */
export function hasTarget(type: number): boolean {
  return targetOffset(type, NO_BYTES, 0, 0) >= 0;
}

const NO_BYTES = new Uint8Array(0);
