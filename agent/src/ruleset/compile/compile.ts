// ruleset/compile/compile: compiles the policy into the table model (UCI + profiles -> policy -> compile ->
// render -> nft). Assembles the sets and chains of the other files in this folder.
import type { Policy } from '../../policy/policy.ts';
import type { Ruleset } from '../model.ts';
import { outsideCounter, proxiedCounter, rejectedCounter, TABLE } from '../names.ts';
import { contextOf, tunnelsOf } from './context.ts';
import { elementChains } from './element-packets.ts';
import { cutChains, cutSets } from './ended-flows.ts';
import { exitChains } from './exit-meter.ts';
import { compileForward } from './forward.ts';
import { compileLocal } from './local.ts';
import { compilePrerouting } from './prerouting.ts';
import { bypassChains, bypassSets } from './resolver-bypass.ts';
import { compileSets } from './sets.ts';
import { helloSets } from './tls-hello.ts';
import { waitChains, waitSets } from './wait.ts';

/** The table for this policy. Pure: the same policy gives the same table, element by element. */
export function compile(policy: Policy): Ruleset {
  const context = contextOf(policy);
  return {
    table: TABLE,
    mask: policy.globals.mask,
    lan: policy.globals.lan,
    paths: policy.apps.map((app) => ({
      slot: app.slot,
      app: app.name,
      devices: tunnelsOf(context, app),
    })),
    counters: policy.apps.flatMap(({ name }) => [
      proxiedCounter(name),
      rejectedCounter(name),
      outsideCounter(name),
    ]),
    sets: [
      ...compileSets(policy),
      ...bypassSets(policy),
      ...helloSets(policy),
      ...cutSets(policy),
      ...waitSets(policy),
    ],
    chains: [
      ...compilePrerouting(context),
      ...bypassChains(context),
      ...cutChains(context),
      ...waitChains(policy),
      ...compileForward(context),
      ...compileLocal(context),
      ...exitChains(context),
      ...elementChains(context),
    ],
  };
}
