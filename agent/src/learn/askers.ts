// learn/askers: the MAC from which each address asked for an application's name. A DNS answer carries only the
// device's address; by the MAC, a device with forty addresses has one share. Pure.

export interface Askers {
  /** MAC by address, least recent query first. */
  readonly macs: Map<string, string>;
}

/** Most addresses remembered; an answer to any other address is counted by that address. */
const MOST = 1024;

export function createAskers(): Askers {
  return { macs: new Map() };
}

/** Notes the MAC that `address` asked from; null (no Ethernet): forgets the address. */
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

/** The keys under which the device at `address` is known: the address, and the MAC that all its addresses of both
 * families share. */
export function namesOf({ macs }: Askers, address: string): readonly string[] {
  const mac = macs.get(address);
  return mac === undefined ? [address] : [address, mac];
}

/** The key that the device at `address` is counted by: its MAC, else the address. */
export function askerOf({ macs }: Askers, address: string): string {
  return macs.get(address) ?? address;
}
