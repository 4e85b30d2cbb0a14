// runtime/late-lists: which connections the kernel has to list for new evidence.
import type { ConnectionList } from '../kernel/conntrack.ts';
import type { Recheck } from '../learn/late-flows.ts';
import type { TupleFilter } from '../netlink/conntrack-request.ts';
import type { Policy } from '../policy/policy.ts';
import { familyIn } from '../wire/address.ts';

/** The lists to dump for `rechecks`; null: all unmarked connections. A dump that the kernel filters by address takes
 * a fraction of the time of a full one. `addressesOf`: the present addresses of a device. */
export function listsOf(
  { globals, apps }: Policy,
  rechecks: readonly Recheck[] | null,
  addressesOf: (mac: string) => readonly string[],
): ConnectionList[] {
  const direct = { mark: 0, mask: globals.mask };
  if (apps.length === 0) return [];
  if (rechecks === null) return [direct];
  const ends = new Map<string, TupleFilter>();
  for (const recheck of rechecks) {
    const [source, remote] =
      recheck.kind === 'address' ? [null, recheck.remote] : [recheck.device, null];
    // One peer of a device: only the connections with it. Several: all of the device.
    const peer = recheck.kind === 'peer' && !ends.has(recheck.device) ? recheck.remote : null;
    const destination = remote ?? peer;
    const family = familyIn(source ?? destination ?? '');
    // All IPv6 rechecks share one list.
    const end = family === 6 ? '' : (source ?? remote ?? '');
    ends.set(end, { family, source, destination });
    if (recheck.kind !== 'port' || recheck.mac === null) continue;
    // A port recheck is about all addresses of the device.
    for (const address of addressesOf(recheck.mac)) {
      const other = familyIn(address) === 6 ? '' : address;
      const filter = { family: familyIn(address), source: address, destination: null };
      if (!ends.has(other)) ends.set(other, filter);
    }
  }
  // A flow that a port forward let in began at the remote end: the device is the source of its replies.
  return Array.from(ends.values()).flatMap((only) => {
    const inward = only.family === 4 && only.source !== null ? [{ ...only, isReply: true }] : [];
    return [only, ...inward].map((one) => ({ ...direct, only: one }));
  });
}
