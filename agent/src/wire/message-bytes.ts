// wire/message-bytes: the part of Node's Buffer that dns-packet needs to read a name; the engine has no Buffer.
// Where Buffer would clamp a range, this throws, and dns-texts turns the exception into a reason.
import { labelText } from './dns-names.ts';
import { u16At } from './reader.ts';

/**
 * One DNS message: a view, like Buffer.from(buffer, offset, length). The methods throw RangeError. Indexing is not
 * checked: dns-packet compares an index with `length` before it reads the byte.
 */
export class MessageBytes extends Uint8Array<ArrayBufferLike> {
  /** 16 bits in network order at `offset`; both bytes must be inside the message. */
  readUInt16BE(offset: number): number {
    this.#check(offset, offset + 2);
    return u16At(this, offset);
  }

  /** The bytes [from, to), all inside the message, which are one label: with the escapes that dns-packet leaves out
   * (labelText). */
  override toString(_encoding: 'utf-8' = 'utf-8', from = 0, to = this.length): string {
    this.#check(from, to);
    return labelText(this, from, to);
  }

  #check(from: number, to: number): void {
    const inside = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to <= this.length;
    if (!inside || from > to) {
      throw new RangeError(`bytes ${from} to ${to} of a message of ${this.length}`);
    }
  }
}
