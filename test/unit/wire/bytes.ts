// Shared by the wire tests: bytes from hex, DNS messages from words, and seeded mutation.

export function hex(text: string): Uint8Array {
  const digits = text.replace(/[^0-9a-fA-F]/g, '');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

export function concat(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A name on the wire; "@12" at the end is a compression pointer. */
export function wireName(text: string): Uint8Array {
  const out: number[] = [];
  for (const label of text.split('.').filter((part) => part !== '')) {
    if (label.startsWith('@')) {
      const at = Number(label.slice(1));
      return Uint8Array.from([...out, 0xc0 | (at >> 8), at & 255]);
    }
    out.push(label.length, ...Array.from(label, (c) => c.charCodeAt(0)));
  }
  return Uint8Array.from([...out, 0]);
}

export interface WireRecord {
  readonly name: string;
  readonly type: number;
  readonly ttl?: number;
  readonly rdata: Uint8Array | readonly number[];
}

export function u16be(value: number): number[] {
  return [(value >> 8) & 255, value & 255];
}

export function u32be(value: number): number[] {
  return [...u16be(value >>> 16), ...u16be(value & 0xffff)];
}

function wireRecord(record: WireRecord): Uint8Array {
  const { name, type, ttl = 300, rdata } = record;
  return concat(wireName(name), u16be(type), [0, 1], u32be(ttl), u16be(rdata.length), rdata);
}

/** A response with one question of type A. */
export function answerTo(
  question: string,
  answers: readonly WireRecord[],
  additionals: readonly WireRecord[] = [],
  flags = 0x8180,
): Uint8Array {
  const counts = [...u16be(1), ...u16be(answers.length), 0, 0, ...u16be(additionals.length)];
  const header = [0x12, 0x34, ...u16be(flags), ...counts];
  const records = [...answers, ...additionals].map(wireRecord);
  return concat(header, wireName(question), [0, 1, 0, 1], ...records);
}

export function queryFor(question: string): Uint8Array {
  return answerTo(question, [], [], 0x0100);
}

/** The same numbers for the same seed on every engine (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A copy with a few bytes changed, cut off, doubled or moved. */
export function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let i = 1 + random(4); i > 0 && out.length > 0; i--) {
    const at = random(out.length);
    const kind = random(8);
    if (kind < 3) out[at] = random(256);
    else if (kind === 3) out[at] = [0, 0xff, 0xc0, 0x3f, 0x7f, 0x80][random(6)]!;
    else if (kind === 4) out[at] = out[at]! ^ (1 << random(8));
    else if (kind === 5) out = out.slice(0, at);
    else if (kind === 6) out = concat(out.slice(0, at), out.slice(random(out.length)));
    else out = concat(out.slice(0, at), [random(256)], out.slice(at));
  }
  return out;
}
