// wire/dns-targets: record types whose data names another host (CNAME, DNAME, SRV, NAPTR, SVCB, HTTPS), and the
// offset of that name. Used by dns-walk and dns.

export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_NAPTR = 35;
export const TYPE_DNAME = 39;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;

/**
 * Offset in the data bytes[rdata, end) of the name whose addresses a client resolves next; -1: the type has none. MX
 * is left out: only mail servers follow it, and no application here is one.
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

/**
 * RFC 3403 section 4.1: order, preference; then flags, services and regular expression, each a length byte and that
 * many characters; then the replacement.
 */
function replacementOffset(bytes: Uint8Array, rdata: number, end: number): number {
  let at = rdata + 4;
  for (let text = 0; text < 3; text++) {
    if (at >= end) return end;
    at += bytes[at]! + 1;
  }
  return Math.min(at, end);
}

/** Whether the data of records of this type name another host. */
export function hasTarget(type: number): boolean {
  return targetOffset(type, NO_BYTES, 0, 0) >= 0;
}

const NO_BYTES = new Uint8Array(0);
