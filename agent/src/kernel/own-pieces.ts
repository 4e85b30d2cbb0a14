// kernel/own-pieces: the devices, addresses, routes and rules that are the agent's own, as pieces of reconcile/desired.
// Own are: a GRE device with our name and its addresses, and a route or rule with our protocol number at our numbers.
import type { KernelAddress } from '../netlink/address.ts';
import { IFF_UP, RTN_PROHIBIT } from '../netlink/constants.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { KernelRoute } from '../netlink/route.ts';
import { asksOnlyForMark, type KernelRule } from '../netlink/rule.ts';
import { isSlot } from '../policy/marks.ts';
import type { Globals } from '../policy/policy.ts';
import { type PathPiece, PROTOCOL } from '../reconcile/desired.ts';
import { isLinkName } from '../ruleset/names.ts';

export interface Realized {
  /** The agent's own objects, as pieces. */
  readonly pieces: readonly PathPiece[];
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  readonly all: All;
}

/** Rules and routes of all programs: without the routes of table local except default routes, and without the
 * routes of table main that the kernel creates for networks of the router. */
export interface All {
  readonly rules: readonly KernelRule[];
  readonly routes: readonly KernelRoute[];
}

/** The first preference and routing table number: slot n uses `preference` + n and `table` + n. */
export type Numbers = Pick<Globals, 'preference' | 'table'>;

/** The pieces that are the agent's by `numbers`. */
export function piecesOf(
  links: readonly KernelLink[],
  addresses: readonly KernelAddress[],
  { routes, rules }: All,
  numbers: readonly Numbers[],
): PathPiece[] {
  const names = new Map(links.map((link) => [link.index, link.name]));
  return [
    ...links.filter(isOwnLink).map(linkPiece),
    ...addresses.flatMap(({ link, address, peer }): PathPiece[] => {
      const name = names.get(link) ?? '';
      return isLinkName(name) && peer !== null
        ? [{ kind: 'address', link: name, address, peer }]
        : [];
    }),
    ...routes.filter((one) => isOwnRoute(one, numbers)).map((one) => routePiece(one, names)),
    ...rules.filter((one) => isOwnRule(one, numbers)).map(rulePiece),
  ];
}

function isOwnLink(link: KernelLink): boolean {
  return isLinkName(link.name) && link.gre !== null;
}

function isOwnRoute(route: KernelRoute, numbers: readonly Numbers[]): boolean {
  return (
    route.protocol === PROTOCOL &&
    route.destination === null &&
    numbers.some(({ table }) => isSlot(route.table - table))
  );
}

function isOwnRule(rule: KernelRule, numbers: readonly Numbers[]): boolean {
  return (
    rule.protocol === PROTOCOL &&
    numbers.some(({ preference }) => isSlot(rule.preference - preference)) &&
    asksOnlyForMark(rule)
  );
}

function linkPiece(link: KernelLink): PathPiece {
  const { local, remote, key } = link.gre!;
  // A link that is down never equals a desired one, whatever its parameters: it is created again.
  const mtu = (link.flags & IFF_UP) === 0 ? 0 : link.mtu;
  return { kind: 'link', name: link.name, local, remote: remote ?? '', key, mtu };
}

function routePiece(route: KernelRoute, names: ReadonlyMap<number, string>): PathPiece {
  const link = route.type === RTN_PROHIBIT ? null : (names.get(route.link) ?? `#${route.link}`);
  return { kind: 'route', family: route.family, table: route.table, link, metric: route.metric };
}

function rulePiece(rule: KernelRule): PathPiece {
  const { family, preference, mark, mask, table } = rule;
  return { kind: 'rule', family, preference, mark, mask, table };
}
