// runtime/gateways: keeps the set `gateways`: MACs of other routers in the home, from routes and the neighbour
// table. Such a MAC identifies no device, so it is never a key of learned elements.
import type { Kernel } from '../kernel/kernel.ts';
import type { Realized } from '../kernel/own-pieces.ts';
import { changeGateways, gatewayAddresses } from '../learn/gateways.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import { macKey } from '../ruleset/elements.ts';
import { GATEWAYS } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { type InForce, lookBy } from './in-force.ts';
import type { TableState } from './table-state.ts';

export interface GatewayState {
  /** Addresses of other routers in the home. */
  routers: readonly string[];
  /** A router's MAC is not known yet. */
  isUnresolved: boolean;
}

export interface GatewayNeeds {
  readonly gateways: GatewayState;
  readonly inForce: InForce;
  readonly kernel: Kernel;
  readonly policy: Policy;
  readonly state: State;
  readonly table: TableState;
}

export function createGateways(): GatewayState {
  return { routers: [], isUnresolved: false };
}

/** Call it with every look at the router: reads the gateways of routes over lan devices. */
export function keepGateways(agent: GatewayNeeds, { links, all }: Realized): void {
  const { policy, gateways } = agent;
  const lan = links.filter(({ name }) => policy.globals.lan.includes(name));
  gateways.routers = gatewayAddresses(
    all.routes,
    lan.map(({ index }) => index),
  );
  gateways.isUnresolved = true;
  resolveGateways(agent);
}

/** Call it with every tick: the neighbour table lacks a router that has not sent anything yet. */
export function resolveGateways(agent: GatewayNeeds): void {
  const { kernel, state, table, gateways } = agent;
  if (!gateways.isUnresolved || table.piece === null) return;
  const { routers } = gateways;
  const macs = routers.length === 0 ? null : kernel.routing.neighbours();
  const found = routers.flatMap((address) => macs?.get(address) ?? []);
  gateways.isUnresolved = found.length < routers.length;
  const { gone, fresh } = changeGateways(state.gateways, [...new Set(found)]);
  const change = (operation: 'add' | 'delete', some: readonly string[]): SetChange[] => {
    if (some.length === 0) return [];
    return [{ operation, set: GATEWAYS, elements: some.map((mac) => ({ key: macKey(mac)! })) }];
  };
  const changes = [...change('delete', gone), ...change('add', fresh)];
  if (changes.length === 0) return;
  lookBy(agent.inForce);
  const error = kernel.sets.change(changes);
  if (error !== null) log('error', `other routers at home: ${errorText(error)}`);
}
