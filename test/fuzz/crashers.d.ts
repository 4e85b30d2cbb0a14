// The folder crashers/ as a module: scripts/unit.mjs puts it together.
declare module 'fuzz:crashers' {
  /** File name without ".hex" (TARGET-DIGEST), and what is in it. */
  const crashers: readonly (readonly [name: string, hex: string])[];
  export default crashers;
}
