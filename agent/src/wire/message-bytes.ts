// What dns-packet asks of Node's Buffer to read a name, and no more: there is no Buffer in the engine. Of
// what Buffer would bend to fit (a part that ends behind the message, bytes that are no text) nothing is
// answered: it throws, and dns-texts makes a reason of it.
import { u16At } from './reader.ts';

/**
 * One DNS message: a view, like Buffer.from(buffer, offset, length). Its methods throw RangeError. An index
 * is that of any array: dns-packet compares it with the length before it reads a byte.
 */
export class MessageBytes extends Uint8Array<ArrayBufferLike> {
  /** The two bytes at `offset`, the higher one first; both have to lie inside the message. */
  readUInt16BE(offset: number): number {
    this.#check(offset, offset + 2);
    return u16At(this, offset);
  }

  /**
   * The bytes [from, to), all of them inside the message, as text. Of ASCII only, which is the same in every
   * encoding that dns-packet may name: other bytes are no part of the names it is given (isPlainName).
   */
  override toString(_encoding: 'utf-8' = 'utf-8', from = 0, to = this.length): string {
    this.#check(from, to);
    let text = '';
    for (let at = from; at < to; at++) {
      const byte = this[at]!;
      if (byte > 127) throw new RangeError(`byte ${byte} at ${at} is not ASCII`);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #check(from: number, to: number): void {
    const inside = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to <= this.length;
    if (!inside || from > to) {
      throw new RangeError(`bytes ${from} to ${to} of a message of ${this.length}`);
    }
  }
}
