// runtime/gateways: keeps the set of other routers at home as routes and the neighbour table have them, with every
// look around. What is known by such a MAC is not looked up any more: it tells no device.

import { type Realized, readNeighbours } from '../kernel/routing.ts';
import { changeSets } from '../kernel/sets.ts';
import { changeGateways, gatewayAddresses } from '../learn/gateways.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { log } from '../os/log.ts';
import { macKey } from '../ruleset/elements.ts';
import { GATEWAYS } from '../ruleset/names.ts';
import type { Agent } from './agent.ts';

/** With every look around: whoever routes over lan devices lead to now. */
export function keepGateways(agent: Agent, { links, all }: Realized): void {
  const { policy, neighbours } = agent;
  const lan = links.filter(({ name }) => policy.globals.lan.includes(name));
  neighbours.routers = gatewayAddresses(
    all.routes,
    lan.map(({ index }) => index),
  );
  neighbours.unresolved = true;
  resolveGateways(agent);
}

/** With every tick: the MAC of one that has not spoken before. */
export function resolveGateways(agent: Agent): void {
  const { paths, state, effects, standing, neighbours } = agent;
  if (!neighbours.unresolved || standing === null) return;
  const { routers } = neighbours;
  const macs = routers.length === 0 ? null : readNeighbours(paths);
  const found = routers.flatMap((address) => macs?.get(address) ?? []);
  neighbours.unresolved = found.length < routers.length;
  const { gone, fresh } = changeGateways(state.gateways, [...new Set(found)]);
  const change = (operation: 'add' | 'delete', some: readonly string[]): SetChange[] => {
    if (some.length === 0) return [];
    return [{ operation, set: GATEWAYS, elements: some.map((mac) => ({ key: macKey(mac)! })) }];
  };
  const changes = [...change('delete', gone), ...change('add', fresh)];
  const wrong = changes.length === 0 ? null : changeSets(effects.sets, changes);
  if (wrong !== null) log('error', `other routers at home: ${wrong}`);
}
