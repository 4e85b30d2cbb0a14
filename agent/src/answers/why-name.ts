// answers/why-name: the answer of `whp why` for a host name: what the profiles, the rules and the aliases say of
// it, and which addresses were learned from it. Pure.
import { devicesLedTo } from '../learn/aliases.ts';
import { type Endpoint, livingEndpoints } from '../learn/endpoints.ts';
import type { App } from '../policy/policy.ts';
import { matchText } from '../profile/name-match.ts';
import { isEverywhere, isWhole } from '../profile/range-match.ts';
import type { State } from '../step/state.ts';
import { durationText } from '../syntax/words.ts';
import { canonicalMac } from '../wire/mac.ts';
import { type KernelView, seconds } from './flows.ts';
import { holding, portsOf } from './grounds.ts';
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

/** Why a connection to the name is of an app. */
interface Claim {
  readonly app: App;
  readonly what: string;
}

/** Explains a host name. Of several apps with the name, the first applies to a device in all their lists; the
 * others follow as reasons. */
export function whyName(
  state: State,
  kernel: KernelView,
  name: string,
  around: Surroundings,
): WhyAnswer {
  const { apps } = state.policy;
  const entries = new Map(
    matchText(state.observer.matcher, name).map(({ app, entry }) => [app, entry]),
  );
  const its = apps.flatMap((app) => claimOf(app, entries.get(app.name), name) ?? []);
  const kept = apps.flatMap((app) => exceptionsOf(app, name).map((by) => `${app.name}: ${by}`));
  const led = ledHere(state, name, around);
  const learned = learnedFrom(state, name, around);
  const first = its.find(({ app }) => app.direct === undefined) ?? its[0];
  if (first === undefined) {
    if (led.length === 0) return direct(apps, name, kept);
    const verdict = 'direct, but for the devices that an application led to it';
    const reasons = [...kept, ...led, ...learned];
    return { ...OF_NO_DEVICE, query: name, state: 'proxied', verdict, reasons };
  }
  const now = newFlows(first.app, state.policy.proxies, around);
  const said = (one: NowAnswer, { app, what }: Claim): string =>
    sentence(one, what, olderFlows(app, state, kernel, around));
  const rule = allKept(state, first.app, name, around.now);
  if (rule !== null) {
    const verdict = `direct by ${rule}, which has the addresses that were learned from it`;
    const reasons = [...kept, ...led, ...learned];
    return { ...OF_NO_DEVICE, query: name, state: 'direct', verdict, reasons };
  }
  const verdict = said(now, first);
  const others = its
    .filter((one) => one !== first)
    .map((one) => {
      const its = newFlows(one.app, state.policy.proxies, around);
      return `for devices of ${one.app.name} that ${first.app.name} does not have: ${said(its, one)}`;
    });
  const none = 'no address is known from it: no device has asked for it lately';
  const reasons = [...others, ...kept, ...led, ...(learned.length > 0 ? learned : [none])];
  const { state: way, proxy } = now;
  return { query: name, state: way, app: first.app.name, proxy, device: null, verdict, reasons };
}

/** By its name, or because a range has every IPv4 address; null: the app has neither. */
function claimOf(app: App, entry: string | undefined, name: string): Claim | null {
  if (entry !== undefined) {
    const { names, suffixes } = app.profile.dns;
    const by = [...names, ...suffixes].find(
      // A suffix is said with a dot before it.
      ({ value }) => value === entry.replace(/^\./, ''),
    )?.by;
    const more = [...(entry === name ? [] : [entry]), ...(by === undefined ? [] : [by])];
    return { app, what: `a name of ${app.name}${more.length > 0 ? ` (${more.join(', ')})` : ''}` };
  }
  const range = app.profile.ranges.find((one) => isEverywhere(one) && isWhole(one));
  if (range === undefined) return null;
  return { app, what: `${app.name} has every address, by ${range.source}` };
}

/** What keeps the name out of the app, in words. */
function exceptionsOf({ profile }: App, name: string): string[] {
  return profile.dns.except
    .filter(({ value }) => name === value || name.endsWith(`.${value}`))
    .map(({ value, by = 'the profile' }) => {
      const which = value === name ? '' : ` with ${value}`;
      return `kept direct as a name by ${by}${which}, but not by its addresses`;
    });
}

function direct(apps: readonly App[], name: string, kept: readonly string[]): WhyAnswer {
  const ports = apps.flatMap((app) =>
    app.profile.ranges
      .filter(isEverywhere)
      .map(
        (range) => `${portsOf(range)} of every address, which ${app.name} has by ${range.source}`,
      ),
  );
  const none = kept.length > 0 ? 'a rule or a profile keeps the name so' : NO_NAME;
  const why = apps.length > 0 ? none : NO_APP;
  const verdict = ports.length > 0 ? `direct, but for ${ports.join(' and ')}` : `direct: ${why}`;
  const ranged = apps.some(({ profile }) => profile.ranges.length > 0);
  const hint = ranged
    ? ['if its address is in a range of an app, that counts: whp why ADDRESS']
    : [];
  return {
    ...OF_NO_DEVICE,
    query: name,
    state: 'direct',
    verdict,
    reasons: [...kept, ...(kept.length > 0 ? hint : [])],
  };
}

const NO_NAME = 'no profile and no rule has this name';

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
  const left = (of: Endpoint): string => {
    const by = keptBy(state, of);
    const kept = by === null ? '' : `, and is kept direct by ${by}`;
    return `${durationText(seconds(of.kept - now))} left${kept}`;
  };
  const lines = [
    ...endpointsOf(state.learned, name, now).map(
      (one) => `${one.address} was learned from ${from(one)}; ${left(one)}`,
    ),
    ...endpointsOf(state.pairs, name, now).map(
      (one) =>
        `${one.address} was learned from ${from(one)}, for ${deviceText(names, one.device)}; ${left(one)}`,
    ),
  ];
  // Each app with the name learned the same addresses.
  return Array.from(new Set(lines));
}

function endpointsOf(learned: State['learned'], name: string, now: number): Endpoint[] {
  return livingEndpoints(learned, now).filter((one) => one.name === name || one.root === name);
}

/** The owner's rule that keeps all ports of the address direct; null: none. */
function keptBy({ apps }: State, { app, address }: Endpoint): string | null {
  const except = apps.get(app)?.except ?? [];
  return holding(except, { address }).find(isWhole)?.source ?? null;
}

/** The rule that keeps every address direct which was learned from the name; null: not every one, or none is known. */
function allKept(state: State, app: App, name: string, now: number): string | null {
  const rules = endpointsOf(state.learned, name, now)
    .filter((one) => one.app === app.name)
    .map((one) => keptBy(state, one));
  return rules.includes(null) ? null : (rules[0] ?? null);
}
