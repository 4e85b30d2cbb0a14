// runtime/in-force: the enforced policy and the state of step/step under it. One record, shared by the agent and
// the files that act on learned evidence.
import type { HostGlance } from '../kernel/glance.ts';
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { isSame } from '../reconcile/same.ts';
import { createState, type State } from '../step/state.ts';

export interface InForce {
  /** The wanted policy, with the MTUs of the tunnels. */
  policy: Policy;
  /** The policy as configured. */
  wanted: Policy;
  state: State;
  /** False until the first policy was enforced. */
  isEnforced: boolean;
  /** Addresses of all devices of the router, as text. */
  addresses: readonly string[];
  /** Told of each new state. */
  readonly glance: HostGlance;
}

export function createInForce(policy: Policy, glance: HostGlance): InForce {
  const state = createState(policy, () => false, null, glance.asked);
  return { policy, wanted: policy, state, isEnforced: false, addresses: [], glance };
}

/** The policy is enforced: packets are judged by it from now on. */
export function takeIn(inForce: InForce, wanted: Policy, policy: Policy): void {
  const isOwn = (address: string): boolean =>
    isOwnAddress(inForce.policy, inForce.addresses, address);
  inForce.wanted = wanted;
  inForce.policy = policy;
  inForce.state = createState(policy, isOwn, inForce.state);
  inForce.isEnforced = true;
  lookBy(inForce);
}

/** The host program judges by the state in force. */
export function lookBy({ glance, state, addresses }: InForce): void {
  glance.look(state, addresses);
}

export function noteAddresses(
  inForce: InForce,
  addresses: readonly { readonly address: string }[],
): void {
  const known = inForce.addresses;
  inForce.addresses = addresses.map(({ address }) => address);
  if (inForce.isEnforced && !isSame(known, inForce.addresses)) lookBy(inForce);
}
