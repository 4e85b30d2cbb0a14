// answers/home: the answer of `whp why` for a device of this home: which apps apply to it and what was learned of
// it. Pure.
import { findEvidence } from '../learn/evidence.ts';
import type { App } from '../policy/policy.ts';
import type { State } from '../step/state.ts';
import { type Host, hostName } from '../syntax/dhcp-hosts.ts';
import { parseAddress } from '../wire/address.ts';
import { appliesTo } from './devices.ts';
import { type KernelView, learnedAnswer } from './flows.ts';
import { byText, newFlows } from './now.ts';
import { type Surroundings, said, type WhyAnswer } from './why-parts.ts';

export interface HomeDevice {
  readonly name: string | null;
  readonly addresses: readonly string[];
}

/** The device with that DHCP name (".lan" is optional); null: none. */
export function deviceNamed(text: string, hosts: readonly Host[]): HomeDevice | null {
  const local = text.replace(/\.lan$/, '');
  const name = local.includes('.') ? null : hostName(local);
  const found = name === null ? [] : hosts.filter((one) => one.name === name);
  if (found.length === 0) return null;
  return { name, addresses: [...new Set(found.flatMap(({ address }) => address ?? []))] };
}

/** Which apps apply to a device, and what was learned of it. */
export function whyDevice(
  state: State,
  kernel: KernelView,
  { name, addresses }: HomeDevice,
  around: Surroundings,
  query: string,
): WhyAnswer {
  const reasons = addresses.flatMap((address) => {
    const { ports, peers } = learnedAnswer(state, kernel, around.now, 100, parseAddress(address));
    return [
      ...ports
        .filter(({ device }) => device === address)
        .map(
          (one) =>
            `${one.app}: ${one.protocol} port ${one.port} of it is the application's; ${one.seconds} s left`,
        ),
      ...peers
        .filter(({ device }) => device === address)
        .map((one) => `${one.app}: ${one.peer} is a peer of it; ${one.seconds} s left`),
      ...findEvidence(state.evidence, address).map((one) => said(one, around.now)),
    ];
  });
  const apps = state.policy.apps.map((app) => applied(app, addresses, state, around));
  const who = name === null || name === query ? 'a device' : `${name}, a device`;
  return {
    query,
    state: 'home',
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
  const found = addresses.map((address) => appliesTo(app, address, around.macOf(address)));
  const now = newFlows(app, state.policy.proxies, around);
  const word =
    now.state === 'proxied'
      ? `by proxy ${now.proxy}`
      : `${byText(now.state === 'direct' ? 'direct' : 'none')} now: ${now.reason}`;
  if (found.includes(true)) return `${app.name} applies to it (${word})`;
  if (!found.includes(null)) return `${app.name} does not apply to it`;
  return `whether ${app.name} applies to it is not known: DHCP and the neighbour table have no MAC of it`;
}
