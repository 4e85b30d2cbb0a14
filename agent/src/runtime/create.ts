// runtime/create: creates the records of an agent. Reads and changes nothing in the kernel.
import type { Settings } from '../config/settings.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { createKept } from '../learn/kept-pace.ts';
import { now } from '../os/clock.ts';
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { createRepair } from '../reconcile/repair.ts';
import { createAccounting } from './accounting.ts';
import type { Agent } from './agent.ts';
import { createAudit } from './audit.ts';
import { createEffects } from './effects.ts';
import { createFailover } from './failover.ts';
import { createFeeds } from './feeds.ts';
import { createFilling } from './filling.ts';
import { createGateways } from './gateways.ts';
import { createGuard } from './guard.ts';
import { createHandover } from './handover.ts';
import { createInForce } from './in-force.ts';
import type { LateSetting } from './late-flows.ts';
import { createOffload } from './offload.ts';
import { createPaths } from './paths.ts';
import { createPreflight } from './preflight.ts';
import { run } from './repair.ts';
import { createRepairs } from './repairs.ts';
import { createTable, type Made } from './table-state.ts';

/** `handoverFile`: see Agent. `made`: what an earlier agent has compiled (runtime/made). */
export function createAgent(
  settings: Settings,
  policy: Policy,
  kernel: Kernel,
  handoverFile: string,
  made: Made | null = null,
): Agent {
  const inForce = createInForce(policy, kernel.glance);
  const feeds = createFeeds();
  const table = createTable(made);
  const effects = createEffects(kernel, inForce, feeds, () => settingNow(agent));
  const agent: Agent = {
    settings,
    kernel,
    turns: { last: Promise.resolve(), areOver: false },
    inForce,
    get policy() {
      return inForce.policy;
    },
    get state() {
      return inForce.state;
    },
    table,
    offload: createOffload(),
    guard: createGuard(),
    paths: createPaths(policy.globals),
    feeds,
    filling: createFilling(),
    repair: createRepair(policy.globals.preference, policy.globals.table),
    refused: new Map(),
    happened: (event) => run(agent, event),
    handoverFile,
    handover: createHandover(),
    repairs: createRepairs(),
    preflight: createPreflight(),
    gateways: createGateways(),
    kept: createKept(now()),
    effects,
    failover: createFailover(kernel, effects, table),
    since: now(),
    problems: new Map(),
    audit: createAudit(),
    accounting: createAccounting(),
  };
  return agent;
}

/** Addresses and MACs of the home for a search of late flows. The neighbour table has each device that sends, DHCP
 * leases also those that sleep. Both are read on first use. */
function settingNow({ inForce, settings, kernel }: Agent): LateSetting {
  let known: ReadonlyMap<string, string> | null = null;
  const read = (): ReadonlyMap<string, string> => {
    known ??= new Map([...leasesOf(settings), ...kernel.routing.neighbours()]);
    return known;
  };
  return {
    isOwn: (address) => isOwnAddress(inForce.policy, inForce.addresses, address),
    gateways: inForce.state.gateways,
    macOf: (address) => read().get(address) ?? null,
    addressesOf: (mac) =>
      Array.from(read()).flatMap(([address, of]) => (of === mac ? address : [])),
  };
}

function leasesOf({ hosts }: Settings): (readonly [address: string, mac: string])[] {
  return hosts.flatMap(({ address, mac }) => (address === null ? [] : ([[address, mac]] as const)));
}
