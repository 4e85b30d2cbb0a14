// Messages as hex, four bytes a group: what the netlink tests compare, and what a recording of
// `strace -e write=3 ip ...` looks like when its columns are joined.
import { createMessage, type Message, readMessage } from '../../agent/src/netlink/message.ts';
import type { Writer } from '../../agent/src/netlink/writer.ts';

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    if (i > 0 && i % 4 === 0) text += ' ';
    text += bytes[i]!.toString(16).padStart(2, '0');
  }
  return text;
}

/** Spaces and newlines do not count. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16),
  );
}

/** One space between groups, whatever the layout of the test. */
export function groups(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}

export function written(w: Writer): string {
  return toHex(w.bytes.subarray(0, w.length));
}

/** The first message in `bytes`, or undefined when it is malformed. */
export function firstMessage(bytes: Uint8Array, little = true): Message | undefined {
  const m = createMessage();
  return readMessage({ bytes, little }, 0, bytes.length, m) < 0 ? undefined : m;
}

/** Which attribute types hold attributes: { 3: { 1: {} } } = those of type 3, and of 1 inside it. */
export interface Nesting {
  readonly [type: number]: Nesting;
}

/** A recording of a little-endian machine as a big-endian one would have made it: netfilter keeps
 * its numbers in network order, so only headers of the message and of attributes turn around. */
export function asBigEndian(recorded: Uint8Array, nesting: Nesting = {}): Uint8Array {
  const bytes = recorded.slice();
  const turn = (at: number, size: number): void => {
    bytes.subarray(at, at + size).reverse();
  };
  const walk = (start: number, end: number, inside: Nesting): void => {
    for (let at = start; at + 4 <= end; ) {
      const length = bytes[at]! | (bytes[at + 1]! << 8);
      const nested = inside[(bytes[at + 2]! | (bytes[at + 3]! << 8)) & 0x3fff];
      turn(at, 2);
      turn(at + 2, 2);
      if (nested) walk(at + 4, at + length, nested);
      at += Math.max(4, (length + 3) & ~3);
    }
  };
  for (const [at, size] of [
    [0, 4],
    [4, 2],
    [6, 2],
    [8, 4],
    [12, 4],
  ] as const) {
    turn(at, size);
  }
  walk(20, bytes.length, nesting);
  return bytes;
}
