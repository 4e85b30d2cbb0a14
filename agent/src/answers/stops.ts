// answers/stops: which of the stops of preflight/look hold for a flow. Pure.
import type { App } from '../policy/policy.ts';
import { type Stop, type StopCause, stopBy } from '../preflight/look.ts';
import type { Family } from '../wire/address.ts';

/** The home, for stops. */
export interface Standing {
  /** The devices of `list lan`. */
  readonly lan: readonly string[];
  /** What the last look at the router found to stop new flows. */
  readonly stops: readonly Stop[];
  /** The device in whose network the address is, one of list lan first; null: in none of the home. */
  enters(address: string): string | null;
}

/** What is known of new flows. */
export interface Stoppable {
  readonly app: string;
  readonly family: Family;
  /** Address of their device; null: any device. */
  readonly source: string | null;
  /** The proxy of the app now; absent: it does not matter yet. */
  readonly proxy?: string;
}

/** The device outside list lan by which the packets of `source` come in; null: one of the list, or not known. */
export function strayOf(
  { lan, enters }: Omit<Standing, 'stops'>,
  source: string | null,
): string | null {
  const device = source === null ? null : enters(source);
  return device === null || lan.includes(device) ? null : device;
}

/** What stops these flows, all or only some of them; null: nothing. `causes`: by these alone. */
export function stopped(
  { lan, stops, enters }: Standing,
  { app, family, source, proxy }: Stoppable,
  causes?: readonly StopCause[],
): { readonly stop: Stop; readonly partly: boolean } | null {
  const from = source === null ? null : enters(source);
  const isIts = (one: Stop): boolean =>
    causes?.includes(one.cause) !== false &&
    [undefined, app].includes(one.app) &&
    [undefined, family].includes(one.family) &&
    [undefined, proxy].includes(one.proxy) &&
    (from === null || [undefined, from].includes(one.device));
  const its = stops.filter(isIts);
  const whole = its.filter(({ partly }) => partly !== true);
  const of = from === null ? lan : [from];
  const isCovered = of.every((name) => whole.some((one) => [undefined, name].includes(one.device)));
  const stop = isCovered ? whole[0] : its[0];
  return stop === undefined ? null : { stop, partly: !isCovered };
}

/** The devices of an app that DHCP has not met; empty: none. */
export function unmetStops({ name: app, unmet = [] }: App): Stop[] {
  if (unmet.length === 0) return [];
  const what = `no lease and no static host has had a name of ${unmet.join(', ')}, so nothing of it is proxied: write its MAC (list mac); whp devices`;
  return [stopBy('devices', 'direct', what, { app, partly: true })];
}
