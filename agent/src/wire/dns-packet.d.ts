// The part of dns-packet that dns-texts.ts uses; the package ships no types of its own.
declare module 'dns-packet' {
  import type { Buffer } from 'buffer';

  export const name: {
    decode(bytes: Buffer, offset: number): string;
  };
  export const answer: {
    /** `data` is an address or a name as text for A, AAAA and CNAME, raw bytes for type 64, 65. */
    decode(
      bytes: Buffer,
      offset: number,
    ): { name: string; type: string; ttl: number; class: string; data: unknown };
  };
  /** A whole message; throws on the first thing it cannot read. */
  export function decode(bytes: Buffer): unknown;
}
