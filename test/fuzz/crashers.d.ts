// The folder crashers/ as a module, which scripts/unit.mjs generates.
declare module 'fuzz:crashers' {
  /** File name without ".hex" (TARGET-DIGEST), and the text of the file. */
  const crashers: readonly (readonly [name: string, hex: string])[];
  export default crashers;
}
