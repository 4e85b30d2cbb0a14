// The DNS messages of the benchmark: the first label of a query has phase, run and number, so that its answer is
// found on both wires; and the resolver's answers. Pure.

/** The names after the first label: of no profile, and of the Skype profile; equally long. */
export const OTHER_DOMAIN = 'host.shopi.com';
export const OUR_DOMAIN = 'host.skype.com';
/** Target of the answer's CNAME. */
const TARGET = 'edge-star.cdn.example.net';
/** Addresses in an answer. */
const ADDRESSES = 2;
/** Characters of a phase: its letter, and the number of the run. */
const PHASE = 2;
const LABEL = PHASE + 5;

function nameBytes(name: string): number[] {
  const labels = name.split('.');
  return [...labels.flatMap((one) => [one.length, ...Array.from(one, (c) => c.charCodeAt(0))]), 0];
}

/** Phase and five digits: "c100042". */
export function labelOf(phase: string, number: number): string {
  return phase + String(number).padStart(5, '0');
}

/** A query of type A with recursion desired. */
export function queryFor(id: number, label: string, domain: string): Uint8Array {
  const name = nameBytes(`${label}.${domain}`);
  return Uint8Array.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1]);
}

const target = nameBytes(TARGET);
const cname = [0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, target.length, ...target];

/** Offset of the end of the first question, or -1. */
function questionEnd(query: Uint8Array): number {
  let at = 12;
  while (at < query.length && query[at] !== 0) at += query[at]! + 1;
  return at + 5 <= query.length ? at + 5 : -1;
}

/** The answer to `query`; `serial` chooses its addresses, in 23.96.0.0/12. Null: not a query. */
export function answerTo(query: Uint8Array, serial: number): Uint8Array | null {
  const end = query.length < 17 || (query[2]! & 0x80) !== 0 ? -1 : questionEnd(query);
  if (end < 0) return null;
  const answer = new Uint8Array(end + cname.length + ADDRESSES * 16);
  answer.set(query.subarray(0, end));
  // Response, recursion available; one question, the CNAME and the addresses; EDNS not echoed.
  answer.set([0x81, 0x80, 0, 1, 0, ADDRESSES + 1, 0, 0, 0, 0], 2);
  answer.set(cname, end);
  const owner = end + 12;
  for (let i = 0, at = end + cname.length; i < ADDRESSES; i++, at += 16) {
    const host = serial * ADDRESSES + i;
    const address = [23, 96 + ((host >> 16) & 15), (host >> 8) & 255, host & 255];
    answer.set([0xc0 | (owner >> 8), owner & 255, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, ...address], at);
  }
  return answer;
}

/** The first label of a DNS message's question that starts at bytes[at], or null. */
export function labelAt(bytes: Uint8Array, at: number, end: number): string | null {
  const length = at + 13 < end ? bytes[at + 12]! : 0;
  if (length !== LABEL || at + 13 + length > end) return null;
  return String.fromCharCode(...bytes.subarray(at + 13, at + 13 + length));
}

/** The phase that a label was asked in. */
export function phaseOf(label: string): string {
  return label.slice(0, PHASE);
}
