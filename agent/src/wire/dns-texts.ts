// The names of a DNS message as text, each decoded once however often it is pointed to or written out.
// dns-packet reads them, when readName has found nothing wrong; its exceptions become reasons. Before:
// dns-names. After: dns, which reads the records.
import * as dnsPacket from 'dns-packet';
import { isPlainName, nameLabels, nameReason, nameText, readName } from './dns-names.ts';
import { MessageBytes } from './message-bytes.ts';
import type { Malformed } from './reader.ts';

/** A name of the message; equal names behind one pointer have equal offsets. */
export interface DnsName {
  /** Lower case, escaped as nameText does, no final dot; '.' is the root. */
  readonly text: string;
  /** Where its first label is, compression pointers followed. */
  readonly offset: number;
}

/**
 * Labels of the names decoded in one message, repeated names once: 64 targets of a service and a chain of
 * 16 names have 400. A 34Kf takes 0.15 ms for each; the 250,000 that 64 KB of pointers can stand for would
 * be half a minute.
 */
const MAX_LABELS = 1024;

export interface NamesOfMessage {
  readonly bytes: Uint8Array;
  readonly base: number;
  readonly end: number;
  /** The message alone: dns-packet reads pointers from the start of its buffer. */
  readonly message: MessageBytes;
  /** Names decoded so far, by the offset of their first label. */
  readonly names: Map<number, DnsName | Malformed>;
  /** The last name that was written out, and the bytes [from, to) that it is in. */
  written: { readonly from: number; readonly to: number; readonly name: DnsName } | null;
  /** Labels that may still be decoded; below 0: the message has more than are read. */
  labels: number;
}

/** Of the message bytes[base, end). */
export function namesOfMessage(bytes: Uint8Array, base: number, end: number): NamesOfMessage {
  const message = new MessageBytes(bytes.buffer, bytes.byteOffset + base, end - base);
  return { bytes, base, end, message, names: new Map(), written: null, labels: MAX_LABELS };
}

/** The name at `at`, decoded once however often it is pointed to. */
export function decodeName(decoder: NamesOfMessage, at: number): DnsName | Malformed {
  const { bytes, base, end, names } = decoder;
  // Nearly every owner is a pointer to a name that is known.
  const pointer = at + 1 < end && bytes[at]! >= 192;
  const target = pointer ? base + (((bytes[at]! & 63) << 8) | bytes[at + 1]!) : at;
  const known = pointer ? names.get(target) : writtenAgain(decoder, at);
  if (known !== undefined && target <= at) return known;
  const behind = readName(bytes, base, end, at, scratch);
  if (behind < 0) {
    decoder.labels -= MOST_LABELS;
    return { malformed: nameReason(behind) };
  }
  // A pointer to a pointer is legal.
  const offset = scratch.count === 0 ? at : scratch.starts[0]!;
  const found = names.get(offset) ?? nameAt(decoder, offset);
  names.set(offset, found);
  names.set(target, found);
  if (!pointer && 'text' in found) decoder.written = { from: at, to: behind, name: found };
  return found;
}

/** Where nothing is compressed, each of many records has the owner of the one before. */
function writtenAgain({ bytes, end, written }: NamesOfMessage, at: number): DnsName | undefined {
  if (written === null || at + written.to - written.from > end) return undefined;
  for (let i = written.from; i < written.to; i++) {
    if (bytes[i] !== bytes[at + i - written.from]) return undefined;
  }
  return written.name;
}

/** The name that `scratch` has. dns-packet joins labels as they are, so it reads those that need no escape. */
function nameAt(decoder: NamesOfMessage, offset: number): DnsName | Malformed {
  decoder.labels -= scratch.count;
  if (!isPlainName(decoder.bytes, scratch)) {
    return { text: nameText(decoder.bytes, scratch), offset };
  }
  let name: DnsName | Malformed;
  try {
    const text = dnsPacket.name.decode(decoder.message, offset - decoder.base).toLowerCase();
    name = { text, offset };
  } catch (error) {
    name = { malformed: error instanceof Error ? error.message : String(error) };
  }
  return name;
}

const scratch = nameLabels();
/** Of one byte each, in a name of 255 bytes. */
const MOST_LABELS = 127;
