// answers/home: the answer of `whp why` for a device of this home: which apps apply to it and what was learned of
// it. Pure.
import { findEvidence } from '../learn/evidence.ts';
import type { App } from '../policy/policy.ts';
import type { State } from '../step/state.ts';
import { parseAddress } from '../wire/address.ts';
import type { NamedDevices } from './device-names.ts';
import { appliesTo } from './devices.ts';
import { type KernelView, learnedAnswer } from './flows.ts';
import { byText, newFlows } from './now.ts';
import { type Surroundings, said, type WhyAnswer } from './why-parts.ts';

/** Which apps apply to a device, and what was learned of it. */
export function whyDevice(
  state: State,
  kernel: KernelView,
  { name, addresses }: Pick<NamedDevices, 'name' | 'addresses'>,
  around: Surroundings,
  query: string,
): WhyAnswer {
  const reasons = addresses.flatMap((address) => {
    const { ports, peers } = learnedAnswer(
      state,
      kernel,
      around.names,
      around.now,
      100,
      parseAddress(address),
    );
    return [
      ...ports
        .filter((one) => one.address === address)
        .map(
          (one) =>
            `${one.app}: ${one.protocol} port ${one.port} of it is the application's; ${one.left_s} s left`,
        ),
      ...peers
        .filter((one) => one.address === address)
        .map((one) => `${one.app}: ${one.remote} is a peer of it; ${one.left_s} s left`),
      ...findEvidence(state.evidence, address).map((one) => said(one, around.now)),
    ];
  });
  const apps = state.policy.apps.map((app) => applied(app, addresses, state, around));
  const who = name === null || name === query ? 'a device' : `${name}, a device`;
  return {
    query,
    state: 'home',
    app: null,
    proxy: null,
    device: name,
    verdict: `${who} of this home; ${apps.join('; ') || 'no app is enabled'}`,
    reasons: reasons.length > 0 ? reasons : ["no flow of it was an application's in the last hour"],
  };
}

function applied(
  app: App,
  addresses: readonly string[],
  state: State,
  around: Surroundings,
): string {
  const found = addresses.map((address) => appliesTo(app, address, around.names.macOf(address)));
  const now = newFlows(app, state.policy.proxies, around);
  const word =
    now.state === 'proxied' ? `by proxy ${now.proxy}` : `${byText(now)} now: ${now.reason}`;
  if (found.includes(true)) return `${app.name} applies to it (${word})`;
  if (!found.includes(null)) return `${app.name} does not apply to it`;
  return `whether ${app.name} applies to it is not known: DHCP and the neighbour table have no MAC of it`;
}
