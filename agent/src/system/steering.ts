// system/steering: runs what tunnel/steer asks for: probes leave, routes and gates change, and
// connections bound to a way that is no more are deleted. Keeps the clock of the probes: one timer,
// set for the next moment at which there is something to do.
import type { Connection } from '../netlink/conntrack.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { markOf } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { familyKey, pairKey } from '../ruleset/elements.ts';
import { gateName, setName, tunnelDevice } from '../ruleset/names.ts';
import { isDoubted } from '../tunnel/health.ts';
import type { Way } from '../tunnel/select.ts';
import {
  adoptPolicy,
  assertGates,
  assertWays,
  createSteering,
  type GateEffect,
  isStray,
  type SteerEffect,
  type SteerEvent,
  type Steering,
  steer,
  untilNextLook,
} from '../tunnel/steer.ts';
import { after, now } from './clock.ts';
import { decoded } from './connection-lists.ts';
import { cutConnections } from './connections.ts';
import type { Effects } from './effects.ts';
import { readText } from './file.ts';
import { log } from './log.ts';
import { applyOperation, type Paths } from './paths.ts';
import { openProbes, type Probes } from './probes.ts';
import { randomBytes } from './random.ts';
import { changeSets } from './sets.ts';

/** The clock also catches up when nothing is due, milliseconds. */
const LONGEST = 5000;

export interface Helm {
  readonly steering: Steering;
  /** Takes in a policy before its paths are built. `standing`: where the kernel has an app now. */
  adopt(policy: Policy, standing: (app: App) => string | null): void;
  /** The table stands (anew): says the gates again and deletes strays. */
  assert(): void;
  /** The table has changed, the ways have not: says the gates again. Answers the error, or null. */
  assertGates(): string | null;
  /** The elements that say the gates again. */
  gates(): SetChange[];
  /** Begins to probe, and goes on until the program ends. */
  start(): void;
}

export function createHelm(paths: Paths, effects: Effects): Helm {
  const steering = createSteering();
  let stop: (() => void) | null = null;
  const take = (event: SteerEvent): void => {
    run(steer(steering, event, now()));
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
    arm();
  };
  const run = (list: readonly SteerEffect[]): void => {
    for (const effect of list) runEffect(effect);
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
      case 'route':
        say(applyOperation(paths, { op: effect.op, piece: effect.route }));
        return;
      case 'gate':
        say(setGates(effects, gateChanges(effect)));
        return;
      case 'sweep':
        sweep(effects, steering.policy, effect.app, effect.way);
        return;
      case 'moved':
        log('notice', effect.text);
        return;
    }
  };
  const gates = (): SetChange[] => assertGates(steering).flatMap(gateChanges);
  const sayGates = (): string | null => setGates(effects, gates());
  return {
    steering,
    adopt: (policy, standing) => {
      adoptPolicy(steering, policy, standing, now());
      probes.retain(policy.proxies);
    },
    assert: () => {
      say(sayGates());
      run(assertWays(steering));
    },
    assertGates: sayGates,
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

function setGates({ sets }: Effects, changes: readonly SetChange[]): string | null {
  return typeof sets === 'string' ? sets : changeSets(sets, changes);
}

function gateChanges({ app, gate, on }: GateEffect): SetChange[] {
  const set = gateName(app, gate);
  const elements = ([4, 6] as const).map((family) => ({ key: familyKey(family) }));
  const add = { operation: 'add', set, elements } as const;
  // Adding first makes the deletion succeed whatever was there.
  return on ? [add] : [add, { ...add, operation: 'delete' }];
}

/**
 * Deletes the app's connections that are bound to another way than `way`. What they were known by
 * may have expired long ago (a request window lasts 200 ms): so device and peer are remembered
 * first, and their next packet is the application's again.
 */
function sweep(effects: Effects, policy: Policy, name: string, way: Way): void {
  const { connections, lists, sets } = effects;
  if (typeof connections === 'string' || typeof lists === 'string' || typeof sets === 'string')
    return;
  const app = policy.apps.find((one) => one.name === name);
  if (app === undefined) return;
  const { mask } = policy.globals;
  const strays: Connection[] = [];
  lists.read(
    [{ mark: markOf(mask, app.slot), mask }],
    decoded((connection) => {
      if (isStray(policy, way, connection.reply.destination)) strays.push(connection);
    }),
    () => {
      if (strays.length === 0) return;
      const wrong = changeSets(sets, remembered(app, strays));
      say(cutConnections(connections, strays) ?? wrong);
    },
  );
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
