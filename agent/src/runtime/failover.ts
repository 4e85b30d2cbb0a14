// runtime/failover: runs what tunnel/failover asks for: probes leave, routes and gates change, and
// connections bound to a way that is no more are deleted. Keeps the clock of the probes: one timer,
// set for the next moment at which there is something to do.

import { EINVAL, ENDED_AT_ONCE } from '../kernel/conntrack.ts';
import { type ConnectionLists, decoded, TRIES } from '../kernel/conntrack-dump.ts';
import { openProbes, type Probes } from '../kernel/probes.ts';
import { applyOperation, type RoutingSocket } from '../kernel/routing.ts';
import { changeSets } from '../kernel/sets.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { after, inParts, now, unattended } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import { log } from '../os/log.ts';
import { randomBytes } from '../os/random.ts';
import { markOf } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { familyKey, pairKey } from '../ruleset/elements.ts';
import { gateName, setName, tunnelDevice } from '../ruleset/names.ts';
import {
  adoptPolicy,
  assertGates,
  assertWays,
  createSteering,
  type GateEffect,
  isStray,
  type MoveEffect,
  type SteerEffect,
  type SteerEvent,
  type Steering,
  steer,
  toBeMoved,
  untilNextLook,
} from '../tunnel/failover.ts';
import { isDoubted } from '../tunnel/health.ts';
import { moveApp } from '../tunnel/order.ts';
import type { Way } from '../tunnel/select.ts';
import type { FlowEnding } from './cuts.ts';

/** The clock also catches up when nothing is due, milliseconds. */
const LONGEST = 5000;

export interface Failover {
  readonly steering: Steering;
  /** Takes in a policy before its paths are built. `standing`: where the kernel has an app now. */
  adopt(policy: Policy, standing: (app: App) => string | null): void;
  /** The table stands (anew): says the gates again, moves the apps that are not on their way, and
   * deletes strays of all. Ends when all of it has; answers why the gates could not be said, or null. A
   * move that went wrong is said, and tried again by itself. */
  assert(): Promise<string | null>;
  /** The same where only the table has changed: no strays. */
  settle(): Promise<string | null>;
  /** The elements that say the gates again. */
  gates(): SetChange[];
  /** Begins to probe, and goes on until the program ends. */
  start(): void;
}

export function createFailover(paths: RoutingSocket, effects: FlowEnding): Failover {
  const steering = createSteering();
  const moving = new Map<string, Promise<string | null>>();
  let stop: (() => void) | null = null;
  const take = (event: SteerEvent): void => {
    for (const effect of steer(steering, event, now())) runEffect(effect);
  };
  const arm = (): void => {
    stop?.();
    stop = after(untilNextLook(steering, now(), LONGEST), look);
  };
  const probes: Probes = openProbes(randomBytes, (proxy, sequence) => {
    take({ kind: 'answer', proxy, sequence });
    arm();
  });
  const look = (): void => {
    // What has arrived counts, however late this program looks.
    probes.drain();
    for (const health of steering.healths.values()) {
      const packets = isDoubted(health) ? receivedBy(tunnelDevice(health.proxy)) : null;
      if (packets !== null) take({ kind: 'traffic', proxy: health.proxy, packets });
    }
    take({ kind: 'look' });
    // What went wrong before is tried again.
    for (const app of toBeMoved(steering)) unattended(moved(app));
    arm();
  };
  /** One move of an app at a time; who asks meanwhile has the same answer. */
  const moved = (app: string): Promise<string | null> => {
    const before = moving.get(app);
    if (before !== undefined) return before;
    const known = steering.stuck.get(app);
    const move = moveApp(steering, app, perform).then((wrong) => {
      moving.delete(app);
      if (wrong !== known) say(wrong);
      return wrong;
    });
    moving.set(app, move);
    return move;
  };
  const perform = (effect: MoveEffect): Promise<string | null> => {
    switch (effect.kind) {
      case 'route':
        return Promise.resolve(applyOperation(paths, { op: effect.op, piece: effect.route }));
      case 'gate':
        return Promise.resolve(setGates(effects, gateChanges(effect)));
      case 'sweep':
        return sweep(effects, steering.policy, effect.app, effect.way);
    }
  };
  const runEffect = (effect: SteerEffect): void => {
    switch (effect.kind) {
      case 'probe': {
        const { proxy: name, sequence } = effect;
        const proxy = steering.policy.proxies.find((one) => one.name === name);
        const reason = proxy === undefined ? 'unknown proxy' : probes.send(proxy, sequence);
        if (reason !== null) take({ kind: 'unsent', proxy: name, sequence, reason });
        return;
      }
      case 'move':
        log('notice', effect.text);
        unattended(moved(effect.app));
        return;
    }
  };
  const gates = (): SetChange[] => assertGates(steering).flatMap(gateChanges);
  const settle = async (): Promise<string | null> => {
    const wrong = setGates(effects, gates());
    await Promise.all(toBeMoved(steering).map(moved));
    return wrong;
  };
  return {
    steering,
    adopt: (policy, standing) => {
      adoptPolicy(steering, policy, standing, now());
      probes.retain(policy.proxies);
    },
    assert: async () => {
      const wrong = await settle();
      for (const effect of assertWays(steering)) say(await perform(effect));
      return wrong;
    },
    settle,
    gates,
    start: look,
  };
}

/** Packets that came in by this device since it was made; null: there is none. */
function receivedBy(device: string): number | null {
  const read = readText(`/sys/class/net/${device}/statistics/rx_packets`);
  return read.ok ? Number(read.text) : null;
}

function say(wrong: string | null): void {
  if (wrong !== null) log('error', wrong);
}

function setGates({ sets }: FlowEnding, changes: readonly SetChange[]): string | null {
  return changeSets(sets, changes);
}

function gateChanges({ app, gate, on }: GateEffect): SetChange[] {
  const set = gateName(app, gate);
  const elements = ([4, 6] as const).map((family) => ({ key: familyKey(family) }));
  const add = { operation: 'add', set, elements } as const;
  // Adding first makes the deletion succeed whatever was there.
  return on ? [add] : [add, { ...add, operation: 'delete' }];
}

/**
 * Deletes the app's connections that are bound to another way than `way`, and ends when that is done.
 * What they were known by may have expired long ago (a request window lasts 200 ms): so device and peer
 * are remembered first, and their next packet is the application's again. Answers the error, or null;
 * a kernel that lists no connections (`whp status` says so) has none that could be deleted.
 */
async function sweep(
  effects: FlowEnding,
  policy: Policy,
  name: string,
  way: Way,
): Promise<string | null> {
  const { cuts, lists, sets } = effects;
  const app = policy.apps.find((one) => one.name === name);
  if (app === undefined) return null;
  for (let tries = 1; ; tries += 1) {
    const { strays, errno, whole } = await straysOf(lists, policy, app, way);
    if (errno === EINVAL) return null;
    const refused = await inParts(strays, ENDED_AT_ONCE, (part) => {
      const wrong = changeSets(sets, remembered(app, part));
      const endings = part.map((connection) => ({ connection, outward: true }));
      return cuts?.end(endings) ?? wrong;
    });
    if (refused !== null) return `${name}: ${refused}`;
    if (whole) return null;
    if (tries === TRIES) return `${name}: read connections: the list was cut short, errno ${errno}`;
  }
}

interface Strays {
  readonly strays: readonly Connection[];
  readonly errno: number;
  readonly whole: boolean;
}

function straysOf(lists: ConnectionLists, policy: Policy, app: App, way: Way): Promise<Strays> {
  const { mask } = policy.globals;
  const strays: Connection[] = [];
  return new Promise((resolve) => {
    lists.read(
      [{ mark: markOf(mask, app.slot), mask }],
      decoded((connection) => {
        if (isStray(policy, way, connection.reply.destination)) strays.push(connection);
      }),
      ({ errno, whole }) => resolve({ strays, errno, whole }),
    );
  });
}

function remembered(app: App, strays: readonly Connection[]) {
  return ([4, 6] as const).flatMap((family) => {
    const pairs = new Map<string, Uint8Array>();
    for (const { family: own, original } of strays) {
      const key = own === family ? pairKey(original.source, original.destination) : null;
      if (key !== null) pairs.set(`${original.source} ${original.destination}`, key);
    }
    if (pairs.size === 0) return [];
    const elements = Array.from(pairs.values(), (key) => ({ key }));
    return [{ operation: 'add', set: setName(app.name, 'peer', family), elements } as const];
  });
}
