// answers/home: the answer of `whp why` for a device or a group of this home: its name and groups, which apps apply
// to it and what was learned of it. Pure.
import { findEvidence } from '../learn/evidence.ts';
import type { App } from '../policy/policy.ts';
import type { State } from '../step/state.ts';
import { durationText } from '../syntax/words.ts';
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
  named: NamedDevices,
  around: Surroundings,
  query: string,
): WhyAnswer {
  const { name, addresses } = named;
  const reasons = addresses.flatMap((address) => learnedOf(state, kernel, address, around));
  const none = "nothing of it is proxied yet: no flow of it was an application's in the last hour";
  const apps = state.policy.apps.map((app) => applied(app, named, state, around));
  return {
    query,
    state: 'home',
    app: null,
    proxy: null,
    device: name,
    verdict: `${whoIs(named, query, around)}; ${apps.join('; ') || 'no app is enabled'}`,
    reasons: reasons.length > 0 ? reasons : [none],
  };
}

/** "tv, a device of this home, in group kids". */
function whoIs(named: NamedDevices, query: string, { names }: Surroundings): string {
  const { name, macs, addresses, isGroup } = named;
  const what = `a ${isGroup === true ? 'group of devices' : 'device'} of this home`;
  const who = name === null || name === query ? what : `${name}, ${what}`;
  if (isGroup === true) return who;
  const groups = names.groupsOf({ mac: macs[0] ?? null, addresses });
  return groups.length === 0 ? who : `${who}, in group ${groups.join(', ')}`;
}

function learnedOf(
  state: State,
  kernel: KernelView,
  address: string,
  { names, now }: Surroundings,
): string[] {
  const about = parseAddress(address);
  const { ports, peers } = learnedAnswer(state, kernel, names, now, 100, about);
  const its = (one: { readonly address: string }): boolean => one.address === address;
  return [
    ...ports
      .filter(its)
      .map(
        (one) =>
          `${one.app}: ${one.protocol} port ${one.port} of it is the application's; ${durationText(one.left_s)} left`,
      ),
    ...peers
      .filter(its)
      .map((one) => `${one.app}: ${one.remote} is a peer of it; ${durationText(one.left_s)} left`),
    ...findEvidence(state.evidence, address)
      .sort((one, other) => one.first - other.first)
      .map((one) => said(one, now)),
  ];
}

function applied(
  app: App,
  { macs, addresses, isGroup }: NamedDevices,
  state: State,
  around: Surroundings,
): string {
  const found = [
    ...addresses.map((address) => appliesTo(app, address, around.names.macOf(address))),
    ...macs.map((mac) => appliesTo(app, '', mac)),
  ];
  const source = isGroup === true ? undefined : addresses.find((one) => !one.includes(':'));
  const now = newFlows(app, state.policy.proxies, around, 4, source ?? null);
  const part = now.partly ? `, but not all of it: ${now.reason}` : '';
  const word =
    now.state === 'proxied' ? `by proxy ${now.proxy}${part}` : `${byText(now)} now: ${now.reason}`;
  if (found.includes(true)) return `${app.name} applies to it (${word})`;
  if (!found.includes(null)) return `${app.name} does not apply to it`;
  return `whether ${app.name} applies to it is not known: DHCP and the neighbour table have no MAC of it`;
}
