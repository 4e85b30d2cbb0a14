// answers/why-name: the answer of `whp why` for a host name: what the profiles, the rules and the aliases say of
// it, and which addresses were learned from it. Pure.
import { devicesLedTo } from '../learn/aliases.ts';
import { type Endpoint, learnedEndpoints } from '../learn/endpoints.ts';
import type { App } from '../policy/policy.ts';
import { matchText } from '../profile/name-match.ts';
import type { State } from '../step/state.ts';
import { durationText } from '../syntax/words.ts';
import { canonicalMac } from '../wire/mac.ts';
import { type KernelView, seconds } from './flows.ts';
import { type NowAnswer, newFlows } from './now.ts';
import {
  deviceText,
  NO_APP,
  olderFlows,
  type Surroundings,
  sentence,
  type WhyAnswer,
} from './why-parts.ts';

const OF_NO_DEVICE = { app: null, proxy: null, device: null };

/** Explains a host name. Of several apps with the name, the first applies to a device in all their lists; the
 * others follow as reasons. */
export function whyName(
  state: State,
  kernel: KernelView,
  name: string,
  around: Surroundings,
): WhyAnswer {
  const its = matchText(state.observer.matcher, name).map(({ app, entry }) => {
    const what = `a name of ${app}${entry === name ? '' : ` (${entry})`}`;
    return { app: state.apps.get(app)!, what };
  });
  const led = ledHere(state, name, around);
  const first = its.find(({ app }) => app.direct === undefined) ?? its[0];
  if (first === undefined && led.length > 0) {
    const verdict = 'direct, but for the devices that an application led to it';
    return {
      ...OF_NO_DEVICE,
      query: name,
      state: 'proxied',
      verdict,
      reasons: [...led, ...learnedFrom(state, name, around)],
    };
  }
  if (first === undefined) {
    const hasApp = state.policy.apps.length > 0;
    const verdict = `direct: ${hasApp ? 'no profile and no rule has this name' : NO_APP}`;
    return { ...OF_NO_DEVICE, query: name, state: 'direct', verdict, reasons: [] };
  }
  const now = newFlows(first.app, state.policy.proxies, around);
  const said = (one: NowAnswer, { app, what }: { app: App; what: string }): string =>
    sentence(one, what, olderFlows(app, state, kernel, around));
  const verdict = said(now, first);
  const others = its
    .filter((one) => one !== first)
    .map((one) => {
      const its = newFlows(one.app, state.policy.proxies, around);
      return `for devices of ${one.app.name} that ${first.app.name} does not have: ${said(its, one)}`;
    });
  const learned = learnedFrom(state, name, around);
  const none = 'no address is known from it: no device has asked for it lately';
  const reasons = [...others, ...led, ...(learned.length > 0 ? learned : [none])];
  const { state: way, proxy } = now;
  return { query: name, state: way, app: first.app.name, proxy, device: null, verdict, reasons };
}

/** The devices that an application's name has led to this name. */
function ledHere(state: State, name: string, { now, names }: Surroundings): string[] {
  // An alias is kept by address and by MAC; the line for the address is enough.
  return devicesLedTo(state.observer.aliases, name, now)
    .filter(({ device }) => canonicalMac(device) === null)
    .map(
      ({ device, alias: { app, root, expires } }) =>
        `for ${deviceText(names, device)} it is ${app}'s: ${root} led to it; ${durationText(seconds(expires - now))} left`,
    );
}

function learnedFrom(state: State, name: string, { now, names }: Surroundings): string[] {
  const from = (of: Endpoint): string => (of.name === name ? 'it' : `${of.name}, to which it led`);
  const left = (of: Endpoint): string => `${durationText(seconds(of.kept - now))} left`;
  const isFrom = (one: Endpoint): boolean =>
    (one.name === name || one.root === name) && one.kept > now;
  const home = learnedEndpoints(state.learned).filter(isFrom);
  const pairs = learnedEndpoints(state.pairs).filter(isFrom);
  const lines = [
    ...home.map((one) => `${one.address} was learned from ${from(one)}; ${left(one)}`),
    ...pairs.map(
      (one) =>
        `${one.address} was learned from ${from(one)}, for ${deviceText(names, one.device)}; ${left(one)}`,
    ),
  ];
  // Each app with the name learned the same addresses.
  return Array.from(new Set(lines));
}
