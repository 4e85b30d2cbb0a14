// kernel/set-elements: the elements in a message of a set's dump, which the host program decodes (agent/native/elements.c).
import { count, elements } from 'whp:nft';
import type { Counted } from '../learn/outside.ts';
import type { Message, MessageReader } from '../netlink/message.ts';

/** `key`: one character a byte (wire/hex). `left`: milliseconds; null: it does not expire. */
export type OnElement = (key: string, left: number | null, counted: Counted | null) => void;

export function eachElement(
  { body, end }: Message,
  { bytes }: MessageReader,
  take: OnElement,
): void {
  const found = elements(bytes.buffer as ArrayBuffer, body, end - body);
  for (let at = 0; at < found.length; at += 4) {
    const left = found[at + 1] as number;
    const packets = found[at + 2] as number;
    const counted = packets < 0 ? null : { packets, bytes: found[at + 3] as number };
    take(found[at] as string, left < 0 ? null : left, counted);
  }
}

export function countElements({ body, end }: Message, { bytes }: MessageReader): number {
  return count(bytes.buffer as ArrayBuffer, body, end - body);
}
