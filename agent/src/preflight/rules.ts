// preflight/rules: the look at collisions: foreign ip rules that match proxied packets, mark bits, routing
// tables. preflight/collisions finds them. Pure.
import { FIRST_SLOT } from '../policy/marks.ts';
import { PROTOCOL } from '../reconcile/desired.ts';
import { counted } from '../syntax/words.ts';
import { collisions, ruleStops } from './collisions.ts';
import { homeOf } from './home-networks.ts';
import type { Look } from './look.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

export const COLLISIONS = 'collisions';

export function collisionsLook({ policy }: LookedAt, seen: RouterSeen): Look {
  const { globals } = policy;
  const home = homeOf(policy, seen.links, seen.addresses, seen.routes);
  const problems = collisions(globals, seen, home, PROTOCOL);
  const first = globals.preference + FIRST_SLOT;
  const others = seen.rules.filter(({ protocol }) => protocol !== PROTOCOL);
  const before = others.filter(({ preference }) => preference < first);
  const routes = seen.routes.filter(({ protocol }) => protocol !== PROTOCOL);
  const from = home.networks.join(', ') || 'no network of the lan devices is known';
  return {
    subject: COLLISIONS,
    seen: `${problems.length === 0 ? 'none' : counted(problems.length, 'collision')}; ${counted(others.length, 'ip rule')} of others, ${before.length} of them before ours (from ${first}), for packets from ${from}; ${counted(routes.length, 'route')} of others that could matter, ${counted(seen.marks.length, 'use')} of marks in other nftables tables, ${seen.claims.map(({ who }) => who).join(', ') || 'no mwan3, pbr or tailscale'} installed`,
    problems,
    notes: [],
    stops: ruleStops(globals, policy.apps, seen, home, PROTOCOL),
  };
}
