// wire/dns-packet: types for the part of dns-packet that dns-texts uses; the package ships none.
// scripts/lib/agent.mjs leaves the modules out of the bundle that this part does not need.
declare module 'dns-packet' {
  /** The members of Buffer that `name.decode` uses. */
  interface NameBytes {
    readonly length: number;
    readonly [offset: number]: number;
    readUInt16BE(offset: number): number;
    toString(encoding: 'utf-8', from: number, to: number): string;
  }

  export const name: {
    /** Throws if there is no valid name at `offset`. */
    decode(bytes: NameBytes, offset: number): string;
  };
}
