// runtime/in-force: the enforced policy and the state of step/step under it. One record, shared by the agent and
// the files that act on learned evidence.
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
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
}

export function createInForce(policy: Policy): InForce {
  const state = createState(policy, () => false);
  return { policy, wanted: policy, state, isEnforced: false, addresses: [] };
}

/** The policy is enforced: packets are judged by it from now on. */
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
