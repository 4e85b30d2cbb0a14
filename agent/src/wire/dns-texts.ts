// wire/dns-texts: names of a DNS message as text, each decoded once however often it is repeated or pointed to.
// readName checks a name before dns-packet decodes it; an exception of dns-packet becomes a reason.
import * as dnsPacket from 'dns-packet';
import { nameLabels, nameReason, readName } from './dns-names.ts';
import { MessageBytes } from './message-bytes.ts';
import type { Malformed } from './reader.ts';

/** A name of the message. Pointers to the same name have the same `offset`. */
export interface DnsName {
  /** Lower case, escaped as by nameText, no final dot; '.' is the root. */
  readonly text: string;
  /** Offset of the first label, after compression pointers. */
  readonly offset: number;
}

/**
 * Labels decoded in one message, repeated names once. 64 targets of a service and a chain of 16 names have 400. A
 * 34Kf takes 0.15 ms for each label; the 250,000 labels that 64 KB of pointers can name would take half a minute.
 */
const MAX_LABELS = 1024;

export interface NamesOfMessage {
  readonly bytes: Uint8Array;
  readonly base: number;
  readonly end: number;
  /** The message alone: dns-packet counts pointers from the start of its buffer. */
  readonly message: MessageBytes;
  /** Names decoded so far, by the offset of their first label. */
  readonly names: Map<number, DnsName | Malformed>;
  /** The last name that was not a pointer, and its bytes [from, to). */
  written: { readonly from: number; readonly to: number; readonly name: DnsName } | null;
  /** Labels that may still be decoded; below 0: the limit was exceeded. */
  labels: number;
}

/** Empty name cache for the message bytes[base, end). */
export function namesOfMessage(bytes: Uint8Array, base: number, end: number): NamesOfMessage {
  const message = new MessageBytes(bytes.buffer, bytes.byteOffset + base, end - base);
  return { bytes, base, end, message, names: new Map(), written: null, labels: MAX_LABELS };
}

/** The name at `at`, from the cache if it was decoded before. */
export function decodeName(decoder: NamesOfMessage, at: number): DnsName | Malformed {
  const { bytes, base, end, names } = decoder;
  // Nearly every owner is a pointer to a name that was decoded before.
  const pointer = at + 1 < end && bytes[at]! >= 192;
  const target = pointer ? base + (((bytes[at]! & 63) << 8) | bytes[at + 1]!) : at;
  const known = pointer ? names.get(target) : writtenAgain(decoder, at);
  if (known !== undefined && target <= at) return known;
  const behind = readName(bytes, base, end, at, scratch);
  if (behind < 0) {
    decoder.labels -= MOST_LABELS;
    return { malformed: nameReason(behind) };
  }
  // A pointer may lead to another pointer.
  const offset = scratch.count === 0 ? at : scratch.starts[0]!;
  const found = names.get(offset) ?? nameAt(decoder, offset);
  names.set(offset, found);
  names.set(target, found);
  if (!pointer && 'text' in found) decoder.written = { from: at, to: behind, name: found };
  return found;
}

/** The last uncompressed name, if repeated at `at`: consecutive records often have the same owner. */
function writtenAgain({ bytes, end, written }: NamesOfMessage, at: number): DnsName | undefined {
  if (written === null || at + written.to - written.from > end) return undefined;
  for (let i = written.from; i < written.to; i++) {
    if (bytes[i] !== bytes[at + i - written.from]) return undefined;
  }
  return written.name;
}

/** Text of the name in `scratch`. */
function nameAt(decoder: NamesOfMessage, offset: number): DnsName | Malformed {
  decoder.labels -= scratch.count;
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
/** Labels of one byte each in a name of 255 bytes. */
const MOST_LABELS = 127;
