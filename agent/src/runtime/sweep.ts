// runtime/sweep: deletes the connections of an app that are bound to another way than its own. Device and peer stay
// known to the table.
import { type ConnectionList, ENDED_AT_ONCE, TRIES } from '../kernel/conntrack.ts';
import type { Connection } from '../netlink/conntrack.ts';
import { cutShort, isFull, isNoSubsystem, type KernelError } from '../netlink/kernel-error.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { inParts } from '../os/clock.ts';
import { markOf } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { pairKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import { isStray } from '../tunnel/failover.ts';
import type { Way } from '../tunnel/select.ts';
import { FAMILIES } from '../wire/address.ts';
import { endFlows, type FlowEnding } from './cuts.ts';
import { makeRoom } from './evict.ts';

/**
 * Deletes connections of the app that are bound to another way than `way`; returns when that is done. Their
 * evidence may have expired (a request window lasts 200 ms), so device and peer are added to the peer sets first:
 * their next packet is the app's again. A kernel without conntrack netlink, which `whp status` reports, cannot list
 * connections: then nothing is deleted.
 */
export async function sweep(
  effects: FlowEnding,
  policy: Policy,
  name: string,
  way: Way,
): Promise<KernelError | null> {
  const { conntrack } = effects.kernel;
  const app = policy.apps.find((one) => one.name === name);
  if (app === undefined) return null;
  const { mask } = policy.globals;
  const list: ConnectionList = { mark: markOf(mask, app.slot), mask };
  for (let tries = 1; ; tries += 1) {
    const strays: Connection[] = [];
    const { errno, whole } = await conntrack.list([list], (connection) => {
      if (isStray(policy, way, connection.reply.destination)) strays.push(connection);
    });
    const unread = cutShort('connections', errno);
    if (isNoSubsystem(unread)) return null;
    const unset = await remember(effects, app, strays);
    if (unset !== null) return unset;
    const endings = strays.map((connection) => ({ connection, outward: true }));
    const error = await inParts(endings, ENDED_AT_ONCE, (part) => endFlows(effects, part));
    if (error !== null) return error;
    if (whole) return null;
    if (tries === TRIES) return unread;
  }
}

/** Adds device and peer of each connection to the peer sets; evicts elements of a full set. */
async function remember(
  effects: FlowEnding,
  app: App,
  strays: readonly Connection[],
): Promise<KernelError | null> {
  const { sets } = effects.kernel;
  const add = (): Promise<KernelError | null> =>
    inParts(strays, ENDED_AT_ONCE, (part) => sets.change(remembered(app, part)));
  const error = await add();
  if (error === null || !isFull(error)) return error;
  await makeRoom(effects, app.name, () => {});
  return add();
}

function remembered(app: App, strays: readonly Connection[]): SetChange[] {
  return FAMILIES.flatMap((family) => {
    const pairs = new Map<string, Uint8Array>();
    for (const { family: own, original } of strays) {
      const key = own === family ? pairKey(original.source, original.destination) : null;
      if (key !== null) pairs.set(`${original.source} ${original.destination}`, key);
    }
    if (pairs.size === 0) return [];
    const elements = Array.from(pairs.values(), (key) => ({ key }));
    return [{ operation: 'add', set: setName(app.name, 'peer', family), elements }];
  });
}
