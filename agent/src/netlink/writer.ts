// netlink/writer: encodes netlink messages into one growing buffer: headers, attributes, nesting, alignment.
// Allocates nothing per attribute. Every encoder of this folder uses it.
import { type ByteOrder, hostOrder } from './endian.ts';
import { HEADER_SIZE } from './message.ts';

/** Largest attribute, header included: its length field has 16 bits. */
const ATTRIBUTE_MAX = 0xffff;

export interface Writer {
  bytes: Uint8Array;
  /** Bytes used so far. */
  length: number;
  readonly little: boolean;
  /** Offset of the message that is open. */
  message: number;
  /** An attribute exceeded 65535 bytes: the buffer must not be sent. */
  overflow: boolean;
}

/** A writer with `size` bytes at first; the buffer doubles when full. */
export function createWriter(size = 4096, order: ByteOrder = hostOrder): Writer {
  return {
    bytes: new Uint8Array(size),
    length: 0,
    little: order === 'little',
    message: 0,
    overflow: false,
  };
}

/** Discards the content and keeps the buffer. */
export function resetWriter(w: Writer): void {
  w.length = 0;
  w.message = 0;
  w.overflow = false;
}

function reserve(w: Writer, more: number): void {
  const need = w.length + more;
  if (need <= w.bytes.length) return;
  let size = w.bytes.length * 2;
  while (size < need) size *= 2;
  const grown = new Uint8Array(size);
  grown.set(w.bytes.subarray(0, w.length));
  w.bytes = grown;
}

function set16(w: Writer, at: number, value: number): void {
  if (w.little) {
    w.bytes[at] = value;
    w.bytes[at + 1] = value >>> 8;
  } else {
    w.bytes[at] = value >>> 8;
    w.bytes[at + 1] = value;
  }
}

function set32(w: Writer, at: number, value: number): void {
  if (w.little) {
    w.bytes[at] = value;
    w.bytes[at + 1] = value >>> 8;
    w.bytes[at + 2] = value >>> 16;
    w.bytes[at + 3] = value >>> 24;
  } else {
    setBe32(w, at, value);
  }
}

function setBe32(w: Writer, at: number, value: number): void {
  w.bytes[at] = value >>> 24;
  w.bytes[at + 1] = value >>> 16;
  w.bytes[at + 2] = value >>> 8;
  w.bytes[at + 3] = value;
}

/** Appends one byte. */
export function putU8(w: Writer, value: number): void {
  reserve(w, 1);
  w.bytes[w.length] = value;
  w.length += 1;
}

/** Appends 16 bits in host order. */
export function putU16(w: Writer, value: number): void {
  reserve(w, 2);
  set16(w, w.length, value);
  w.length += 2;
}

/** Appends 32 bits in host order. */
export function putU32(w: Writer, value: number): void {
  reserve(w, 4);
  set32(w, w.length, value);
  w.length += 4;
}

/** Appends 16 bits in network order. */
export function putBe16(w: Writer, value: number): void {
  reserve(w, 2);
  w.bytes[w.length] = value >>> 8;
  w.bytes[w.length + 1] = value;
  w.length += 2;
}

/** Appends 32 bits in network order. */
export function putBe32(w: Writer, value: number): void {
  reserve(w, 4);
  setBe32(w, w.length, value);
  w.length += 4;
}

/** Appends raw bytes, unpadded. */
export function putBytes(w: Writer, bytes: Uint8Array): void {
  reserve(w, bytes.length);
  w.bytes.set(bytes, w.length);
  w.length += bytes.length;
}

function align(w: Writer): void {
  const rest = -w.length & 3;
  if (rest === 0) return;
  reserve(w, rest);
  // The buffer is reused, so padding must be written as zero.
  w.bytes.fill(0, w.length, w.length + rest);
  w.length += rest;
}

/** Opens a message; `endMessage` fills in its length. Port 0: the kernel fills in the sender. */
export function beginMessage(w: Writer, type: number, flags: number, seq: number): void {
  reserve(w, HEADER_SIZE);
  const at = w.length;
  w.message = at;
  set16(w, at + 4, type);
  set16(w, at + 6, flags);
  set32(w, at + 8, seq);
  set32(w, at + 12, 0);
  w.length = at + HEADER_SIZE;
}

/** Closes the message that `beginMessage` opened, and aligns for the next. */
export function endMessage(w: Writer): void {
  set32(w, w.message, w.length - w.message);
  align(w);
}

/** struct nfgenmsg: family, version 0, resource (group, queue or subsystem) in network order. */
export function putNetfilter(w: Writer, family: number, resource: number): void {
  putU8(w, family);
  putU8(w, 0);
  putBe16(w, resource);
}

/** Opens an attribute and returns its offset for `endAttribute`. Attributes may be nested. */
export function beginAttribute(w: Writer, type: number): number {
  reserve(w, 4);
  const at = w.length;
  set16(w, at + 2, type);
  w.length = at + 4;
  return at;
}

/** Closes the attribute at `at`; sets `overflow` above 65535 bytes. */
export function endAttribute(w: Writer, at: number): void {
  const size = w.length - at;
  if (size > ATTRIBUTE_MAX) w.overflow = true;
  set16(w, at, size);
  align(w);
}

function attributeHeader(w: Writer, type: number, payload: number): void {
  reserve(w, 4 + payload);
  set16(w, w.length, 4 + payload);
  set16(w, w.length + 2, type);
  w.length += 4;
}

/** Attribute of one byte. */
export function attributeU8(w: Writer, type: number, value: number): void {
  attributeHeader(w, type, 1);
  putU8(w, value);
  align(w);
}

/** Attribute of 16 bits in network order. */
export function attributeBe16(w: Writer, type: number, value: number): void {
  attributeHeader(w, type, 2);
  putBe16(w, value);
  align(w);
}

/** Attribute of 32 bits in host order. */
export function attributeU32(w: Writer, type: number, value: number): void {
  attributeHeader(w, type, 4);
  putU32(w, value);
}

/** Attribute of 32 bits in network order. */
export function attributeBe32(w: Writer, type: number, value: number): void {
  attributeHeader(w, type, 4);
  putBe32(w, value);
}

/** Attribute of 64 bits in network order; `value` is an integer below 2^53. */
export function attributeBe64(w: Writer, type: number, value: number): void {
  attributeHeader(w, type, 8);
  putBe32(w, Math.floor(value / 0x100000000));
  putBe32(w, value >>> 0);
}

/** Attribute of raw bytes. */
export function attributeBytes(w: Writer, type: number, bytes: Uint8Array): void {
  const at = beginAttribute(w, type);
  putBytes(w, bytes);
  endAttribute(w, at);
}

/** Attribute of a NUL-terminated name (ASCII). */
export function attributeString(w: Writer, type: number, text: string): void {
  const at = beginAttribute(w, type);
  reserve(w, text.length + 1);
  for (let i = 0; i < text.length; i++) w.bytes[w.length + i] = text.charCodeAt(i);
  w.bytes[w.length + text.length] = 0;
  w.length += text.length + 1;
  endAttribute(w, at);
}
