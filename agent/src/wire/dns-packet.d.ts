// The part of dns-packet that dns-texts.ts uses; the package ships no types of its own. scripts/lib/agent.mjs
// leaves out of the bundle what no other part than this one needs.
declare module 'dns-packet' {
  /** What a Buffer is asked for. */
  interface NameBytes {
    readonly length: number;
    readonly [offset: number]: number;
    readUInt16BE(offset: number): number;
    toString(encoding: 'utf-8', from: number, to: number): string;
  }

  export const name: {
    /** Throws when there is no name at `offset`. */
    decode(bytes: NameBytes, offset: number): string;
  };
}
