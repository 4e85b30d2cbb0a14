// answers/why-parts: the answer of `whp why`, and the facts about the home that it needs besides the policy.
// Pure.
import type { FlowEvidence } from '../learn/evidence.ts';
import { slotOf } from '../policy/marks.ts';
import type { App } from '../policy/policy.ts';
import type { State } from '../step/state.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import { counted, durationText } from '../syntax/words.ts';
import { flowText } from '../wire/flow-text.ts';
import type { DeviceNames } from './device-names.ts';
import { type KernelView, seconds } from './flows.ts';
import { byWhich, type NowAnswer, type Present, wayOf } from './now.ts';

export interface WhyAnswer {
  readonly query: string;
  /** What happens to a packet now; "home": the address is of this home; "unknown": the kernel does not list its
   * sets, or the MAC of the device is not known. */
  readonly state: NowAnswer['state'] | 'home' | 'unknown';
  /** The app that the flow would be of; null: of none. */
  readonly app: string | null;
  /** null: it does not take a tunnel. */
  readonly proxy: string | null;
  /** Name of the device in the query; null: there is none, or it has no name. */
  readonly device: string | null;
  /** `state` in words. */
  readonly verdict: string;
  readonly reasons: readonly string[];
}

export const NO_APP = 'no app is enabled, so nothing is proxied';

/** The home's addresses and devices. */
export interface Surroundings extends Present {
  readonly hosts: readonly Host[];
  /** Addresses of the router itself. */
  readonly own: readonly string[];
  /** Whether the address is in a network of a LAN device. */
  isHome(address: string): boolean;
  readonly names: DeviceNames;
}

/** The line for an announced flow and its evidence. */
export function said(one: FlowEvidence, now: number): string {
  const ago = durationText(seconds(now - one.last));
  return `${one.app}: ${flowText(one.flow)}: ${one.kind}: ${one.detail} (${ago} ago)`;
}

/** What happens to a new flow of an app, in words; `what`: why it belongs to the app; `older`: number of its open
 * flows that are proxied. */
export function sentence(now: NowAnswer, what: string, older: number): string {
  const part = now.partly ? `; but not all of it: ${now.reason}` : '';
  if (now.state === 'proxied') return `proxied: ${what}, by proxy ${now.proxy}${part}`;
  if (now.state === 'refused') return `REFUSED now: ${what}; ${now.reason}`;
  const isStaying = older > 0 && (now.cause === 'paused' || now.cause === 'schedule');
  const connections = counted(older, 'older connection stays', 'older connections stay');
  const staying = isStaying ? `; ${connections} in the tunnel` : '';
  return `DIRECT now: ${what}; ${now.reason}${staying}`;
}

/** Number of open flows of the app that are proxied. */
export function olderFlows(
  app: App,
  { policy }: State,
  kernel: KernelView,
  around: Pick<Surroundings, 'choices'>,
): number {
  const listed = kernel.connections();
  const { globals, proxies } = policy;
  return (listed.ok ? listed.value : []).filter(
    (one) =>
      slotOf(globals.mask, one.mark) === app.slot &&
      wayOf(byWhich(one, app, proxies, around)).state === 'proxied',
  ).length;
}

/** The name of a device, else the address or MAC by which it is known. */
export function deviceText({ nameOf }: DeviceNames, known: string): string {
  return nameOf(known) ?? known;
}
