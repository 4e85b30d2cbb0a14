// learn/askers: by which hardware address a device asked for an application's name, so that its answers,
// which name its address alone, count as that device's: one with forty addresses has one share. Pure.

export interface Askers {
  /** MAC by address, the one that asked longest ago first. */
  readonly macs: Map<string, string>;
}

/** Addresses remembered; an answer to another counts by its address. */
const MOST = 1024;

export function createAskers(): Askers {
  return { macs: new Map() };
}

/** `mac`: null where there is no Ethernet. */
export function noteAsker({ macs }: Askers, address: string, mac: string | null): void {
  macs.delete(address);
  if (mac === null) return;
  macs.set(address, mac);
  if (macs.size <= MOST) return;
  for (const oldest of macs.keys()) {
    macs.delete(oldest);
    return;
  }
}

/** What is known of the device at `address` is kept under: the address, and the MAC by which all of its
 * addresses of both families belong together. */
export function namesOf({ macs }: Askers, address: string): readonly string[] {
  const mac = macs.get(address);
  return mac === undefined ? [address] : [address, mac];
}

/** What the device at `address` is counted by. */
export function askerOf({ macs }: Askers, address: string): string {
  return macs.get(address) ?? address;
}
