// runtime/in-force: the policy that is enforced, and what has been learned under it. One record, which the agent and
// those who act on what is learned share; only `takeIn` and its neighbours in this file change it.
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { createState, type State } from '../step/state.ts';

export interface InForce {
  /** With the MTUs of the tunnels filled in. */
  policy: Policy;
  /** The policy as it was loaded, before. */
  wanted: Policy;
  state: State;
  /** False until the first policy was enforced. */
  isEnforced: boolean;
  /** Addresses of the router's own devices, text. */
  addresses: readonly string[];
}

export function createInForce(policy: Policy): InForce {
  const state = createState(policy, () => false);
  return { policy, wanted: policy, state, isEnforced: false, addresses: [] };
}

/** The policy is enforced: what arrives from now on is judged by it. */
export function takeIn(inForce: InForce, wanted: Policy, policy: Policy): void {
  const isOwn = (address: string): boolean =>
    isOwnAddress(inForce.policy, inForce.addresses, address);
  inForce.wanted = wanted;
  inForce.policy = policy;
  inForce.state = createState(policy, isOwn, inForce.state);
  inForce.isEnforced = true;
}

export function noteAddresses(
  inForce: InForce,
  addresses: readonly { readonly address: string }[],
): void {
  inForce.addresses = addresses.map(({ address }) => address);
}
